import test from 'node:test';
import assert from 'node:assert/strict';
import { fileURLToPath, pathToFileURL } from 'node:url';

for (const [init, text] of [
  ['a=1&b=2', 'a=1&b=2'],
  ['?a=1', 'a=1'],
  ['a=b=c', 'a=b%3Dc'],
  ['a&b=', 'a=&b='],
  ['', ''],
  ['&&a=1&', 'a=1'],
  ['a=%zz&b=%41', 'a=%25zz&b=A'],
  ['a=1+2', 'a=1+2'],
  ['%C3%A9=%E2%82%AC', '%C3%A9=%E2%82%AC'],
  [{ x: 1, y: null }, 'x=1&y=null'],
  [[['a', 'b'], ['a', 'c']], 'a=b&a=c'],
  [new Map([['k', 'v']]), 'k=v'],
  [new URLSearchParams('q=1'), 'q=1'],
  ["~!'()*-._", '%7E%21%27%28%29*-._='],
]) test(`URLSearchParams ${JSON.stringify(init)}`, () => assert.equal(new URLSearchParams(init).toString(), text));

test('URLSearchParams changes', () => {
  const params = new URLSearchParams('b=2&a=1&b=3');
  assert.deepEqual(params.getAll('b'), ['2', '3']);
  assert.equal(params.get('none'), null);
  params.set('b', 'x');
  assert.equal(`${params}`, 'b=x&a=1');
  params.append('c', '\ud800');
  assert.equal(params.get('c'), '\ufffd');
  params.sort();
  assert.deepEqual([...params.keys()], ['a', 'b', 'c']);
  params.delete('c', 'other');
  assert.equal(params.has('c'), true);
  params.delete('c');
  assert.equal(params.size, 2);
  assert.throws(() => new URLSearchParams([['a']]), { code: 'ERR_INVALID_TUPLE' });
});

test('URL parts', () => {
  const url = new URL('../b?x=1#h', 'https://u:p@EXAMPLE.org:8080/a/c');
  assert.equal(url.href, 'https://u:p@example.org:8080/b?x=1#h');
  assert.deepEqual(
    [url.origin, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash],
    ['https://example.org:8080', 'https:', 'u', 'p', 'example.org:8080', 'example.org', '8080', '/b', '?x=1', '#h']);
  url.searchParams.append('y', 'z w');
  assert.equal(url.search, '?x=1&y=z+w');
  url.search = 'q=2';
  assert.equal(url.searchParams.get('q'), '2');
  url.port = '';
  url.hash = '';
  url.pathname = '/ä b';
  assert.equal(url.href, 'https://u:p@example.org/%C3%A4%20b?q=2');
  assert.equal(JSON.stringify({ url }), '{"url":"https://u:p@example.org/%C3%A4%20b?q=2"}');
  assert.equal(URL.canParse('nope'), false);
  assert.throws(() => new URL('nope'), { name: 'TypeError', code: 'ERR_INVALID_URL', input: 'nope' });
  assert.equal(new URL('http://x').searchParams.size, 0);
});

test('paths and URLs', () => {
  assert.equal(fileURLToPath('file:///a%20b/c'), '/a b/c');
  assert.equal(pathToFileURL('/a b/#c?').href, 'file:///a%20b/%23c%3F');
  assert.throws(() => fileURLToPath('http://x/y'), { code: 'ERR_INVALID_URL_SCHEME' });
});
