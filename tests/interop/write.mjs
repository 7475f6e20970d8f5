// Writes run logs with photon-core into a folder and prints what a reader must make of them, as JSON:
//   node write.mjs RUNS_DIR [--torn] → {id: {status, tool, photon?, params, result?, error?, lastCheckpoint?, openAsk?}}
// The statuses are what happened, not what photon-core's getRunInfo makes of it (it gets two of them wrong).
// --torn also writes a log whose last line was cut off by a crash; photon-core's listing breaks on it.
import { appendFileSync } from 'node:fs';
import { executeStatefulGenerator, maybeStatefulExecute, StateLog } from '@portel/photon-core';

const [runsDir, ...flags] = process.argv.slice(2);
if (!runsDir) {
  process.stderr.write('usage: node write.mjs RUNS_DIR [--torn]\n');
  process.exit(2);
}
const expected = {};

/** A run that photon-core drives to its end. */
async function driven(runId, generator, expect, { params = {}, answers = [] } = {}) {
  const tool = 'flow';
  const photon = 'interop';
  const inputProvider = async () => answers.shift();
  const end = await executeStatefulGenerator(generator, { runsDir, runId, photon, tool, params, inputProvider });
  if (end.status !== expect.status) throw new Error(`${runId} ended as ${JSON.stringify(end)}`);
  expected[runId] = { tool, photon, params, ...expect };
}

/** A run whose process was killed, or waits: entries without an end. */
async function open(runId, write, expect, { tool = 'flow', photon = 'interop', params = {} } = {}) {
  const log = new StateLog(runId, runsDir);
  await log.init();
  await log.writeStart(tool, params, photon);
  await write(log);
  expected[runId] = { tool, photon, params, ...expect };
}

await driven('completed', async function* () {
  yield { emit: 'status', message: 'Beginning' };
  yield { emit: 'progress', value: 0.5, message: 'Half — ½ ✓' };
  yield { checkpoint: true, state: { step: 1, posted: ['a', 'b'] } };
  yield { checkpoint: true, state: { step: 2 }, id: 'second' };
  return { done: true, text: 'line\nbreak' };
}, {
  status: 'completed',
  result: { done: true, text: 'line\nbreak' },
  lastCheckpoint: { id: 'second', state: { step: 2 } },
}, { params: { week: 52, name: 'Zoë' } });

// The `return` entry has no value at all.
await driven('completed-undefined', async function* () {
  yield { checkpoint: true, state: { step: 1 } };
}, { status: 'completed', lastCheckpoint: { id: 'cp_0', state: { step: 1 } } });

await driven('failed', async function* () {
  yield { checkpoint: true, state: { step: 1 } };
  throw new TypeError('boom');
}, { status: 'failed', error: 'boom', lastCheckpoint: { id: 'cp_0', state: { step: 1 } } });

await driven('failed-empty-message', async function* () {
  yield { emit: 'status', message: 'Soon' };
  throw new Error('');
}, { status: 'failed', error: '' });

await driven('asked', async function* () {
  const name = yield { ask: 'text', message: 'Name?', id: 'name' };
  const sure = yield { ask: 'confirm', message: 'Sure?' };
  return { name, sure };
}, { status: 'completed', result: { name: 'Ada', sure: false } }, { answers: ['Ada', false] });

// In a loop the same id comes again and again.
await driven('repeated-ids', async function* () {
  for (let step = 0; step < 3; step++) yield { checkpoint: true, state: { step }, id: 'loop' };
  return 3;
}, { status: 'completed', result: 3, lastCheckpoint: { id: 'loop', state: { step: 2 } } });

await open('interrupted', async (log) => {
  for (let step = 0; step < 5; step++) await log.writeCheckpoint(`cp_${step}`, { step });
}, { status: 'running', lastCheckpoint: { id: 'cp_4', state: { step: 4 } } });

await open('waiting', async (log) => {
  await log.writeCheckpoint('cp_0', { step: 0 });
  await log.writeAsk('approve', 'confirm', 'Go on?');
}, {
  status: 'waiting',
  lastCheckpoint: { id: 'cp_0', state: { step: 0 } },
  openAsk: { id: 'approve', kind: 'confirm', message: 'Go on?' },
});

await open('answered-false', async (log) => {
  await log.writeAsk('approve', 'confirm', 'Go on?');
  await log.writeAnswer('approve', false);
}, { status: 'running' });

await open('only-start', async () => {}, { status: 'running' }, { tool: 'git.commit', photon: undefined });

const implicit = await maybeStatefulExecute(async function* () {
  yield { emit: 'status', message: 'before the first checkpoint' };
  yield { checkpoint: true, state: { step: 1 } };
  return 'implicit';
}, { runsDir, photon: 'interop', tool: 'implicit', params: {}, inputProvider: async () => null });
expected[implicit.runId] = {
  tool: 'implicit',
  photon: 'interop',
  params: {},
  status: 'completed',
  result: 'implicit',
  lastCheckpoint: { id: 'cp_0', state: { step: 1 } },
};

if (flags.includes('--torn')) {
  await open('torn', async (log) => {
    await log.writeCheckpoint('cp_0', { step: 0 });
    appendFileSync(log.getPath(), '{"t":"checkpoint","id":"cp_1","sta');
  }, { status: 'running', lastCheckpoint: { id: 'cp_0', state: { step: 0 } } });
}

process.stdout.write(`${JSON.stringify(expected, null, 2)}\n`);
