import test from 'node:test';
import assert from 'node:assert';
import strict from 'node:assert/strict';
import path from 'node:path';
import util from 'node:util';
import querystring from 'node:querystring';
import { StringDecoder } from 'node:string_decoder';
import { createHash, createHmac, randomBytes, randomInt, randomUUID, timingSafeEqual, pbkdf2Sync, hkdfSync } from 'node:crypto';
import { AsyncLocalStorage } from 'node:async_hooks';

for (const [call, args, result] of [
  ['join', ['/a', '..', 'b/./c//d', '..'], '/b/c'], ['join', [], '.'], ['join', ['a', '', '..', '..'], '..'], ['normalize', ['/a/../../b/'], '/b/'],
  ['normalize', [''], '.'], ['resolve', ['/a', 'b', '../c'], '/a/c'], ['resolve', ['/a', '/b'], '/b'], ['relative', ['/a/b/c', '/a/d'], '../../d'],
  ['relative', ['/a', '/a'], ''], ['dirname', ['/a/b'], '/a'], ['dirname', ['/a'], '/'], ['dirname', ['a'], '.'], ['dirname', ['/a/b/'], '/a'],
  ['basename', ['/a/b.js'], 'b.js'], ['basename', ['/a/b.js', '.js'], 'b'], ['basename', ['/a/'], 'a'], ['basename', ['.js', '.js'], ''], ['basename', ['/a/.js', '.js'], '.js'],
  ['extname', ['a.b.c'], '.c'], ['extname', ['.bashrc'], ''], ['extname', ['a.'], '.'], ['extname', ['a/b'], ''],
  ['isAbsolute', ['/a'], true], ['isAbsolute', ['a'], false], ['parse', ['/home/u/f.txt'], { root: '/', dir: '/home/u', base: 'f.txt', ext: '.txt', name: 'f' }],
  ['parse', ['f'], { root: '', dir: '', base: 'f', ext: '', name: 'f' }], ['parse', ['/'], { root: '/', dir: '/', base: '', ext: '', name: '' }],
  ['format', [{ dir: '/x', base: 'y' }], '/x/y'], ['format', [{ root: '/', name: 'n', ext: '.e' }], '/n.e'],
]) test(`path.${call}(${args.map((arg) => JSON.stringify(arg)).join()})`, () => strict.deepEqual(path[call](...args), result));

test('path.win32', () => {
  strict.equal(path.win32.join('C:\\a', '..', 'b'), 'C:\\b');
  strict.equal(path.win32.basename('C:\\x\\y.txt'), 'y.txt');
  strict.equal(path.win32.isAbsolute('C:/x'), true);
});

test('assert', () => {
  assert.ok(true);
  assert.equal(1, '1');
  assert.throws(() => strict.equal(1, 2), { name: 'AssertionError', code: 'ERR_ASSERTION', message: 'Expected values to be strictly equal:\n\n1 !== 2\n' });
  assert.throws(() => strict.deepEqual({ a: 1 }, { a: 2 }), /strictly deep-equal/);
  assert.throws(() => assert.throws(() => {}), /Missing expected exception/);
  assert.throws(() => assert.equal(1, 2, new TypeError('mine')), TypeError);
  assert.throws(() => { throw new Error('abc'); }, /abc/);
  assert.throws(() => { throw Object.assign(new Error('abc'), { code: 5 }); }, { code: 5, message: /b/ });
  assert.match('abc', /b/);
  assert.doesNotThrow(() => {});
  assert.ifError(null);
});

for (const [a, b, same] of [
  [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true], [[1, 2], [1, 2, 3], false], [new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1]]), true],
  [new Set([[1]]), new Set([[1]]), true], [new Set([1]), new Set([2]), false], [NaN, NaN, true], [0, -0, false], [1, '1', false],
  [new Date(1), new Date(1), true], [/a/g, /a/i, false], [new Error('x'), new Error('x'), true], [new Error('x'), new Error('y'), false],
  [[1, , 3], [1, undefined, 3], false], [Object.create(null), {}, false], [new Uint8Array([1]), new Uint8Array([1]), true], [{ a: undefined }, {}, false],
]) test(`isDeepStrictEqual ${util.inspect(a)} ${util.inspect(b)}`, () => strict.equal(util.isDeepStrictEqual(a, b), same));

