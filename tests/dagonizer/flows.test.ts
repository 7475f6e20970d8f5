import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAGBuilder, Dagonizer, NodeTimeoutError, NotFoundError, ConfigurationError, NodeStateBase } from '@noocodex/dagonizer';
import { Notes, line, node, ran, sleep } from './kit.ts';

describe('a line', () => {
  test('runs in order, whether nodes are asynchronous or not', async () => {
    const dispatcher = line(node('a'), node('b', async () => ({ output: 'success' })), node('c', () => undefined));
    const state = new Notes();
    assert.equal(state.lifecycle.kind, 'pending');
    const flow = dispatcher.execute('line', state);
    const result = await flow;
    assert.deepEqual(result.executedNodes, ['a', 'b', 'c']);
    assert.deepEqual([result.cursor, result.skippedNodes, result.state === state], [null, [], true]);
    assert.equal(state.lifecycle.kind, 'completed');
    assert.equal((await flow).state, state);
  });

  test('goes where the port leads', async () => {
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('ask', (state) => ((state.attempts['ask'] = (state.attempts['ask'] ?? 0) + 1) < 3 ? 'again' : 'done'), ['again', 'done']));
    dispatcher.registerNode(node('end'));
    dispatcher.registerDAG(new DAGBuilder('loop').node('ask', 'ask', { again: 'ask', done: 'end' }).node('end', 'end', { success: null }).build());
    const { executedNodes } = await dispatcher.execute('loop', new Notes());
    assert.deepEqual(executedNodes, ['ask', 'ask', 'ask', 'end']);
  });

  test('can be iterated, in step with the nodes', async () => {
    const dispatcher = line(node('a'), node('b'), node('c'));
    const seen: [string, string[]][] = [];
    for await (const { nodeName, output, state } of dispatcher.execute('line', new Notes())) {
      assert.equal(output, 'success');
      seen.push([nodeName, [...state.ran]]);
    }
    assert.deepEqual(seen, [['a', ['a']], ['b', ['a', 'b']], ['c', ['a', 'b', 'c']]]);
  });

  test('is cancelled by leaving its iteration', async () => {
    const dispatcher = line(node('a'), node('b'), node('c'));
    const state = new Notes();
    for await (const { nodeName } of dispatcher.execute('line', state)) if (nodeName === 'a') break;
    assert.equal(state.lifecycle.kind, 'cancelled');
    assert.deepEqual(state.ran.includes('c'), false);
  });
});

describe('errors', () => {
  test('fail the flow, and are in the result', async () => {
    const wrong = new TypeError('no such thing');
    const dispatcher = line(node('a'), node('b', () => { throw wrong; }), node('c'));
    const { state, cursor } = await dispatcher.execute('line', new Notes());
    assert.ok(state.lifecycle.kind === 'failed' && state.lifecycle.error === wrong);
    assert.equal(cursor, 'b');
    assert.deepEqual(state.errors.map(({ nodeName, message }) => [nodeName, message]), [['b', 'no such thing']]);
  });

  test('of rejected promises too', async () => {
    const dispatcher = line(node('a', async () => { await sleep(1); throw new Error('later'); }));
    const { state } = await dispatcher.execute('line', new Notes());
    assert.ok(state.lifecycle.kind === 'failed' && (state.lifecycle.error as Error).message === 'later');
  });

  test('go to the port `error` where that is wired', async () => {
    const dispatcher = line(node('a', () => { throw new Error('x'); }, ['success', 'error']), node('b'));
    const { state, executedNodes } = await dispatcher.execute('line', new Notes());
    assert.deepEqual([state.lifecycle.kind, executedNodes], ['completed', ['a', 'b']]);
  });

  test('tell of a port that is not wired', async () => {
    const dispatcher = line(node('a', () => 'sideways'));
    const { state } = await dispatcher.execute('line', new Notes());
    assert.ok(state.lifecycle.kind === 'failed');
    assert.match((state.lifecycle.error as Error).message, /"sideways".*success/);
  });

  test('of names that nobody registered', async () => {
    const dispatcher = line(node('a'));
    assert.throws(() => dispatcher.execute('none', new Notes()), NotFoundError);
    assert.throws(() => dispatcher.getNode('none'), NotFoundError);
    assert.throws(() => dispatcher.getDAG('none'), /there are: line/);
    assert.throws(() => dispatcher.registerNode(node('a')), ConfigurationError);
    assert.throws(() => dispatcher.registerDAG(dispatcher.getDAG('line')), ConfigurationError);
    await assert.rejects(async () => dispatcher.resume('line', new Notes(), 'nowhere'), NotFoundError);
    assert.deepEqual([dispatcher.listDAGs(), dispatcher.listNodes()], [['line'], ['a']]);
    dispatcher.destroy();
    assert.throws(() => dispatcher.execute('line', new Notes()), ConfigurationError);
  });

  test('of a node that is missing name it', () => {
    const dispatcher = new Dagonizer<Notes>().registerDAG(new DAGBuilder('d').node('a', 'absent', { success: null }).build());
    assert.throws(() => dispatcher.execute('d', new Notes()), /"absent"/);
  });
});

