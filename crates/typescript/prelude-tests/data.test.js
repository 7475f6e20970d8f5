import test from 'node:test';
import assert from 'node:assert/strict';

test('TextEncoder and TextDecoder', () => {
  assert.deepEqual([...new TextEncoder().encode('é\ud800')], [0xc3, 0xa9, 0xef, 0xbf, 0xbd]);
  const out = new Uint8Array(4);
  assert.deepEqual(new TextEncoder().encodeInto('a€€', out), { read: 2, written: 4 });
  const decode = (bytes, options, label) => new TextDecoder(label, options).decode(Uint8Array.from(bytes));
  assert.equal(decode([0xef, 0xbb, 0xbf, 0x61]), 'a');
  assert.equal(decode([0xef, 0xbb, 0xbf, 0x61], { ignoreBOM: true }), '\ufeffa');
  assert.equal(decode([0xe2, 0x82, 0x61, 0xf0, 0x9f]), '\ufffda\ufffd');
  assert.equal(decode([0xc0, 0x80, 0xed, 0xa0, 0x80]), '\ufffd'.repeat(5));
  assert.throws(() => decode([0xff], { fatal: true }), TypeError);
  assert.equal(decode([0x61, 0, 0xe9, 0], {}, 'utf-16le'), 'aé');
  assert.equal(decode([0x80, 0xe9], {}, 'latin1'), '€é');
  assert.throws(() => new TextDecoder('klingon'), RangeError);
  const long = 'añ€😀'.repeat(200);
  assert.equal(new TextDecoder().decode(new TextEncoder().encode(long)), long);
  const streaming = new TextDecoder();
  assert.equal(streaming.decode(Uint8Array.of(0xe2, 0x82), { stream: true }) + streaming.decode(Uint8Array.of(0xac)), '€');
});

test('atob and btoa', () => {
  assert.equal(btoa('hi\xff'), 'aGn/');
  assert.equal(atob(' aGn/ '), 'hi\xff');
  assert.throws(() => btoa('€'), { name: 'InvalidCharacterError' });
  assert.throws(() => atob('a'), { name: 'InvalidCharacterError' });
});

test('structuredClone', () => {
  const value = {
    date: new Date(5), pattern: /x/gi, map: new Map([[{ k: 1 }, new Set([1])]]), list: [1, , 3], bytes: new Uint16Array([1, 2]), buffer: new ArrayBuffer(2),
    nothing: null, missing: undefined, big: 5n, box: new Number(3), error: new RangeError('r', { cause: 'c' }), nan: NaN, zero: -0,
  };
  value.self = value;
  const copy = structuredClone(value);
  assert.notEqual(copy, value);
  assert.equal(copy.self, copy);
  assert.equal(copy.error.name, 'RangeError');
  assert.equal(copy.error.cause, 'c');
  for (const key of ['date', 'pattern', 'map', 'list', 'bytes', 'buffer', 'nothing', 'missing', 'big', 'box', 'nan', 'zero']) {
    assert.deepEqual(copy[key], value[key], key);
  }
  class Foo { constructor() { this.a = 1; } }
  assert.equal(structuredClone(new Foo()).constructor, Object);
  for (const bad of [() => {}, Symbol('s'), { f() {} }, new WeakMap(), Promise.resolve()]) {
    assert.throws(() => structuredClone(bad), { name: 'DataCloneError' });
  }
  const shared = { x: 1 };
  const pair = structuredClone([shared, shared]);
  assert.equal(pair[0], pair[1]);
});

test('Blob, File, FormData', async () => {
  const blob = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], { type: 'Text/Plain' });
  assert.equal(blob.size, 4);
  assert.equal(blob.type, 'text/plain');
  assert.equal(await blob.slice(1, -1).text(), 'bc');
  const form = new FormData();
  form.append('a', 1);
  form.append('a', '2');
  form.append('f', blob, 'x.txt');
  assert.deepEqual(form.getAll('a'), ['1', '2']);
  assert.equal(form.get('f').name, 'x.txt');
  const back = await new Response(form).formData();
  assert.deepEqual(back.getAll('a'), ['1', '2']);
  assert.equal(await back.get('f').text(), 'abcd');
});

test('Headers', () => {
  const headers = new Headers([['B', '2'], ['a', ' 1 '], ['b', '3'], ['Set-Cookie', 'x=1'], ['set-cookie', 'y=2']]);
  assert.deepEqual([...headers], [['a', '1'], ['b', '2, 3'], ['set-cookie', 'x=1'], ['set-cookie', 'y=2']]);
  assert.deepEqual(headers.getSetCookie(), ['x=1', 'y=2']);
  assert.equal(headers.get('B'), '2, 3');
  headers.delete('b');
  assert.equal(headers.has('b'), false);
  assert.throws(() => headers.set('bad name', '1'), TypeError);
  assert.throws(() => headers.set('a', 'x\ny'), TypeError);
});

test('Request and Response', async () => {
  const request = new Request('http://x/y?z#h', { method: 'post', body: new URLSearchParams({ a: '1' }), headers: { X: 'y' } });
  assert.equal(request.method, 'POST');
  assert.equal(request.headers.get('content-type'), 'application/x-www-form-urlencoded;charset=UTF-8');
  const copy = request.clone();
  assert.equal(await request.text(), 'a=1');
  assert.equal(request.bodyUsed, true);
  assert.equal(await copy.text(), 'a=1');
  await assert.rejects(request.text(), TypeError);
  assert.throws(() => new Request('http://x', { method: 'GET', body: 'x' }), TypeError);
  const response = Response.json({ ok: true }, { status: 201, headers: { a: 'b' } });
  assert.deepEqual([response.status, response.ok, response.headers.get('content-type'), response.headers.get('a')], [201, true, 'application/json', 'b']);
  assert.deepEqual(await response.json(), { ok: true });
  assert.throws(() => new Response('x', { status: 99 }), RangeError);
  assert.throws(() => new Response('x', { status: 204 }), TypeError);
  const parts = [];
  for await (const chunk of new Response('streamed').body) parts.push(chunk);
  assert.equal(Buffer.concat(parts).toString(), 'streamed');
  const streamed = new Response(new ReadableStream({ start(controller) { controller.enqueue(new TextEncoder().encode('abc')); controller.close(); } }));
  assert.equal(await streamed.text(), 'abc');
  assert.equal(Response.redirect('http://x/', 301).headers.get('location'), 'http://x/');
});
