// What every peer on node shares: one JSON line per measurement on stdout, which the benchmark collects.

/** Prints a measurement. `unit`: s, ms, us, bytes or per_s. `as` tells two values of one peer in one row apart. */
export function report(row, value, unit, as) {
  process.stdout.write(`${JSON.stringify({ row, value, unit, as })}\n`);
}

export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
}

/** Milliseconds that each of `rounds` calls took; `before` is not timed. */
export async function timed(rounds, work, before = () => {}) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const input = await before(i);
    const start = performance.now();
    await work(input, i);
    times.push(performance.now() - start);
  }
  return times;
}

/** The three rows of sequential durable steps, from the milliseconds of each step. */
export function reportSteps(times) {
  report('steps.disk', percentile(times, 0.5), 'ms');
  report('steps.disk.p99', percentile(times, 0.99), 'ms');
  report('steps.disk.rate', (1000 * times.length) / times.reduce((a, b) => a + b, 0), 'per_s');
}
