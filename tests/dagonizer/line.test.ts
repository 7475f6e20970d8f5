// A flow that is awaited follows what the dispatcher foresaw of it; one that is iterated asks for every step. Whatever
// happens in them, and wherever it happens, both do and tell the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checkpoint, DAGBuilder, Dagonizer } from '@noocodex/dagonizer';
import { type Body, Notes, node, ran, sleep } from './kit.ts';

type Trouble = (abort: AbortController) => Body;

/** What a node does; what happens in hooks is another table. */
const BODIES: Record<string, Trouble> = {
  nothing: () => () => undefined,
  'a text': () => () => 'success',
  'an object': () => () => ({ output: 'success', result: 1 }),
  'a promise': () => async () => ({ output: 'success' }),
  'a promise that takes a while': () => async () => { await sleep(1); return 'success'; },
  'an object that is thenable': () => () => ({ then: (done: (port: string) => void) => done('success') }),
  errors: () => () => ({ output: 'success', errors: [{ code: 'E', message: 'm', nodeName: 'n', timestamp: '', recoverable: true }] }),
  'the other port': () => () => 'other',
  'the other port, later': () => async () => 'other',
  'a port that is not wired': () => () => 'sideways',
  'a throw': () => () => { throw new Error('no'); },
  'a rejection': () => async () => { throw new Error('no'); },
  'a throw, once': () => (state) => { if ((state.attempts['t'] = (state.attempts['t'] ?? 0) + 1) === 1) throw new Error('once'); },
  'a throw that is no error': () => () => { throw null; },
  'an end, while it runs': (abort) => () => void abort.abort('enough'),
  'an end, while it is awaited': (abort) => async () => { await sleep(1); abort.abort('enough'); await sleep(1); },
  'an end that it heeds': (abort) => async (_, { signal }) => { abort.abort('enough'); await sleep(1); signal.throwIfAborted(); },
  'an end, and a throw': (abort) => () => { abort.abort('enough'); throw new Error('no'); },
  'the end of its time': (abort) => () => void abort.abort(new DOMException('late', 'TimeoutError')),
};

type Where = 'flowStart' | 'nodeStart' | 'nodeEnd' | 'error' | null;

class Watched extends Dagonizer<Notes> {
  log: string[] = [];
  trouble: ((where: Where, name: string) => void) = () => undefined;

