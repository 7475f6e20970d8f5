// quickjs-wasi: start | snapshot | cpu
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { QuickJS } from 'quickjs-wasi';
import { percentile, report, timed } from './report.mjs';

const wasm = await WebAssembly.compile(readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm'))));
const program = (name) => readFileSync(new URL(`../programs/${name}`, import.meta.url), 'utf8');
const median = (times) => percentile(times, 0.5);

const commands = {
  /** A fresh VM from the compiled module, and 1+1. */
  async start() {
    const times = await timed(200, async () => {
      const vm = await QuickJS.create({ wasm });
      const two = vm.evalCode('1+1');
      if (two.toNumber() !== 2) throw new Error('1+1');
      vm.dispose();
    });
    report('start.vm', median(times), 'ms');
  },

  /** The time is without compression, which this peer leaves to its user. */
  async snapshot() {
    const vm = await QuickJS.create({ wasm });
    vm.evalCode(`${program('suspended.js')}; const it = flow(); let first; it.next().then((x) => { first = x; });`).dispose();
    vm.executePendingJobs();
    let bytes;
    const saved = await timed(50, () => {
      bytes = QuickJS.serializeSnapshot(vm.snapshot());
    });
    report('snapshot.time', median(saved), 'ms');
    report('snapshot.size', bytes.length, 'bytes', 'raw');
    report('snapshot.size', gzipSync(bytes).length, 'bytes', 'gzip');
    const restored = await timed(50, async () => {
      const again = await QuickJS.restore(QuickJS.deserializeSnapshot(bytes), { wasm });
      again.dispose();
    });
    report('snapshot.restore', median(restored), 'ms');
  },

  async cpu() {
    const vm = await QuickJS.create({ wasm });
    vm.evalCode(program('cpu.js')).dispose();
    const run = (call) => timed(15, () => vm.evalCode(call).dispose());
    report('cpu.fib25', median(await run('fib(25)')), 'ms');
    report('cpu.loop1e6', median(await run('loop(1000000)')), 'ms');
  },
};

await commands[process.argv[2]]();