describe('retries and times', () => {
  const timed = (body: Parameters<typeof node>[1], options: object) => {
    ran.length = 0;
    const dispatcher = new Dagonizer<Notes>().registerNode(node('a', body, ['success']));
    return dispatcher.registerDAG(new DAGBuilder('d').node('a', 'a', { success: null }, options).build());
  };

  test('a node is tried again', async () => {
    const retry = { attempts: 3, backoff: 'constant', baseMs: 1 } as const;
    const attempts: number[] = [];
    const dispatcher = timed((_, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    }, { retry });
    const { state } = await dispatcher.execute('d', new Notes());
    assert.deepEqual([attempts, state.lifecycle.kind, state.errors.length], [[1, 2, 3], 'completed', 0]);
  });

  test('and fails when its attempts are used up', async () => {
    const dispatcher = timed(() => { throw new Error('never'); }, { retry: { attempts: 2, baseMs: 1 } });
    const { state, cursor } = await dispatcher.execute('d', new Notes());
    assert.deepEqual([ran.length, state.lifecycle.kind, cursor], [2, 'failed', 'a']);
  });

  test('a node that takes too long is cut short and told so', async () => {
    let told: unknown;
    const dispatcher = timed(async (_, { signal }) => {
      signal.addEventListener('abort', () => { told = signal.reason; });
      await sleep(10_000);
    }, { timeoutMs: 20 });
    const { state } = await dispatcher.execute('d', new Notes());
    assert.ok(state.lifecycle.kind === 'failed' && state.lifecycle.error instanceof NodeTimeoutError);
    assert.ok(told instanceof NodeTimeoutError);
  });

  test('a deadline ends a flow, whatever its node does', async () => {
    const dispatcher = timed(() => sleep(10_000), {});
    const { state, cursor } = await dispatcher.execute('d', new Notes(), { deadlineMs: 20 });
    assert.deepEqual([state.lifecycle.kind, cursor], ['timed_out', 'a']);
  });
});

