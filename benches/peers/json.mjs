// Node's own JSON: the state in a file, made text and read again. Arguments: the file, the row.
import { readFileSync } from 'node:fs';
import { percentile, report, timed } from './report.mjs';

const [file, row] = process.argv.slice(2);
const state = JSON.parse(readFileSync(file, 'utf8'));
let read;
// What was made is read, so that neither can be left out.
const times = await timed(JSON.stringify(state).length > 1e6 ? 7 : 100, () => {
  read = JSON.parse(JSON.stringify(state));
});
if (read.items.length !== state.items.length) throw new Error('the state changed');
report(row, percentile(times, 0.5), 'ms');
