import test from 'node:test';
import assert from 'node:assert/strict';
import EventEmitter, { once, on } from 'node:events';
import { inherits } from 'node:util';

test('listeners run in order, once listeners once', () => {
  const emitter = new EventEmitter();
  const seen = [];
  emitter.on('x', (value) => seen.push(`a${value}`));
  emitter.prependListener('x', (value) => seen.push(`b${value}`));
  emitter.once('x', (value) => seen.push(`c${value}`));
  assert.equal(emitter.emit('x', 1), true);
  emitter.emit('x', 2);
  assert.deepEqual(seen, ['b1', 'a1', 'c1', 'b2', 'a2']);
  assert.equal(emitter.emit('none'), false);
  assert.deepEqual(emitter.eventNames(), ['x']);
  assert.equal(emitter.listenerCount('x'), 2);
});

test('removing', () => {
  const emitter = new EventEmitter();
  const f = () => {};
  emitter.once('x', f).on('x', f);
  assert.deepEqual(emitter.listeners('x'), [f, f]);
  emitter.off('x', f);
  assert.equal(emitter.listenerCount('x'), 1);
  emitter.removeAllListeners();
  assert.deepEqual(emitter.eventNames(), []);
});

test('a listener that is removed during an emit still hears it', () => {
  const emitter = new EventEmitter();
  let heard = 0;
  const second = () => { heard += 1; };
  emitter.on('x', () => emitter.off('x', second));
  emitter.on('x', second);
  emitter.emit('x');
  emitter.emit('x');
  assert.equal(heard, 1);
});

test('errors nobody listens for are thrown', () => {
  const emitter = new EventEmitter();
  assert.throws(() => emitter.emit('error', new TypeError('t')), { name: 'TypeError', message: 't' });
  assert.throws(() => emitter.emit('error', 'text'), { code: 'ERR_UNHANDLED_ERROR', message: "Unhandled error. ('text')" });
  assert.throws(() => emitter.on('x', 'no'), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('old-style inheritance', () => {
  function Old() { EventEmitter.call(this); }
  inherits(Old, EventEmitter);
  const old = new Old();
  let got;
  old.on('x', (value) => { got = value; });
  old.emit('x', 5);
  assert.equal(got, 5);
  assert.ok(old instanceof EventEmitter);
});

test('newListener and removeListener', () => {
  const emitter = new EventEmitter();
  const seen = [];
  emitter.on('newListener', (type) => seen.push(`+${type}`));
  emitter.on('removeListener', (type) => seen.push(`-${type}`));
  const f = () => {};
  emitter.on('x', f);
  emitter.off('x', f);
  assert.deepEqual(seen, ['+removeListener', '+x', '-x']);
});

test('events.once and events.on', async () => {
  const emitter = new EventEmitter();
  queueMicrotask(() => emitter.emit('x', 1, 2));
  assert.deepEqual(await once(emitter, 'x'), [1, 2]);
  queueMicrotask(() => emitter.emit('error', new Error('bad')));
  await assert.rejects(once(emitter, 'x'), { message: 'bad' });
  queueMicrotask(() => { for (const i of [1, 2, 3]) emitter.emit('y', i); });
  const seen = [];
  for await (const [i] of on(emitter, 'y')) {
    seen.push(i);
    if (i === 3) break;
  }
  assert.deepEqual(seen, [1, 2, 3]);
  const controller = new AbortController();
  const waiting = once(emitter, 'z', { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError', code: 'ABORT_ERR' });
});

test('EventTarget', () => {
  const target = new EventTarget();
  const seen = [];
  const listener = { handleEvent(event) { seen.push(event.type); } };
  target.addEventListener('a', listener);
  target.addEventListener('a', listener);
  target.addEventListener('a', (event) => { seen.push(event.target === target); event.stopImmediatePropagation(); }, { once: true });
  target.addEventListener('a', () => seen.push('last'));
  target.dispatchEvent(new Event('a'));
  target.dispatchEvent(new Event('a'));
  assert.deepEqual(seen, ['a', true, 'a', 'last']);
  const event = new CustomEvent('c', { detail: { x: 1 }, cancelable: true });
  target.addEventListener('c', (e) => e.preventDefault());
  assert.equal(target.dispatchEvent(event), false);
  assert.equal(event.detail.x, 1);
});
