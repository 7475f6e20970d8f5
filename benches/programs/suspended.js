// A generator that waits in the middle, with locals, a closure, a Map and a pending loop: what a snapshot must hold.
async function* flow() {
  const seen = new Map();
  let total = 0;
  const add = (x) => (total += x);
  for (let i = 0; i < 10; i++) {
    seen.set(`key ${i}`, { i, square: i * i });
    add(i);
  }
  const answer = yield { ask: 'confirm', message: 'Go on?' };
  return { total, answer, seen: [...seen] };
}
