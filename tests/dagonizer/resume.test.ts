import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Checkpoint, DAGBuilder, Dagonizer, MemoryCheckpointStore, ValidationError } from '@noocodex/dagonizer';
import type { ExecutionResult } from '@noocodex/dagonizer/entities';
import { Notes, interruptible, line, node, ran, sleep } from './kit.ts';

const FAN_OUT = { 'all-success': null, partial: null, 'all-error': null, empty: null };

/** Through a store and back, as another process would have it. */
async function recalled(dag: string, result: ExecutionResult<Notes>) {
  const store = new MemoryCheckpointStore();
  await Checkpoint.persist(store, 'key', Checkpoint.from(dag, result));
  const found = await Checkpoint.recall(store, 'key', (snapshot) => Notes.restore(snapshot));
  assert.ok(found !== null && found.state !== result.state && found.state.lifecycle.kind === 'pending');
  return found;
}

describe('cancellation', () => {
  test('stops before the next node, and resumes there', async () => {
    const stop = new AbortController();
    const dispatcher = line(node('a'), node('b', () => stop.abort('visitor left')), node('c'));
    const result = await dispatcher.execute('line', new Notes(), { signal: stop.signal });
    const { lifecycle } = result.state;
    assert.ok(lifecycle.kind === 'cancelled' && lifecycle.reason === 'visitor left');
    assert.deepEqual([result.cursor, result.executedNodes], ['c', ['a', 'b']]);
    const { dagName, state, cursor } = await recalled('line', result);
    const second = await dispatcher.resume(dagName, state, cursor);
    assert.deepEqual([second.state.lifecycle.kind, second.cursor, ran], ['completed', null, ['a', 'b', 'c']]);
    assert.deepEqual(second.executedNodes, ['a', 'b', 'c']);
  });

  test('of what never began runs nothing', async () => {
    const dispatcher = line(node('a'));
    const result = await dispatcher.execute('line', new Notes(), { signal: AbortSignal.abort('early') });
    assert.deepEqual([result.cursor, result.state.lifecycle.kind, ran], ['a', 'cancelled', []]);
    const { state, cursor } = await recalled('line', result);
    assert.equal((await dispatcher.resume('line', state, cursor)).state.lifecycle.kind, 'completed');
  });

  test('during the last node is reported when it cut something short, and only then', async () => {
    const cut = new AbortController();
    const short = line(node('last', async (_, { signal }) => interruptible(10_000, signal)));
    setTimeout(() => cut.abort('now'), 5);
    const result = await short.execute('line', new Notes(), { signal: cut.signal });
    assert.deepEqual([result.state.lifecycle.kind, result.cursor], ['cancelled', 'last']);

    const late = new AbortController();
    const whole = line(node('last', () => sleep(20)));
    setTimeout(() => late.abort('now'), 5);
    const ended = await whole.execute('line', new Notes(), { signal: late.signal });
    assert.deepEqual([ended.state.lifecycle.kind, ended.cursor], ['completed', null]);
  });

  test('in the middle of a group runs only the unfinished members again', async () => {
    const stop = new AbortController();
    let patient = false;
    ran.length = 0;
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('quick'));
    for (const name of ['slow', 'slower']) {
      dispatcher.registerNode(node(name, async (_, { signal }) => (patient ? undefined : interruptible(10_000, signal))));
    }
    dispatcher.registerNode(node('end'));
    dispatcher.registerDAG(new DAGBuilder('d').parallel('all', ['slow', 'quick', 'slower'], 'all-success', { success: 'end', error: null }).node('end', 'end', { success: null }).build());
    setTimeout(() => stop.abort('enough'), 5);
    const first = await dispatcher.execute('d', new Notes(), { signal: stop.signal });
    assert.equal(first.cursor, 'all');
    const { state, cursor } = await recalled('d', first);
    ran.length = 0;
    patient = true;
    const second = await dispatcher.resume('d', state, cursor);
    assert.deepEqual([ran, second.state.lifecycle.kind], [['slow', 'slower', 'end'], 'completed']);
  });

  test('in the middle of a fan-out runs only the unfinished items again', async () => {
    const stop = new AbortController();
    let patient = false;
    ran.length = 0;
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('each', async (_, { item, signal }) => {
      if (!patient && item === 4) stop.abort('enough');
      if (!patient && (item as number) > 3) await interruptible(10_000, signal);
      return { output: 'success', result: (item as number) * 10 };
    }));
    dispatcher.registerDAG(new DAGBuilder('d').fanOut('all', 'each', 'items', FAN_OUT, { concurrency: 2, fanIn: { strategy: 'append', target: 'results' } }).build());
    const before = new Notes();
    before.items = [1, 2, 3, 4, 5, 6];
    const first = await dispatcher.execute('d', before, { signal: stop.signal });
    assert.deepEqual([first.cursor, first.state.results], ['all', []]);
    const { state, cursor } = await recalled('d', first);
    ran.length = 0;
    patient = true;
    await dispatcher.resume('d', state, cursor);
    assert.deepEqual([ran, state.results], [['each:4', 'each:5', 'each:6'], [10, 20, 30, 40, 50, 60]]);
  });
});

