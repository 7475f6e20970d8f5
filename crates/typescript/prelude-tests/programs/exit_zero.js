export default async () => { try { process.exit(0); } catch { console.log('never'); } await 1; console.log('never'); };
