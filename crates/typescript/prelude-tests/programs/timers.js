export default async () => {
  const seen = [];
  const at = Date.now();
  setTimeout((...args) => seen.push(args.join()), 20, 'b', 'B');
  setTimeout(() => seen.push('a'), 10);
  const never = setTimeout(() => seen.push('never'), 5);
  clearTimeout(never);
  setImmediate(() => seen.push('immediate'));
  process.nextTick(() => seen.push('tick'));
  queueMicrotask(() => seen.push('micro'));
  let n = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      seen.push(`i${++n}`);
      if (n === 2) {
        clearInterval(timer);
        resolve();
      }
    }, 15);
  });
  setTimeout(() => {}, NaN);
  await new Promise((resolve) => setTimeout(resolve, 3e9));
  return { seen, year: Date.now() - at >= 3e9 };
};
