// answers: [{"fail": {"name": "Error", "message": "nobody answered", "code": "E_TIMEOUT"}}]
// A refused ask is an exception at the yield; `finally` runs.
export default async function* () {
  try {
    yield { ask: 'text', message: 'Name?' };
  } catch (error) {
    yield `caught ${error.message} ${error.code}`;
  } finally {
    yield 'finally';
  }
  return 'done';
}
