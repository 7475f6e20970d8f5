// method: third
export function first() {}
export function second() {}
