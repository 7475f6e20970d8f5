import test from 'node:test';
import assert from 'node:assert/strict';

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const numbers = (count) => new ReadableStream({
  start() { this.next = 0; },
  pull(controller) {
    if (this.next === count) controller.close();
    else controller.enqueue(this.next++);
  },
});

test('readers and iteration', async () => {
  assert.deepEqual(await collect(numbers(3)), [0, 1, 2]);
  const reader = numbers(1).getReader();
  assert.deepEqual(await reader.read(), { value: 0, done: false });
  assert.deepEqual(await reader.read(), { value: undefined, done: true });
  await reader.closed;
  assert.deepEqual(await collect(ReadableStream.from(['a', 'b'])), ['a', 'b']);
});

test('locks', async () => {
  const stream = numbers(2);
  const reader = stream.getReader();
  assert.equal(stream.locked, true);
  assert.throws(() => stream.getReader(), TypeError);
  await assert.rejects(stream.cancel(), TypeError);
  reader.releaseLock();
  assert.deepEqual(await collect(stream), [0, 1]);
});

test('errors', async () => {
  const stream = new ReadableStream({ start(controller) { controller.enqueue(1); controller.error(new Error('broken')); } });
  await assert.rejects(collect(stream), { message: 'broken' });
  const failing = new ReadableStream({ pull() { throw new Error('pull'); } });
  await assert.rejects(failing.getReader().read(), { message: 'pull' });
});

test('cancel tells the source', async () => {
  let reason;
  const stream = new ReadableStream({ cancel(why) { reason = why; } });
  await stream.cancel('enough');
  assert.equal(reason, 'enough');
  const early = numbers(100);
  for await (const n of early) if (n === 2) break;
  assert.equal(early.locked, false);
});

test('tee', async () => {
  const [a, b] = numbers(3).tee();
  assert.deepEqual(await Promise.all([collect(a), collect(b)]), [[0, 1, 2], [0, 1, 2]]);
});

test('pipes and transforms', async () => {
  const written = [];
  let closed = false;
  await numbers(4).pipeThrough(new TransformStream({
    transform(n, controller) { if (n % 2) controller.enqueue(n * 10); },
    flush(controller) { controller.enqueue('end'); },
  })).pipeTo(new WritableStream({ write(chunk) { written.push(chunk); }, close() { closed = true; } }));
  assert.deepEqual(written, [10, 30, 'end']);
  assert.equal(closed, true);
});

test('a failing sink stops the source', async () => {
  let cancelled;
  const source = new ReadableStream({ pull(controller) { controller.enqueue(1); }, cancel(why) { cancelled = why.message; } });
  await assert.rejects(source.pipeTo(new WritableStream({ write() { throw new Error('full'); } })), { message: 'full' });
  assert.equal(cancelled, 'full');
});

test('writers', async () => {
  const written = [];
  const stream = new WritableStream({ write(chunk) { written.push(chunk); } }, { highWaterMark: 2 });
  const writer = stream.getWriter();
  assert.equal(writer.desiredSize, 2);
  writer.write('a');
  writer.write('b');
  assert.equal(writer.desiredSize, 0);
  await writer.ready;
  await writer.close();
  assert.deepEqual(written, ['a', 'b']);
  await assert.rejects(writer.write('c'), TypeError);
});

test('text', async () => {
  const bytes = new TextEncoder().encode('aé€😀');
  const torn = new ReadableStream({ start(controller) { for (const byte of bytes) controller.enqueue(Uint8Array.of(byte)); controller.close(); } });
  assert.equal((await collect(torn.pipeThrough(new TextDecoderStream()))).join(''), 'aé€😀');
  const coded = await collect(ReadableStream.from(['x\ud83d', '\ude00']).pipeThrough(new TextEncoderStream()));
  assert.equal(Buffer.concat(coded).toString(), 'x😀');
});