describe('groups', () => {
  test('run their members at one time, and combine their ports', async () => {
    for (const [combine, bad, port] of [['all-success', true, 'error'], ['any-success', true, 'success'], ['all-success', false, 'success']] as const) {
      const dispatcher = new Dagonizer<Notes>();
      let most = 0, now = 0;
      for (const name of ['x', 'y', 'z']) {
        dispatcher.registerNode(node(name, async () => {
          most = Math.max(most, ++now);
          await sleep(2);
          now--;
          return bad && name === 'y' ? 'error' : 'success';
        }, ['success', 'error']));
      }
      for (const name of ['good', 'poor']) dispatcher.registerNode(node(name));
      dispatcher.registerDAG(new DAGBuilder('d').parallel('all', ['x', 'y', 'z'], combine, { success: 'good', error: 'poor' })
        .node('good', 'good', { success: null }).node('poor', 'poor', { success: null }).build());
      const { executedNodes } = await dispatcher.execute('d', new Notes());
      assert.equal(most, 3);
      assert.equal(executedNodes.at(-1), port === 'success' ? 'good' : 'poor');
    }
  });

  test('a registered function combines', async () => {
    const dispatcher = new Dagonizer<Notes>();
    for (const name of ['x', 'y']) dispatcher.registerNode(node(name, () => (name === 'x' ? 'left' : 'right'), ['left', 'right']));
    dispatcher.registerCombine('vote', (results) => results.map(({ name, output }) => `${name}-${output}`).join());
    dispatcher.registerDAG(new DAGBuilder('d').parallel('all', ['x', 'y'], 'vote', { 'x-left,y-right': null }).build());
    assert.equal((await dispatcher.execute('d', new Notes())).state.lifecycle.kind, 'completed');
  });

  test('a fan-out keeps to its window, and collects results, not source items', async () => {
    let most = 0, now = 0;
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('twice', async (state, { item }) => {
      assert.equal(state.getMetadata('currentItem'), item);
      most = Math.max(most, ++now);
      await sleep(item === 1 ? 8 : 1);
      now--;
      return { output: 'success', result: (item as number) * 2 };
    }));
    const outputs = { 'all-success': null, partial: null, 'all-error': null, empty: null };
    dispatcher.registerDAG(new DAGBuilder('d').fanOut('each', 'twice', 'items', outputs, { concurrency: 3, fanIn: { strategy: 'append', target: 'results' } }).build());
    const state = new Notes();
    state.items = [1, 2, 3, 4, 5, 6, 7];
    await dispatcher.execute('d', state);
    assert.deepEqual([state.results, most, state.lifecycle.kind], [[2, 4, 6, 8, 10, 12, 14], 3, 'completed']);
    const empty = await dispatcher.execute('d', new Notes());
    assert.deepEqual([empty.executedNodes, empty.skippedNodes], [[], ['each']]);
  });

  test('a fan-out parts results by port, and keeps what others do to their copies apart', async () => {
    class Sorted extends Notes {
      even: number[] = [];
      odd: number[] = [];
      failed: number[] = [];
    }
    const dispatcher = new Dagonizer<Sorted>();
    dispatcher.registerNode(node('sort', (state, { item }) => {
      (state as Sorted).even.push(99);
      if (item === 3) throw new Error('three');
      return (item as number) % 2 === 0 ? 'even' : 'odd';
    }, ['even', 'odd']));
    dispatcher.registerDAG(new DAGBuilder('d').fanOut('each', 'sort', 'items', { 'all-success': null, partial: null, 'all-error': null, empty: null }, {
      fanIn: { strategy: 'partition', partitions: { even: 'even', odd: 'odd', error: 'failed' } },
    }).build());
    const state = new Sorted();
    state.items = [1, 2, 3, 4, 5];
    await dispatcher.execute('d', state);
    assert.deepEqual([state.even, state.odd, state.failed], [[2, 4], [1, 5], [3]]);
    assert.equal(state.errors.length, 1);
  });

  test('a custom fan-in gets all results', async () => {
    const dispatcher = new Dagonizer<Notes>();
    dispatcher.registerNode(node('same', (_, { item }) => ({ output: 'success', result: item })));
    dispatcher.registerNode(node('sum', (state, { results }) => {
      state.results = [results!.reduce((sum, { result }) => sum + (result as number), 0)];
    }));
    dispatcher.registerDAG(new DAGBuilder('d').fanOut('each', 'same', 'items', { 'all-success': null, partial: null, 'all-error': null, empty: null }, { fanIn: { strategy: 'custom', customNode: 'sum' } }).build());
    const state = new Notes();
    state.items = [1, 2, 3];
    await dispatcher.execute('d', state);
    assert.deepEqual(state.results, [6]);
  });
});

