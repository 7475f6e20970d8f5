// `@portel/photon-core` and the ambient names, on the fake host.
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import * as core from '@portel/photon-core';
import quicksave, { runId } from 'quicksave';

const runsDir = '/tmp/runs';

test('names', () => {
  assert.equal(core.Photon, globalThis.Photon);
  assert.equal(core.PhotonMCP, core.Photon);
  assert.match(core.generateRunId(), /^run_[a-z0-9]+_[a-z0-9]{6}$/);
  assert.equal(runId, 'run_1');
  assert.equal(quicksave.runId, 'run_1');
});

for (const [value, kinds] of [
  [{ checkpoint: true, state: {} }, 'c'], [{ checkpoint: 'label' }, 'c'], [{ checkpoint: { a: 1 } }, 'c'], [{ checkpoint: false }, ''],
  [{ ask: 'text', message: 'm' }, 'a'], [{ ask: true }, ''], [{ emit: 'status' }, 'e'], ['x', ''], [null, ''], [undefined, ''],
]) test(`guards ${JSON.stringify(value)}`, () => {
  assert.equal((core.isCheckpointYield(value) ? 'c' : '') + (core.isAskYield(value) ? 'a' : '') + (core.isEmitYield(value) ? 'e' : ''), kinds);
});

test('io helpers', () => {
  assert.deepEqual(core.io.ask.select('q', ['a'], { multi: true }), { ask: 'select', message: 'q', options: ['a'], multi: true });
  assert.deepEqual(core.io.emit.progress(0.5, 'half'), { emit: 'progress', value: 0.5, message: 'half' });
  assert.deepEqual(core.io.emit.status('s'), { emit: 'status', message: 's', type: 'info' });
});

async function* workflow() {
  yield { emit: 'status', message: 'begin' };
  const name = yield { ask: 'text', message: 'name?' };
  for (let i = 0; i < 2; i++) yield { checkpoint: true, id: 'same', state: { i } };
  return { name };
}

test('executeStatefulGenerator keeps a log', async () => {
  const seen = [];
  const outcome = await core.executeStatefulGenerator(workflow, {
    runId: 'r1', runsDir, photon: 'p', tool: 't', params: { a: 1 }, inputProvider: async () => 'Ann', outputHandler: (emit) => seen.push(emit.message),
  });
  assert.deepEqual(outcome, { runId: 'r1', result: { name: 'Ann' }, resumed: false, status: 'completed' });
  assert.deepEqual(seen, ['begin']);
  const entries = await new core.StateLog('r1', runsDir).readAll();
  assert.deepEqual(entries.map((entry) => entry.t), ['start', 'emit', 'ask', 'answer', 'checkpoint', 'checkpoint', 'return']);
  const again = await core.executeStatefulGenerator(workflow, { runId: 'r1', runsDir, photon: 'p', tool: 't', params: {}, inputProvider: null, resume: true });
  assert.deepEqual(again, { runId: 'r1', result: { name: 'Ann' }, resumed: true, status: 'completed' });
});

test('a failure with an empty message is a failure', async () => {
  await core.executeStatefulGenerator(async () => { throw new Error(''); }, { runId: 'r2', runsDir, photon: 'p', tool: 't', params: {} });
  assert.equal((await core.getRunInfo('r2', runsDir)).status, 'failed');
});

test('logs of both forms, torn tails, and other damage', async () => {
  await fs.writeFile(`${runsDir}/old.jsonl`, '{"type":"start","tool":"code","params":{},"timestamp":"2026-03-06T10:30:00Z"}\n{"type":"ask","id":"q","ask":"confirm","message":"?","timestamp":"2026-03-06T10:30:01Z"}\n{"type":"answer","id":"q","value":false,"timestamp":"2026-03-06T10:30:02Z"}\n{"type":"ret');
  await fs.writeFile(`${runsDir}/bad.jsonl`, '{"t":"start","tool":"x","params":{},"ts":1}\nnonsense\n{"t":"return","value":1,"ts":2}\n');
  const old = await core.getRunInfo('old', runsDir);
  assert.equal(old.status, 'running');
  assert.equal(old.startedAt, Date.parse('2026-03-06T10:30:00Z'));
  await assert.rejects(core.parseResumeState('bad', runsDir), /bad\.jsonl:2/);
  const list = await core.listRuns(runsDir);
  assert.deepEqual(list.map((run) => [run.runId, run.status]).sort(), [['bad', 'corrupt'], ['old', 'running'], ['r1', 'completed'], ['r2', 'failed']]);
  assert.equal(await core.parseResumeState('none', runsDir), null);
});

test('ids cannot leave the folder', async () => {
  for (const id of ['../x', '', 'a/b', 'a\0', 5]) await assert.rejects(core.deleteRun(id, runsDir), TypeError);
  await core.deleteRun('r2', runsDir);
  assert.equal(await core.getRunInfo('r2', runsDir), null);
  assert.equal(await core.cleanupRuns(-1, runsDir), 1);
});