  protected override onFlowStart(name: string): void { this.#note('flowStart', name); }
  protected override onFlowEnd(name: string, { lifecycle }: Notes): void { this.log.push(`flowEnd ${name} ${lifecycle.kind}`); }
  protected override onNodeStart(name: string): void { this.#note('nodeStart', name); }
  protected override onNodeEnd(name: string, output: string): void { this.#note('nodeEnd', name, output); }
  protected override onError(name: string, error: unknown): void { this.#note('error', name, String((error as Error | null)?.message)); }

  #note(where: Where, name: string, more = ''): void {
    this.log.push(`${where} ${name} ${more}`);
    this.trouble(where, name);
  }
}

/** Five nodes; the second may be left for the last by another port, and an error of the third is caught. */
function flow(body: Body, at: string): Watched {
  ran.length = 0;
  const dispatcher = new Watched();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    dispatcher.registerNode(node(name, name === at ? body : (state, { attempt, nodeName, path, dagName }) => {
      state.results.push([attempt, nodeName, path, dagName]);
    }, ['success', 'other', 'error']));
  }
  const retry = { attempts: 2, baseMs: 1, backoff: 'constant' as const };
  return dispatcher.registerDAG(new DAGBuilder('flow')
    .node('a', 'a', { success: 'b', other: null, error: null })
    .node('b', 'b', { success: 'c', other: 'e', error: null })
    .node('c', 'c', { success: 'd', other: null, error: 'e' }, { retry })
    .node('d', 'd', { success: 'e', other: 'a', error: null })
    .node('e', 'e', { success: null, other: null, error: null }).build());
}

/** All that can be seen of a flow, and then of the rest of it, if it can be resumed. */
async function seen(iterated: boolean, make: (abort: AbortController) => Watched): Promise<unknown> {
  const abort = new AbortController();
  const dispatcher = make(abort);
  const state = new Notes();
  const began = dispatcher.execute('flow', state, { signal: abort.signal });
  if (iterated) for await (const _ of began);
  const result = await began;
  const errors = state.errors.map(({ code, message, nodeName }) => [code, message, nodeName]);
  const first = [
    result.cursor, result.executedNodes, result.skippedNodes, { ...state.lifecycle, startedAt: 0, finishedAt: 0, error: String((state.lifecycle as any).error) },
    errors, state.warnings, state.ran, state.results, dispatcher.log.slice(),
  ];
  if (result.cursor === null) return [first, [...ran]];
  const kept = JSON.parse(JSON.stringify(Checkpoint.from('flow', result)));
  delete kept.state.progress?.machine;
  const again = await dispatcher.resume('flow', state, result.cursor);
  return [first, kept.state.progress?.cursor, kept.executedNodes, again.cursor, again.executedNodes, state.lifecycle.kind, dispatcher.log, [...ran]];
}

const undated = (value: unknown): unknown => JSON.parse(JSON.stringify(value), (key, part) => (key === 'timestamp' ? '' : part));

for (const [what, trouble] of Object.entries(BODIES)) {
  test(`a node gives ${what}`, async () => {
    for (const at of ['a', 'b', 'c', 'e']) {
      const [awaited, iterated] = [
        await seen(false, (abort) => flow(trouble(abort), at)), await seen(true, (abort) => flow(trouble(abort), at)),
      ];
      assert.deepEqual(undated(awaited), undated(iterated), at);
    }
  });
}

test('a hook ends the flow, or throws', async () => {
  let cut = 0;
  for (const where of ['flowStart', 'nodeStart', 'nodeEnd'] as const) {
    for (const at of ['flow', 'a', 'b', 'e']) {
      for (const what of ['ends', 'throws']) {
        const make = (abort: AbortController): Watched => {
          const dispatcher = flow(() => undefined, 'none');
          dispatcher.trouble = (here, name) => {
            if (here !== where || name !== at) return;
            if (what === 'throws') throw new Error('a hook');
            abort.abort('enough');
          };
          return dispatcher;
        };
        const awaited = await seen(false, make), iterated = await seen(true, make);
        assert.deepEqual(undated(awaited), undated(iterated), `${where} ${at} ${what}`);
        if (JSON.stringify(awaited).includes('cancelled')) cut++;
      }
    }
  }
  assert.ok(cut >= 5, `${cut} were cancelled`);
});

test('two flows of one dispatcher follow the same line at once', async () => {
  const dispatcher = flow(async () => { await sleep(1); return 'success'; }, 'b');
  const results = await Promise.all([1, 2, 3].map(() => dispatcher.execute('flow', new Notes())));
  for (const { executedNodes, cursor } of results) assert.deepEqual([executedNodes, cursor], [['a', 'b', 'c', 'd', 'e'], null]);
});

test('an iteration may begin in the middle of a flow that is awaited', async () => {
  const dispatcher = flow(async () => { await sleep(2); return 'success'; }, 'b');
  const began = dispatcher.execute('flow', new Notes());
  began.then(() => undefined);
  await sleep(1);
  const names: string[] = [];
  for await (const { nodeName } of began) names.push(nodeName);
  assert.deepEqual(names, ['b', 'c', 'd', 'e']);
  assert.deepEqual((await began).executedNodes, ['a', 'b', 'c', 'd', 'e']);
});

test('a line longer than what is foreseen goes on', async () => {
  for (const length of [1, 2, 16, 17, 63, 64, 65, 66, 80, 81, 82, 200]) {
    const dispatcher = new Dagonizer<Notes>();
    const builder = new DAGBuilder('long');
    for (let i = 0; i < length; i++) {
      dispatcher.registerNode(node(`n${i}`));
      builder.node(`n${i}`, `n${i}`, { success: i + 1 < length ? `n${i + 1}` : null });
    }
    dispatcher.registerDAG(builder.build());
    const { executedNodes, state } = await dispatcher.execute('long', new Notes());
    assert.equal(executedNodes.length, length);
    assert.equal(state.ran.length, length);
  }
});

test('the state of a flow is refused to a second one while the first is on its line', async () => {
  const dispatcher = flow(async () => { await sleep(1); return 'success'; }, 'b');
  const state = new Notes();
  const began = dispatcher.execute('flow', state);
  await Promise.resolve();
  await assert.rejects(async () => { await dispatcher.execute('flow', state); }, /running/);
  assert.equal((await began).cursor, null);
});
