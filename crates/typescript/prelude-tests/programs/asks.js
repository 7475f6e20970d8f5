// answers: ["Ann", false, ["a", "b"], {"action": "accept", "content": {"x": 1}}]
export default async function* (params) {
  const name = yield { ask: 'text', message: 'Name?', id: 'name', pattern: /^[A-Z]/, minLength: 1 };
  const sure = yield { ask: 'confirm', message: 'Sure?' };
  const picked = yield { ask: 'select', message: 'Which?', options: ['a', 'b'], multi: true };
  const form = yield { ask: 'form', schema: { type: 'object' } };
  return { name, sure, picked, form };
}