describe('in a sub-DAG', () => {
  const loop = (options: object = {}) => {
    ran.length = 0;
    const control = { stop: new AbortController(), patient: false };
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('scout'));
    dispatcher.registerNode(node('compose', (state) => {
      state.attempts['compose'] = (state.attempts['compose'] ?? 0) + 1;
      if (state.attempts['compose'] === 2 && !control.patient) control.stop.abort('left');
    }));
    dispatcher.registerNode(node('validate', (state) => (state.attempts['compose']! < 3 ? 'retry' : 'approved'), ['retry', 'approved']));
    dispatcher.registerNode(node('respond'));
    dispatcher.registerDAG(new DAGBuilder('compose-loop').node('compose-response', 'compose', { success: 'validate-response' })
      .node('validate-response', 'validate', { retry: 'compose-response', approved: null }).build());
    dispatcher.registerDAG(new DAGBuilder('d').node('scout', 'scout', { success: 'compose-loop' })
      .deepDAG('compose-loop', 'compose-loop', { success: 'respond', error: null }, options).node('respond', 'respond', { success: null }).build());
    return { dispatcher, control };
  };

  for (const [what, options] of [
    ['the same state', {}],
    ['a state of its own', { stateMapping: { input: { attempts: 'attempts' }, output: { attempts: 'attempts' } } }],
  ] as const) {
    test(`the cursor is nested, and the rest of it runs: ${what}`, async () => {
      const { dispatcher, control } = loop(options);
      const first = await dispatcher.execute('d', new Notes(), { signal: control.stop.signal });
      assert.equal(first.cursor, 'compose-loop/validate-response');
      const { state, cursor } = await recalled('d', first);
      ran.length = 0;
      control.patient = true;
      const second = await dispatcher.resume('d', state, cursor);
      assert.deepEqual(ran, ['validate', 'compose', 'validate', 'respond']);
      assert.deepEqual([second.state.attempts, second.state.lifecycle.kind], [{ compose: 3 }, 'completed']);
      assert.deepEqual(second.executedNodes.slice(0, 3), ['scout', 'compose-loop/compose-response', 'compose-loop/validate-response']);
    });
  }

  test('a plain inner name works, with a state that knows of no flow', async () => {
    const { dispatcher, control } = loop();
    control.patient = true;
    const state = new Notes();
    state.attempts = { compose: 2 };
    const { state: after } = await dispatcher.resume('d', state, 'validate-response');
    assert.deepEqual([ran, after.attempts], [['validate', 'compose', 'validate', 'respond'], { compose: 3 }]);
  });
});

