export default async function* () {
  const results = [];
  results.push(yield { emit: 'status', message: 'working' });
  results.push(yield { emit: 'progress', value: 0.5, message: 'half' });
  yield { emit: 'stream', data: 'chunk', final: false };
  yield { emit: 'thinking', active: true };
  yield 'just text';
  yield 42;
  yield null;
  yield undefined;
  yield { neither: 1, big: 1n };
  yield Promise.resolve({ emit: 'toast', message: 'awaited' });
  return results;
}