test('a photon', async () => {
  class Shop extends Photon {}
  const shop = new Shop();
  await shop.memory.set('k', { n: 1 });
  assert.deepEqual(await shop.memory.get('k'), { n: 1 });
  assert.equal(await shop.memory.get('none'), null);
  await Promise.all([1, 2, 3].map(() => shop.memory.update('k', (old) => ({ n: old.n + 1 }))));
  assert.deepEqual(await shop.memory.get('k'), { n: 4 });
  assert.deepEqual(await shop.memory.keys(), ['k']);
  await assert.rejects(shop.memory.update('k', () => { throw new Error('no'); }), { message: 'no' });
  assert.deepEqual(await shop.memory.update('k', (old) => old), { n: 4 });
  await assert.rejects(shop.memory.set('m', new Map()), { name: 'TypeError', message: /memory value "m" is a Map\(0\), which JSON cannot hold/ });
  await shop.memory.clear();
  assert.equal(await shop.memory.has('k'), false);
  await shop.memory.set('k', 'all', 'global');
  assert.deepEqual([await shop.memory.get('k', 'global'), await shop.memory.get('k', 'session')], ['all', null]);
  await assert.rejects(shop.memory.get('k', 'mine'), RangeError);
  assert.deepEqual(await shop.call('other.part.tool', { a: 1 }), { photon: 'other.part', method: 'tool', params: { a: 1 } });
  assert.deepEqual(await (await shop.photon.use('other', 'two')).tool({ a: 1 }), { photon: 'other', method: 'tool', params: { a: 1 }, instance: 'two' });
  for (const bad of ['tool', '.tool', 'other.', 5]) await assert.rejects(shop.call(bad), /'photon\.method'/);
  assert.equal((await shop.schedule.create({ name: 'n', schedule: '@daily', method: 'm' })).photon, 'photon.test');
  const github = shop.mcp('github');
  assert.deepEqual(await github.search_repos({ q: 'x' }), { source: 'github', tool: 'search_repos', args: { q: 'x' } });
  assert.deepEqual(await github.call('list'), { source: 'github', tool: 'list', args: {} });
  assert.deepEqual((await github.find('REPO')).map((tool) => tool.name), ['search_repos']);
  assert.deepEqual([shop.caller, shop.instanceName, Shop.getMCPName()], [{ id: 'anonymous', anonymous: true }, 'default', 'shop']);
  assert.match(shop.assets('logo.png'), /\/photon\.test\/assets\/logo\.png$/);
  assert.throws(() => shop.assets('../x'), RangeError);
  const order = [];
  await Promise.all([1, 2].map((i) => shop.withLock('l', async () => { order.push(`+${i}`); await new Promise((r) => setTimeout(r, 5)); order.push(`-${i}`); })));
  assert.deepEqual(order, ['+1', '-1', '+2', '-2']);
  await assert.rejects(shop.withLock('l', async () => { throw new Error('inside'); }), { message: 'inside' });
  assert.equal(await shop.withLock('l', () => 5, 100), 5);
  assert.match(shop.storage('pics'), /\/\.photon\/data\/photon\.test\/pics$/);
  assert.throws(() => shop.storage('../../x'), RangeError);
});

test('locks with a holder', async () => {
  const game = new Photon();
  assert.equal(await game.acquireLock('turn', 'ann'), true);
  assert.equal(await game.acquireLock('turn', 'bob'), false);
  assert.equal(await game.releaseLock('turn', 'bob'), false);
  assert.equal(await game.transferLock('turn', 'bob', 'ann'), true);
  assert.equal((await game.getLock('turn')).holder, 'bob');
  assert.equal(await game.releaseLock('turn', 'bob'), true);
  assert.deepEqual(await game.getLock('turn'), { holder: null });
  await game.acquireLock('short', 'ann', 5);
  await new Promise((r) => setTimeout(r, 6));
  assert.equal(await game.acquireLock('short', 'bob'), true);
  assert.equal((await new Photon().getLock('short')).holder, 'bob', 'of the photon, not of the object');
});

test('a class that extends nothing, and one that extends another', async () => {
  class Base { constructor(n) { this.n = n; } hello() { return 'own'; } }
  const Mixed = core.withPhotonCapabilities(Base);
  const mixed = new Mixed(3);
  assert.equal(mixed.n, 3);
  assert.equal(mixed.hello(), 'own');
  await mixed.memory.set('mixed', 1);
  assert.equal(await mixed.memory.get('mixed'), 1);
  assert.deepEqual(Object.keys(mixed), ['n']);
});

test('executeTool drives generators', async () => {
  class Tools extends Photon {
    #hidden() {}
    async one({ n }) { return n + 1; }
    async *many() { yield { emit: 'status', message: 'working' }; return 7; }
    _private() {}
  }
  const tools = new Tools();
  assert.deepEqual(Tools.getToolMethods(), ['one', 'many']);
  assert.equal(await tools.executeTool('one', { n: 1 }), 2);
  const seen = [];
  assert.equal(await tools.executeTool('many', {}, { outputHandler: (emit) => seen.push(emit.message) }), 7);
  assert.deepEqual(seen, ['working']);
  await assert.rejects(tools.executeTool('_private'), /no tool '_private'/);
});

test('durations and rates', () => {
  assert.deepEqual([core.parseDuration('1.5s'), core.parseDuration('2h'), core.parseDuration(5)], [1500, 7_200_000, 5]);
  assert.deepEqual(core.parseRate('10/min'), { count: 10, windowMs: 60_000 });
  assert.throws(() => core.parseDuration('soon'), TypeError);
});

test('signals, checkpoints and sleep outside generators', async () => {
  assert.deepEqual(await quicksave.signal('go'), { signal: 'go' });
  assert.deepEqual(await quicksave.checkpoint('here', { x: 1 }), { x: 1 });
  const before = Date.now();
  await quicksave.sleep(400 * 86_400_000);
  assert.ok(Date.now() - before >= 400 * 86_400_000);
  assert.throws(() => quicksave.sleep('soon'), TypeError);
  assert.equal(await quicksave.ask('Name?'), 'answer');
});

test('code namespace', async () => {
  assert.deepEqual(await code.list_runs({ limit: 1 }), { runs: [] });
});
