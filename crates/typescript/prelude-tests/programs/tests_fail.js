import test from 'node:test';
import assert from 'node:assert';
test('good', () => {});
test('bad', () => assert.equal(1, 2));
