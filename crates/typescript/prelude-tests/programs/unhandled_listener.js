process.on('unhandledRejection', (reason) => console.log(`heard ${reason.message}`));
export default async () => { Promise.reject(new Error('lost')); await new Promise((resolve) => setTimeout(resolve, 10)); return 'went on'; };
