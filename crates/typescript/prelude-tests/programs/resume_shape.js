// answers: ["5"]
// A loop with a repeated id: each occurrence is its own.
export default async function* () {
  for (let i = 0; i < 2; i++) yield { checkpoint: true, id: 'loop', state: { i } };
  return yield { ask: 'number', message: 'How many?', min: 1 };
}