test('util', async () => {
  const later = util.promisify((value, callback) => callback(value ? null : new Error('no'), value));
  strict.equal(await later(5), 5);
  await strict.rejects(later(0), { message: 'no' });
  strict.equal(await util.promisify(setTimeout)(1, 'done'), 'done');
  await new Promise((resolve) => util.callbackify(async (x) => x + 1)(1, (error, value) => { strict.equal(value, 2); resolve(); }));
  strict.equal(util.types.isAsyncFunction(async () => {}), true);
  strict.equal(util.types.isGeneratorFunction(function* g() {}), true);
  strict.equal(util.types.isUint8Array(new Uint8Array(1)), true);
  strict.equal(util.stripVTControlCharacters('\x1b[31mred\x1b[39m'), 'red');
  strict.equal(util.styleText('red', 'x', { validateStream: false }), '\x1b[31mx\x1b[39m');
  const { values, positionals } = util.parseArgs({ args: ['-v', '--name', 'n', '--list=a', '--list=b', 'rest'],
    options: { verbose: { type: 'boolean', short: 'v' }, name: { type: 'string' }, list: { type: 'string', multiple: true } }, allowPositionals: true });
  strict.deepEqual({ ...values }, { verbose: true, name: 'n', list: ['a', 'b'] });
  strict.deepEqual(positionals, ['rest']);
  strict.throws(() => util.parseArgs({ args: ['--nope'] }), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
});

test('querystring and StringDecoder', () => {
  strict.deepEqual({ ...querystring.parse('a=1&a=2&b=%20x+y&c') }, { a: ['1', '2'], b: ' x y', c: '' });
  strict.equal(querystring.stringify({ a: [1, 2], b: 'x y', c: true }), 'a=1&a=2&b=x%20y&c=true');
  const decoder = new StringDecoder('utf8');
  strict.equal(decoder.write(Buffer.from([0xe2, 0x82])) + decoder.write(Buffer.from([0xac, 0x61])) + decoder.end(), '€a');
});

test('crypto', async () => {
  strict.equal(createHash('sha256').update('ab').update('c').digest('hex'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  strict.equal(createHash('md5').update('abc').digest('base64'), 'kAFQmDzST7DWlj99KOF/cg==');
  strict.equal(createHmac('sha256', 'key').update('The quick brown fox jumps over the lazy dog').digest('hex'),
    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8');
  strict.throws(() => createHash('nope'));
  strict.match(randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  strict.notEqual(crypto.randomUUID(), crypto.randomUUID());
  strict.equal(randomBytes(5).length, 5);
  for (let i = 0; i < 50; i++) strict.ok([3, 4].includes(randomInt(3, 5)));
  strict.equal(timingSafeEqual(Buffer.from('a'), Buffer.from('a')), true);
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode('abc'));
  strict.equal(Buffer.from(digest).toString('hex'), 'a9993e364706816aba3e25717850c26c9cd0d89d');
  const key = await crypto.subtle.importKey('raw', Buffer.from('key'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  const signature = await crypto.subtle.sign('HMAC', key, Buffer.from('x'));
  strict.equal(await crypto.subtle.verify('HMAC', key, signature, Buffer.from('x')), true);
  strict.equal(await crypto.subtle.verify('HMAC', key, signature, Buffer.from('y')), false);
  strict.equal(pbkdf2Sync('password', 'salt', 2, 20, 'sha1').toString('hex'), 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957');
  strict.equal(Buffer.from(hkdfSync('sha256', 'key', 'salt', 'info', 16)).toString('hex'), '9ca0d662557439e3b83365f2da4626d3');
  strict.throws(() => crypto.getRandomValues(new Float32Array(1)), { name: 'TypeMismatchError' });
});

test('AsyncLocalStorage', async () => {
  const storage = new AsyncLocalStorage();
  strict.equal(storage.getStore(), undefined);
  strict.equal(storage.run('a', () => storage.getStore()), 'a');
  strict.equal(await storage.run('b', async () => { await null; return storage.getStore(); }), 'b');
  strict.equal(storage.getStore(), undefined);
});

test('process', () => {
  strict.equal(typeof process.cwd(), 'string');
  process.env.QUICKSAVE_TEST = 1;
  strict.equal(process.env.QUICKSAVE_TEST, '1');
  strict.ok('QUICKSAVE_TEST' in process.env);
  strict.ok(Object.keys(process.env).includes('QUICKSAVE_TEST'));
  delete process.env.QUICKSAVE_TEST;
  strict.equal(process.env.QUICKSAVE_TEST, undefined);
  strict.equal(process.hrtime().length, 2);
  strict.equal(typeof process.hrtime.bigint(), 'bigint');
  strict.ok(performance.now() >= 0);
});
