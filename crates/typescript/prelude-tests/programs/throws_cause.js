export default async function main() { throw Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E_X' }); }