describe('resume', () => {
  test('from a name anywhere in the DAG', async () => {
    const dispatcher = line(node('a'), node('b'), node('c'));
    const { executedNodes } = await dispatcher.resume('line', new Notes(), 'b');
    assert.deepEqual([executedNodes, ran], [['b', 'c'], ['b', 'c']]);
  });

  test('after a failure tries what failed, and nothing before it', async () => {
    let broken = true;
    const dispatcher = line(node('a'), node('b', () => { if (broken) throw new Error('down'); }), node('c'));
    const first = await dispatcher.execute('line', new Notes());
    const { state, cursor } = await recalled('line', first);
    broken = false;
    const second = await dispatcher.resume('line', state, cursor);
    assert.deepEqual([ran, second.state.lifecycle.kind], [['a', 'b', 'b', 'c'], 'completed']);
  });

  test('with a DAG that has changed begins at the cursor', async () => {
    const stop = new AbortController();
    const old = line(node('a', () => stop.abort()), node('b'));
    const { state, cursor } = await recalled('line', await old.execute('line', new Notes(), { signal: stop.signal }));
    const changed = line(node('x'), node('b'), node('c'));
    assert.deepEqual((await changed.resume('line', state, cursor)).executedNodes, ['a', 'b', 'c']);
  });

  test('histories cover all legs', async () => {
    const stops = [new AbortController(), new AbortController()];
    const dispatcher = line(node('a', () => stops[0]!.abort()), node('b', () => stops[1]!.abort()), node('c'));
    const one = await recalled('line', await dispatcher.execute('line', new Notes(), { signal: stops[0]!.signal }));
    const two = await recalled('line', await dispatcher.resume('line', one.state, one.cursor, { signal: stops[1]!.signal }));
    assert.deepEqual([one.executedNodes, two.executedNodes], [['a'], ['a', 'b']]);
    assert.deepEqual((await dispatcher.resume('line', two.state, two.cursor)).executedNodes, ['a', 'b', 'c']);
  });
});

describe('checkpoints', () => {
  const stopped = async () => {
    const stop = new AbortController();
    return line(node('a', () => stop.abort()), node('b')).execute('line', new Notes(), { signal: stop.signal });
  };

  test('are made of unfinished flows only', async () => {
    const ended = await line(node('a')).execute('line', new Notes());
    assert.throws(() => Checkpoint.from('line', ended), { code: 'NO_CURSOR' });
    const data = Checkpoint.from('line', await stopped());
    assert.deepEqual([data.version, data.dagName, data.cursor, data.executedNodes, data.skippedNodes], ['1', 'line', 'b', ['a'], []]);
    assert.deepEqual(JSON.parse(JSON.stringify(data)), data);
  });

  test('are null where there is none', async () => {
    const store = new MemoryCheckpointStore();
    assert.equal(await Checkpoint.recall(store, 'none', () => new Notes()), null);
    await store.save('k', 'v');
    assert.deepEqual([store.size, await store.load('k')], [1, 'v']);
    await store.delete('k');
    assert.equal(store.size, 0);
  });

  test('that were tampered with are refused', async () => {
    const data = Checkpoint.from('line', await stopped());
    const bad: unknown[] = [
      { ...data, version: '2' }, { ...data, version: 1 }, { ...data, cursor: null }, { ...data, state: [] }, { ...data, dagName: '' },
      { ...data, executedNodes: [1] }, { ...data, more: 1 }, [], null, 'text', {},
    ];
    for (const value of bad) {
      const store = new MemoryCheckpointStore();
      await store.save('k', JSON.stringify(value));
      await assert.rejects(Checkpoint.recall(store, 'k', (s) => Notes.restore(s)), ValidationError, JSON.stringify(value));
    }
    for (const text of ['', '{', 'undefined']) assert.throws(() => Checkpoint.restore(text, (s) => Notes.restore(s)), ValidationError);
    const progress = { ...(data.state['progress'] as object), machine: 'AAAA' };
    const damaged = { ...data, state: { ...data.state, progress } };
    const { state, cursor } = Checkpoint.restore(damaged, (s) => Notes.restore(s));
    await assert.rejects(async () => line(node('a'), node('b')).resume('line', state, cursor), ValidationError);
  });

  test("of a store that fails give the store's own error", async () => {
    const own = new Error('disk full');
    const fail = async () => { throw own; };
    const store = { save: fail, load: fail, delete: fail };
    const data = Checkpoint.from('line', await stopped());
    await assert.rejects(Checkpoint.persist(store, 'k', data), (error) => error === own);
    await assert.rejects(Checkpoint.recall(store, 'k', () => new Notes()), (error) => error === own);
  });

  test('with values that JSON cannot hold raise, and lose nothing', async () => {
    for (const value of [NaN, Infinity, 1n, new Map(), new Date(0), () => 1, Symbol('s'), [undefined]]) {
      const result = await stopped();
      result.state.results = [value];
      assert.throws(() => Checkpoint.from('line', result), ValidationError);
    }
    const circle = await stopped();
    circle.state.results.push(circle.state.results);
    assert.throws(() => Checkpoint.from('line', circle), /Notes\.results\[0\] is a circle/);
  });
});
