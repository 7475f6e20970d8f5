export default function* () {
  const state = yield { checkpoint: { a: 1 } };
  yield Promise.resolve('awaited text');
  return Promise.resolve(state);
}