describe('sub-DAGs', () => {
  const nested = (inner: ReturnType<typeof node>, options: object = {}) => {
    ran.length = 0;
    const dispatcher = new Dagonizer<Notes>();
    for (const one of [node('before'), inner, node('after')]) dispatcher.registerNode(one);
    dispatcher.registerDAG(new DAGBuilder('inner').node('work', inner, { success: null }).build());
    return dispatcher.registerDAG(new DAGBuilder('outer').node('before', 'before', { success: 'deep' })
      .deepDAG('deep', 'inner', { success: 'after', error: 'after' }, options).node('after', 'after', { success: null }).build());
  };

  test('work on the same state without a mapping', async () => {
    const dispatcher = nested(node('work', (state) => void (state.results = ['inside'])));
    const { state, executedNodes } = await dispatcher.execute('outer', new Notes());
    assert.deepEqual([state.results, executedNodes], [['inside'], ['before', 'deep/work', 'deep', 'after']]);
  });

  test('have a state of their own with one', async () => {
    const dispatcher = nested(node('work', (state) => {
      assert.deepEqual(state.items, ['given']);
      state.results.push('taken');
      state.attempts['lost'] = 1;
    }), { stateMapping: { input: { items: 'results' }, output: { 'attempts.kept': 'results' } } });
    const state = new Notes();
    state.results = ['given'];
    await dispatcher.execute('outer', state);
    assert.deepEqual(state.results, ['given']);
    assert.deepEqual(state.attempts, { kept: ['given', 'taken'] });
  });

  test('that throw fail their parent, and are never swallowed', async () => {
    const dispatcher = new Dagonizer<Notes>().registerNode(node('work', () => { throw new Error('deep down'); }));
    dispatcher.registerDAG(new DAGBuilder('inner').node('work', 'work', { success: null }).build());
    dispatcher.registerDAG(new DAGBuilder('outer').deepDAG('deep', 'inner', { success: null, error: null }).build());
    const wired = await dispatcher.execute('outer', new Notes());
    assert.ok(wired.state.errors.some(({ message }) => message.includes('deep down')));
  });
});

test('hooks come in their order, and what they throw changes nothing', async () => {
  const calls: string[] = [];
  class Watched extends Dagonizer<Notes> {
    protected override onFlowStart(dag: string): void { calls.push(`start ${dag}`); }
    protected override onFlowEnd(dag: string, state: Notes): void { calls.push(`end ${dag} ${state.lifecycle.kind}`); }
    protected override onNodeStart(name: string): void { calls.push(`+${name}`); throw new Error('hook'); }
    protected override onNodeEnd(name: string, output: string): void { calls.push(`-${name} ${output}`); }
    protected override onError(name: string, error: unknown): void { calls.push(`!${name} ${(error as Error).message}`); }
  }
  const dispatcher = new Watched();
  dispatcher.registerNode(node('a')).registerNode(node('b', () => { throw new Error('x'); })).registerNode(node('c'));
  const builder = new DAGBuilder('d').node('a', 'a', { success: 'b' }).node('b', 'b', { success: null, error: 'c' });
  dispatcher.registerDAG(builder.node('c', 'c', { success: null }).build());
  const { state } = await dispatcher.execute('d', new Notes());
  assert.deepEqual(calls, ['start d', '+a', '-a success', '+b', '!b x', '-b error', '+c', '-c success', 'end d completed']);
  assert.deepEqual(state.warnings.map(({ code }) => code), ['HOOK_FAILED', 'HOOK_FAILED', 'HOOK_FAILED']);
});

test('services and names reach the node', async () => {
  const dispatcher = new Dagonizer<NodeStateBase, { greeting: string }>({ services: { greeting: 'hello' } });
  let seen: unknown;
  dispatcher.registerNode({
    name: 'n', outputs: ['success'],
    execute: (_, { services, dagName, nodeName, attempt }) => void (seen = [services.greeting, dagName, nodeName, attempt]),
  });
  dispatcher.registerDAG(new DAGBuilder('d').node('place', 'n', { success: null }).build());
  await dispatcher.execute('d', new NodeStateBase());
  assert.deepEqual(seen, ['hello', 'd', 'place', 1]);
});

test('one state cannot be in two flows at one time', async () => {
  const dispatcher = line(node('a', () => sleep(5)));
  const state = new Notes();
  const first = dispatcher.execute('line', state);
  await Promise.resolve();
  await assert.rejects(async () => dispatcher.execute('line', state), /running/);
  assert.equal((await first).state.lifecycle.kind, 'completed');
});
