// method: second
export function first() { return 1; }
export async function* second() { yield 's'; return 2; }
