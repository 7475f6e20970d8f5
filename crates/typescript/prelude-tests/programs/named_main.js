// params: {"x": 1}
export async function main(params) { return params; }
export const other = 1;
