// Against the fake host of the test runner: it gives back what it was asked, as JSON.
import test from 'node:test';
import assert from 'node:assert/strict';

test('GET', async () => {
  const response = await fetch('http://host.test/echo?x=1#hash', { headers: { A: 'b' } });
  assert.equal(response.status, 200);
  assert.equal(response.ok, true);
  assert.equal(response.url, 'http://host.test/echo?x=1');
  const asked = await response.json();
  assert.deepEqual(asked, { url: 'http://host.test/echo?x=1', method: 'GET', headers: [['a', 'b']], redirect: 'follow', body: null });
  await assert.rejects(response.text(), TypeError);
});

for (const [body, type, text] of [
  ['text', 'text/plain;charset=UTF-8', 'text'],
  [new URLSearchParams({ a: '1 2' }), 'application/x-www-form-urlencoded;charset=UTF-8', 'a=1+2'],
  [new Uint8Array([104, 105]), undefined, 'hi'],
  [new Blob(['b'], { type: 'x/y' }), 'x/y', 'b'],
  [ReadableStream.from(['s', 't']), undefined, 'st'],
]) {
  test(`POST ${body.constructor.name}`, async () => {
    const asked = await (await fetch(new URL('http://host.test/echo'), { method: 'post', body, duplex: 'half' })).json();
    assert.equal(asked.method, 'POST');
    assert.equal(Object.fromEntries(asked.headers)['content-type'], type);
    assert.equal(asked.body, text);
  });
}

test('a Request', async () => {
  const request = new Request('http://host.test/echo', { method: 'PUT', body: '{}', redirect: 'manual' });
  const asked = await (await fetch(request)).json();
  assert.equal(asked.redirect, 'manual');
  assert.equal(request.bodyUsed, true);
});

test('statuses without a body', async () => {
  const response = await fetch('http://host.test/status/204');
  assert.equal(response.status, 204);
  assert.equal(response.body, null);
  assert.equal((await fetch('http://host.test/status/500')).ok, false);
});

test('failures', async () => {
  await assert.rejects(fetch('http://host.test/refused'), (error) => {
    assert.equal(error.name, 'TypeError');
    assert.equal(error.message, 'fetch failed');
    assert.equal(error.cause.code, 'ECONNREFUSED');
    assert.match(error.stack, /fetch\.test\.js/);
    return true;
  });
  await assert.rejects(fetch('http://host.test/denied'), { name: 'PermissionDenied', code: 'EPERM', message: /--allow-net/ });
  await assert.rejects(fetch('not a url'), TypeError);
  await assert.rejects(fetch('ftp://x/'), TypeError);
});

test('abort', async () => {
  const controller = new AbortController();
  const waiting = fetch('http://host.test/never', { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  await assert.rejects(waiting, { name: 'AbortError' });
  await assert.rejects(fetch('http://host.test/never', { signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' });
  await assert.rejects(fetch('http://host.test/echo', { signal: AbortSignal.abort('why') }), (error) => error === 'why');
});

test('data URLs', async () => {
  assert.equal(await (await fetch('data:text/plain;base64,aGk=')).text(), 'hi');
  const response = await fetch('data:,a%20b');
  assert.equal(await response.text(), 'a b');
  assert.equal(response.headers.get('content-type'), 'text/plain;charset=US-ASCII');
});

test('streaming a response', async () => {
  const response = await fetch('http://host.test/echo');
  const copy = response.clone();
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) text += chunk;
  assert.deepEqual(JSON.parse(text), await copy.json());
});
