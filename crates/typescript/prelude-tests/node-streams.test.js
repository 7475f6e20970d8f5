import test from 'node:test';
import assert from 'node:assert/strict';
import { Duplex, PassThrough, Readable, Transform, Writable, finished, pipeline } from 'node:stream';
import { finished as finishedLater, pipeline as pipelineLater } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { inherits } from 'node:util';

const upper = () => new Transform({ transform(chunk, encoding, callback) { callback(null, chunk.toString().toUpperCase()); } });

test('pipeline', async () => {
  const out = [];
  await pipelineLater(Readable.from(['a', 'b', 'c']), upper(), new Writable({ write(chunk, encoding, callback) { out.push(`${chunk}`); callback(); } }));
  assert.deepEqual(out, ['A', 'B', 'C']);
  await pipelineLater(['x', 'y'], async function* twice(source) { for await (const chunk of source) yield `${chunk}${chunk}`; }, async (source) => {
    assert.equal(await text(source), 'xxyy');
  });
  await new Promise((resolve, reject) => pipeline(Readable.from(['q']), new PassThrough().resume(), (error) => (error ? reject(error) : resolve())));
});

test('errors go through a pipeline', async () => {
  const source = Readable.from((async function* source() { yield 'a'; throw new Error('source'); })());
  const end = new PassThrough();
  end.resume();
  await assert.rejects(pipelineLater(source, upper(), end), { message: 'source' });
  assert.equal(end.destroyed, true);
});

test('flowing and paused reading', async () => {
  const stream = new Readable({ read() {} });
  stream.push('ab');
  stream.push('cd');
  stream.push(null);
  stream.setEncoding('utf8');
  const seen = [];
  stream.on('data', (chunk) => seen.push(chunk));
  await once(stream, 'end');
  assert.equal(seen.join(''), 'abcd');
  const paused = Readable.from([Buffer.from('hello')], { objectMode: false });
  await once(paused, 'readable');
  assert.equal(paused.read(2).toString(), 'he');
  assert.equal(paused.read().toString(), 'llo');
});

test('object mode and back-pressure', async () => {
  const source = new Readable({ objectMode: true, read() { this.n = (this.n ?? 0) + 1; this.push(this.n > 3 ? null : { n: this.n }); } });
  assert.deepEqual(await source.toArray(), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  const slow = new Writable({ highWaterMark: 2, write(chunk, encoding, callback) { setImmediate(callback); } });
  assert.equal(slow.write('abc'), false);
  await once(slow, 'drain');
  slow.end();
  await finishedLater(slow);
  assert.equal(slow.writableFinished, true);
});

test('write after end', async () => {
  const stream = new Writable({ write(chunk, encoding, callback) { callback(); } });
  stream.end('x');
  stream.write('y');
  const [error] = await once(stream, 'error');
  assert.equal(error.code, 'ERR_STREAM_WRITE_AFTER_END');
});

test('destroy', async () => {
  const stream = new Readable({ read() {} });
  stream.destroy(new Error('gone'));
  await assert.rejects(finishedLater(stream), { message: 'gone' });
  const other = new PassThrough();
  setImmediate(() => other.destroy());
  await assert.rejects(finishedLater(other), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  await new Promise((resolve) => finished(Readable.from([]).resume(), resolve));
});

test('old-style streams', async () => {
  function Counter() { Readable.call(this, { encoding: 'utf8' }); this.n = 0; }
  inherits(Counter, Readable);
  Counter.prototype._read = function read() { this.push(this.n < 3 ? String(this.n++) : null); };
  assert.equal(await text(new Counter()), '012');
  assert.ok(new Transform() instanceof Writable);
  assert.ok(new Duplex() instanceof Readable);
});
