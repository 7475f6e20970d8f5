import test from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

test('abort', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const seen = [];
  signal.onabort = (event) => seen.push(event.type);
  signal.addEventListener('abort', () => seen.push('listener'));
  controller.abort();
  controller.abort();
  assert.deepEqual(seen, ['abort', 'listener']);
  assert.equal(signal.aborted, true);
  assert.equal(signal.reason.name, 'AbortError');
  assert.ok(signal.reason instanceof DOMException);
  assert.equal(signal.reason.code, 20);
  assert.throws(() => signal.throwIfAborted(), { name: 'AbortError' });
});

test('reasons', () => {
  assert.equal(AbortSignal.abort('why').reason, 'why');
  assert.throws(() => new AbortSignal(), TypeError);
});

test('any', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const any = AbortSignal.any([a.signal, b.signal]);
  const nested = AbortSignal.any([any]);
  b.abort('b');
  assert.equal(any.reason, 'b');
  assert.equal(nested.reason, 'b');
  assert.equal(AbortSignal.any([AbortSignal.abort('x')]).reason, 'x');
  assert.equal(AbortSignal.any([]).aborted, false);
});

test('timeout', async () => {
  const signal = AbortSignal.timeout(20);
  assert.equal(signal.aborted, false);
  await sleep(40);
  assert.equal(signal.reason.name, 'TimeoutError');
});

test('timers can be withdrawn', async () => {
  const controller = new AbortController();
  const waiting = sleep(1e9, 'late', { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError', code: 'ABORT_ERR' });
  await assert.rejects(sleep(1, 0, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('listeners with a signal', () => {
  const controller = new AbortController();
  const target = new EventTarget();
  let heard = 0;
  target.addEventListener('x', () => { heard += 1; }, { signal: controller.signal });
  target.dispatchEvent(new Event('x'));
  controller.abort();
  target.dispatchEvent(new Event('x'));
  assert.equal(heard, 1);
});
