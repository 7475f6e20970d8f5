// Squares numbers, one a second. The Map is an ordinary variable: nothing here saves or restores it.
export default async function* squares({ to = 5 }: { to?: number }) {
  const found = new Map<number, number>();
  for (let n = 1; n <= to; n++) {
    found.set(n, n * n);
    console.log(`${n} squared is ${n * n}`);
    yield { checkpoint: true, id: `step-${n}`, state: { n } };
    await new Promise((done) => setTimeout(done, 1000));
  }
  return { squares: found.size, sum: [...found.values()].reduce((sum, square) => sum + square, 0) };
}
