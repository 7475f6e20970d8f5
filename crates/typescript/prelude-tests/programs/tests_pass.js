import { test, describe, it, beforeEach, mock } from 'node:test';
import assert from 'node:assert';
beforeEach(() => {});
test('sync', () => assert.ok(true));
await test('async', async (t) => { await t.test('inner', () => {}); });
describe('suite', () => {
  it('works', () => {});
  it.skip('skipped', () => { throw new Error('never'); });
  it.todo('later');
});
test('callback', (t, done) => setTimeout(done, 1));
test('mock', () => {
  const f = mock.fn((x) => x + 1);
  assert.equal(f(1), 2);
  assert.deepEqual(f.mock.calls[0].arguments, [1]);
});
