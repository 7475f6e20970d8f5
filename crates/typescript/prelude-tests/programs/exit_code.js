export default async () => { setTimeout(() => process.exit(3), 1); await new Promise(() => {}); };
