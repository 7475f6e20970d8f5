// The photon ecosystem's own library reads our logs, and we read its.
//   QUICKSAVE=path/to/quicksave node --test tests/interop
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const here = new URL('.', import.meta.url).pathname;
const quicksave = process.env.QUICKSAVE;

function run(command, args, codes = [0]) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  assert.ok(codes.includes(done.status), `${command} ${args.join(' ')} ended with ${done.status}: ${done.stderr}`);
  return done.stdout;
}

const ours = (home, args, codes) => run(quicksave, ['--home', home, '--json', ...args], codes);
const script = (name, ...args) => JSON.parse(run(process.execPath, [join(here, name), ...args]));

function inHome(body) {
  const home = mkdtempSync(join(tmpdir(), 'quicksave-interop-'));
  mkdirSync(join(home, 'runs'));
  try {
    return body(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

test('we read what photon-core writes, also where its own reader goes wrong', () =>
  inHome((home) => {
    const expected = script('write.mjs', join(home, 'runs'), '--torn');
    const ids = Object.keys(expected);
    assert.ok(ids.length >= 8, `only ${ids}`);
    const listed = JSON.parse(ours(home, ['list'])).runs;
    assert.deepEqual(listed.map((one) => one.runId).sort(), ids.sort());
    for (const [id, want] of Object.entries(expected)) {
      const shown = JSON.parse(ours(home, ['show', id]));
      assert.equal(listed.find((one) => one.runId === id).status, want.status, id);
      for (const key of ['status', 'tool', 'params', 'result', 'error']) {
        if (key in want) assert.deepEqual(shown[key], want[key], `${id}: ${key}`);
      }
      if (want.lastCheckpoint) {
        const { id: name, state } = shown.lastCheckpoint;
        assert.deepEqual({ id: name, state }, want.lastCheckpoint, id);
      }
      if (want.openAsk) assert.equal(shown.waitingFor[0].id, want.openAsk.id);
    }
  }));

test('photon-core reads what we write', () =>
  inHome((home) => {
    const program = join(home, 'flow.ts');
    writeFileSync(
      program,
      `export default async function* flow({ how }: { how: string }) {
        yield { emit: 'status', message: 'begun' };
        yield { checkpoint: true, state: { step: 1 } };
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield { checkpoint: true, id: 'named', state: { step: 2, how } };
        if (how === 'fail') throw new Error('no luck');
        if (how === 'ask') return yield { ask: 'confirm', id: 'sure', message: 'Sure?' };
        return { how };
      }`,
    );
    ours(home, ['run', program, '--id', 'done', '-p', 'how=done']);
    ours(home, ['run', program, '--id', 'failed', '-p', 'how=fail'], [1]);
    ours(home, ['run', program, '--id', 'asking', '-p', 'how=ask'], [4]);
    ours(home, ['run', program, '--id', 'answered', '-p', 'how=ask'], [4]);
    ours(home, ['answer', 'answered', 'true']);

    const { list, info, resume } = script('read.mjs', join(home, 'runs'));
    assert.deepEqual(list.map((one) => one.runId).sort(), ['answered', 'asking', 'done', 'failed']);
    const statuses = Object.fromEntries(Object.entries(info).map(([id, one]) => [id, one.status]));
    assert.deepEqual(statuses, { answered: 'completed', asking: 'waiting', done: 'completed', failed: 'failed' });
    assert.deepEqual(info.done.result, { how: 'done' });
    assert.match(info.failed.error, /no luck/);
    for (const one of Object.values(info)) {
      assert.deepEqual(one.lastCheckpoint.id, 'named');
      assert.equal(one.lastCheckpoint.state.step, 2);
      assert.ok(one.startedAt > 1.7e12 && one.updatedAt >= one.startedAt);
    }
    assert.deepEqual(resume.answered.answers, { sure: true });
    assert.equal(resume.asking.isComplete, false);
    assert.equal(resume.done.tool, 'flow');
    assert.equal(resume.done.entries[0], 'start');
  }));
