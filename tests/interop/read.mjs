// Reads a folder of run logs with photon-core's own functions and prints what they give, as JSON:
//   node read.mjs RUNS_DIR → {list: [run…] | {error}, info: {id: run | {error}}, resume: {id: state | {error}}}
// A resume state's entries are given as the list of their kinds.
import { readdirSync } from 'node:fs';
import { getRunInfo, listRuns, parseResumeState } from '@portel/photon-core';

const [dir] = process.argv.slice(2);
if (!dir) {
  process.stderr.write('usage: node read.mjs RUNS_DIR\n');
  process.exit(2);
}

async function attempt(read) {
  try {
    return await read();
  } catch (error) {
    return { error: String(error.message) };
  }
}

const ids = readdirSync(dir).filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -'.jsonl'.length)).sort();
const out = { list: await attempt(() => listRuns(dir)), info: {}, resume: {} };
for (const id of ids) {
  out.info[id] = await attempt(() => getRunInfo(id, dir));
  out.resume[id] = await attempt(async () => {
    const state = await parseResumeState(id, dir);
    return state && { ...state, entries: state.entries.map((entry) => entry.t) };
  });
}
process.stdout.write(`${JSON.stringify(out, null, 2)}\n`);
