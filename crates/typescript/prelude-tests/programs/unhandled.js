export default async () => { Promise.reject(new RangeError('lost')); await new Promise((resolve) => setTimeout(resolve, 10)); };
