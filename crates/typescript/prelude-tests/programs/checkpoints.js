// The three shapes of a checkpoint; each yield evaluates to its state.
export default async function* () {
  const state = { step: 1, when: new Date(0) };
  const same = (yield { checkpoint: true, state }) === state;
  const results = [
    same, yield { checkpoint: true, id: 'named', state: 2 }, yield { checkpoint: { step: 3 } }, yield { checkpoint: 'label', data: [4] },
    yield { checkpoint: 'bare' }, yield { checkpoint: true }, yield { checkpoint: true, state: 0 },
  ];
  yield { checkpoint: { map: new Map([[1, 2]]), big: 5n, nan: NaN, self: results, none: undefined } };
  return results;
}
