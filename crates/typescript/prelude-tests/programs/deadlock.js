export default async function waits() { await new Promise(() => {}); }
