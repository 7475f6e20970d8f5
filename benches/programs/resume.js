// `n` checkpoints, then a sleep in which the benchmark kills it. Resumed after the sleep is due, it ends at once.
export default async function* resume({ n }) {
  const note = 'x'.repeat(80);
  for (let step = 0; step < n; step++) yield { checkpoint: true, state: { step, note } };
  yield { emit: 'status', message: 'ready' };
  await new Promise((wake) => setTimeout(wake, 1000));
  return n;
}
