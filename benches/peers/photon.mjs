// photon-core: checkpoint | list RUNS_DIR | resume RUNS_DIR N | resume-once RUNS_DIR RUN N
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { executeStatefulGenerator, listRuns, maybeStatefulExecute } from '@portel/photon-core';
import { percentile, report, timed } from './report.mjs';

const [command, dir, ...rest] = process.argv.slice(2);
const note = 'x'.repeat(80);
const config = { photon: 'bench', tool: 'flow', params: {}, inputProvider: async () => true };

async function* checkpoints(n) {
  for (let step = 0; step < n; step++) yield { checkpoint: true, state: { step, note } };
  return n;
}

const commands = {
  async checkpoint() {
    const runsDir = dir ?? mkdtempSync(join(tmpdir(), 'photon-'));
    const n = 2000;
    const times = await timed(4, () => executeStatefulGenerator(() => checkpoints(n), { ...config, runsDir }));
    // The first round warms the just-in-time compiler.
    report('steps.checkpoint', percentile(times.slice(1), 0.5) / n, 'ms');
    if (!dir) rmSync(runsDir, { recursive: true });
  },

  async list() {
    const times = await timed(3, async () => {
      const runs = await listRuns(dir);
      if (runs.length === 0) throw new Error(`no runs in ${dir}`);
    });
    report('list.cold', times[0], 'ms');
    report('list.warm', percentile(times.slice(1), 0), 'ms');
  },

  async resume() {
    const n = Number(rest[0]);
    // A resume ends the run, so each one gets its own copy.
    const copy = (i) => {
      copyFileSync(join(dir, `resume-${n}.jsonl`), join(dir, `resume-${n}-${i}.jsonl`));
      return `resume-${n}-${i}`;
    };
    const times = await timed(n > 10_000 ? 3 : 10, (run) => resumed(run, n), copy);
    report(`resume.${n}`, percentile(times, 0.5), 'ms');
  },

  async 'resume-once'() {
    await resumed(rest[0], Number(rest[1]));
  },
};

async function resumed(resumeRunId, n) {
  const end = await maybeStatefulExecute(() => checkpoints(n), { ...config, runsDir: dir, resumeRunId });
  if (end.status !== 'completed' || end.result !== n) throw new Error(`the resume ended as ${JSON.stringify(end)}`);
}

await commands[command]();
