import test from 'node:test';
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

const text = 'héllo €😀';
for (const [encoding, coded] of [
  ['utf8', text],
  ['hex', '68c3a96c6c6f20e282acf09f9880'],
  ['base64', 'aMOpbGxvIOKCrPCfmIA='],
  ['base64url', 'aMOpbGxvIOKCrPCfmIA'],
  ['latin1', 'hÃ©llo â\x82¬ð\x9f\x98\x80'],
]) {
  test(`to and from ${encoding}`, () => {
    assert.equal(Buffer.from(text).toString(encoding), coded);
    assert.ok(Buffer.from(coded, encoding).equals(Buffer.from(text)));
  });
}

test('other encodings', () => {
  assert.deepEqual([...Buffer.from('a€', 'utf16le')], [0x61, 0, 0xac, 0x20]);
  assert.equal(Buffer.from([0x61, 0, 0xac, 0x20]).toString('ucs2'), 'a€');
  assert.equal(Buffer.from([0xe9, 0x61]).toString('ascii'), 'ia');
  assert.equal(Buffer.from('abcdxx', 'hex').toString('hex'), 'abcd');
  assert.equal(Buffer.from('abc', 'hex').toString('hex'), 'ab');
  assert.equal(Buffer.from('aGk', 'base64').toString(), 'hi');
  assert.equal(Buffer.from(' aG\nk= ignored', 'base64').toString(), 'hi');
  assert.equal(Buffer.from('_-8', 'base64').toString('hex'), 'ffef');
  assert.throws(() => Buffer.from('a', 'klingon'), { code: 'ERR_UNKNOWN_ENCODING' });
  assert.equal(Buffer.from([0xff, 0x61, 0xe2, 0x82]).toString(), '\ufffda\ufffd');
  assert.equal(Buffer.from('\ud800x').toString('hex'), 'efbfbd78');
});

test('making', () => {
  assert.equal(Buffer.alloc(3, 'ab').toString(), 'aba');
  assert.equal(Buffer.concat([Buffer.from('ab'), Buffer.from('cd')], 3).toString(), 'abc');
  const memory = new ArrayBuffer(4);
  const view = Buffer.from(memory, 1, 2);
  view[0] = 7;
  assert.deepEqual([...new Uint8Array(memory)], [0, 7, 0, 0]);
  assert.deepEqual([...Buffer.from({ type: 'Buffer', data: [1, 2] })], [1, 2]);
  assert.deepEqual([...Buffer.from({ length: 2, 0: 5, 1: 6 })], [5, 6]);
  assert.throws(() => Buffer.from(5), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.equal(Buffer.byteLength('€'), 3);
  assert.equal(Buffer.byteLength('aGk=', 'base64'), 2);
  assert.equal(Buffer.isBuffer(Buffer.alloc(0)), true);
  assert.equal(Buffer.isBuffer(new Uint8Array(0)), false);
  assert.equal(Buffer.isEncoding('UTF-8'), true);
  assert.equal(Buffer.from('a') instanceof Uint8Array, true);
  assert.equal(Buffer.from('a').constructor, Buffer);
});

test('slices share memory', () => {
  const buffer = Buffer.from('abcdef');
  const part = buffer.slice(1, 3);
  part[0] = 0x7a;
  assert.equal(buffer.toString(), 'azcdef');
  assert.equal(buffer.subarray(-2).toString(), 'ef');
  assert.ok(Buffer.isBuffer(part));
  assert.ok(Buffer.isBuffer(buffer.map((x) => x)));
});

test('without new', () => {
  assert.equal(Buffer('x').toString(), 'x');
  assert.equal(new Buffer(2).length, 2);
  assert.equal(Buffer.name, 'Buffer');
  assert.ok(Object.getPrototypeOf(Buffer) === Uint8Array);
  assert.deepEqual([...Buffer.of(1, 2)], [1, 2]);
});

test('searching and comparing', () => {
  const buffer = Buffer.from('this is a buffer');
  for (const [args, at] of [[['is'], 2], [['is', 3], 5], [['is', -12], 5], [[Buffer.from('a buffer')], 8], [[97], 8], [['none'], -1], [[''], 0], [['', 99], 16]]) {
    assert.equal(buffer.indexOf(...args), at, JSON.stringify(args));
  }
  assert.equal(buffer.lastIndexOf('is'), 5);
  assert.equal(buffer.lastIndexOf('is', 4), 2);
  assert.equal(buffer.includes('buf'), true);
  assert.equal(Buffer.compare(Buffer.from('a'), Buffer.from('b')), -1);
  assert.equal(Buffer.from('b').compare(Buffer.from('ab'), 1, 2), 0);
  assert.equal(Buffer.from('a').equals(new Uint8Array([97])), true);
});

test('numbers', () => {
  const buffer = Buffer.alloc(8);
  for (const [kind, value, hex] of [
    ['UInt8', 0xfe, 'fe'], ['Int8', -2, 'fe'], ['UInt16LE', 0x1234, '3412'], ['UInt16BE', 0x1234, '1234'], ['Int16BE', -2, 'fffe'],
    ['UInt32LE', 0xdeadbeef, 'efbeadde'], ['Int32BE', -2, 'fffffffe'], ['FloatBE', 1.5, '3fc00000'], ['DoubleLE', -0.5, '000000000000e0bf'],
    ['BigInt64BE', -2n, 'fffffffffffffffe'], ['BigUInt64LE', 1n, '0100000000000000'],
  ]) {
    const end = buffer[`write${kind}`](value, 0);
    assert.equal(buffer.toString('hex', 0, end), hex, kind);
    assert.equal(buffer[`read${kind}`](0), value, kind);
  }
  buffer.writeIntBE(-5, 0, 6);
  assert.equal(buffer.readIntBE(0, 6), -5);
  buffer.writeUIntLE(0x123456, 1, 3);
  assert.equal(buffer.readUIntLE(1, 3), 0x123456);
  assert.throws(() => buffer.readUInt32LE(6), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => buffer.writeUInt8(256), { code: 'ERR_OUT_OF_RANGE', message: 'The value of "value" is out of range. It must be >= 0 and <= 255. Received 256' });
});

test('writing, filling, copying', () => {
  const buffer = Buffer.alloc(4);
  assert.equal(buffer.write('€€'), 3);
  assert.equal(buffer.toString('hex'), 'e282ac00');
  assert.equal(buffer.write('ff', 2, 'hex'), 1);
  assert.equal(buffer.fill('xy').toString(), 'xyxy');
  const target = Buffer.from('....');
  assert.equal(Buffer.from('abcd').copy(target, 1, 1, 9), 3);
  assert.equal(target.toString(), '.bcd');
  assert.equal(Buffer.from([1, 2, 3, 4]).swap16().toString('hex'), '02010403');
  assert.equal(JSON.stringify(Buffer.from('hi')), '{"type":"Buffer","data":[104,105]}');
});
