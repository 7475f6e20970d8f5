import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DottedPathAccessor, NodeStateBase, RetryPolicy, SignalComposer, VirtualClock, VirtualScheduler, type RetryPolicyOptions } from '@noocodex/dagonizer';
import { LifecycleMachine } from '@noocodex/dagonizer/lifecycle';
import { ConfigurationError, DAGError, ExecutionError, NodeTimeoutError, NotFoundError, ValidationError } from '@noocodex/dagonizer/errors';
import { Notes } from './kit.ts';

describe('states', () => {
  class Hidden extends NodeStateBase {
    #secret = 'none';
    shown = 1;
    set secret(value: string) { this.#secret = value; }
    get secret(): string { return this.#secret; }
    protected override snapshotData() { return { secret: this.#secret, shown: this.shown }; }
    protected override restoreData(snap: Record<string, any>): void {
      this.#secret = snap['secret'];
      this.shown = snap['shown'];
    }
  }

  test('a clone is of the same class, and apart', () => {
    const state = new Notes();
    state.items = [{ deep: [1] }];
    state.setMetadata('k', { v: 1 });
    const clone = state.clone();
    assert.ok(clone instanceof Notes && clone !== state);
    (clone.items[0] as any).deep.push(2);
    (clone.getMetadata('k') as any).v = 2;
    assert.deepEqual([state.items, state.getMetadata('k')], [[{ deep: [1] }], { v: 1 }]);
    const hidden = new Hidden();
    hidden.secret = 'kept';
    assert.equal(hidden.clone().secret, 'kept');
  });

  test('what a subclass does not speak of is kept all the same', () => {
    const state = new Notes();
    state.items = ['x'];
    state.collectError({ code: 'C', message: 'm' });
    state.collectWarning({ code: 'W', message: 'w' });
    state.setMetadata('k', 1);
    const back = Notes.restore(JSON.parse(JSON.stringify(state.snapshot())));
    assert.ok(back instanceof Notes);
    assert.deepEqual([back.items, back.errors, back.warnings, back.metadata], [['x'], state.errors, state.warnings, { k: 1 }]);
    const hidden = new Hidden();
    hidden.secret = 's';
    assert.equal(Hidden.restore(hidden.snapshot()).secret, 's');
  });

  test("keys that are the base's own are refused", () => {
    class Wrong extends NodeStateBase {
      protected override snapshotData() { return { errors: 1 }; }
    }
    assert.throws(() => new Wrong().snapshot(), /"errors"/);
  });

  test('lives go forward only', () => {
    const running = LifecycleMachine.start(LifecycleMachine.initial(), 5);
    assert.deepEqual(LifecycleMachine.end(running, 'cancelled', 7, { reason: 'r' }), { kind: 'cancelled', startedAt: 5, finishedAt: 7, reason: 'r' });
    assert.throws(() => LifecycleMachine.start(running, 6), ExecutionError);
    assert.throws(() => LifecycleMachine.end(LifecycleMachine.initial(), 'completed', 6), ExecutionError);
  });
});

test('paths are read and written', () => {
  const accessor = new DottedPathAccessor();
  const state = { a: { b: [{ c: 1 }] } } as any;
  assert.deepEqual([accessor.get(state, 'a.b.0.c'), accessor.get(state, 'a.x.y')], [1, undefined]);
  accessor.set(state, 'n.m', 2);
  accessor.set(state, 'a.b.0.c', 3);
  assert.deepEqual(state, { a: { b: [{ c: 3 }] }, n: { m: 2 } });
  for (const path of ['', 'a..b', '__proto__.x', 'a.constructor.prototype.y']) assert.throws(() => accessor.set(state, path, 1), ConfigurationError);
  assert.throws(() => accessor.set(state, 'n.m.o', 1), /number/);
});

describe('retries', () => {
  test('delays grow as their names say, and stay in bounds', () => {
    const delays = (options: RetryPolicyOptions) => [1, 2, 3, 4].map((attempt) => new RetryPolicy({ baseMs: 10, ...options }).delay(attempt));
    assert.deepEqual(delays({ backoff: 'constant' }), [10, 10, 10, 10]);
    assert.deepEqual(delays({ backoff: 'linear' }), [10, 20, 30, 40]);
    assert.deepEqual(delays({ backoff: 'exponential' }), [10, 20, 40, 80]);
    assert.deepEqual(delays({ backoff: 'exponential', maxMs: 25 }), [10, 20, 25, 25]);
    assert.deepEqual(delays({ backoff: 'exponential', jitter: 0.5, random: () => 0.5 }), [8, 15, 30, 60]);
    assert.equal(new RetryPolicy({ baseMs: 10, backoff: 'decorrelated-jitter', random: () => 0.5 }).delay(3, 40), 65);
    for (const wrong of [{ attempts: 0 }, { baseMs: -1 }, { maxMs: 1 }, { jitter: 2 }, { backoff: 'no' as 'linear' }]) {
      assert.throws(() => new RetryPolicy(wrong), ConfigurationError, JSON.stringify(wrong));
    }
  });

  test('run until the work succeeds, fails for good, or is not wanted', async () => {
    const scheduler = new VirtualScheduler();
    const policy = new RetryPolicy({ attempts: 3, baseMs: 1000, backoff: 'constant', scheduler });
    let calls = 0;
    const result = policy.run((attempt) => {
      calls++;
      if (attempt < 3) throw new Error('no');
      return attempt;
    });
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.deepEqual([calls, scheduler.pending], [1, 1]);
    scheduler.advance(999);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.equal(calls, 1);
    scheduler.advance(1);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    scheduler.advance(1000);
    assert.equal(await result, 3);
    const refuse = new RetryPolicy({ retryOn: () => false });
    await assert.rejects(refuse.run(() => { throw new Error('once'); }), /once/);
    const stop = new AbortController();
    const waiting = policy.run(() => { throw new Error('again'); }, stop.signal);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    stop.abort(new Error('stopped'));
    await assert.rejects(waiting, /stopped/);
  });
});

test('signals are composed', () => {
  const scheduler = new VirtualScheduler(new VirtualClock(100));
  const one = new AbortController();
  const composed = SignalComposer.compose({ signal: one.signal, signals: [null, undefined], deadlineMs: 50 }, scheduler);
  assert.deepEqual([composed.signal.aborted, scheduler.pending], [false, 1]);
  one.abort('why');
  assert.deepEqual([composed.signal.reason, scheduler.pending], ['why', 0]);
  const late = SignalComposer.compose({ deadlineMs: 50 }, scheduler);
  scheduler.advance(50);
  assert.equal((late.signal.reason as Error).name, 'TimeoutError');
  assert.equal(SignalComposer.compose({ signal: AbortSignal.abort('x'), deadlineMs: 1 }, scheduler).signal.aborted, true);
});

test('errors are of their classes, and have codes', () => {
  for (const [error, code] of [
    [new ConfigurationError('m'), 'CONFIGURATION_ERROR'], [new ExecutionError('m'), 'EXECUTION_ERROR'], [new NotFoundError('m'), 'NOT_FOUND'],
    [new ValidationError('m'), 'VALIDATION_ERROR'], [new NodeTimeoutError('n', 5), 'NODE_TIMEOUT'],
  ] as const) {
    assert.ok(error instanceof DAGError && error instanceof Error);
    assert.deepEqual([error.code, error.name], [code, error.constructor.name]);
  }
});
