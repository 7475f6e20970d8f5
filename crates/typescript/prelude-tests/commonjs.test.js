// What the bundler emits for CommonJS files, run by hand.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createRequire, isBuiltin, builtinModules } from 'node:module';

const wrap = (body) => `(function (exports, require, module, __filename, __dirname) {${body}\n})`;
const register = (name, links, body) => globalThis.__commonjs(`file:///cjs/${name}`, links, wrap(body));
const run = (name) => globalThis.__require(`file:///cjs/${name}`);

test('exports, names, sloppy mode', () => {
  register('a.js', {}, 'undeclared = 5; exports.self = this === exports; exports.file = __filename; exports.dir = __dirname; exports.loose = undeclared;');
  assert.deepEqual(run('a.js'), { self: true, file: '/cjs/a.js', dir: '/cjs', loose: 5 });
  delete globalThis.undeclared;
});

test('circles', () => {
  register('x.js', { './y': 'file:///cjs/y.js' }, "exports.early = 1; exports.y = require('./y').seen; exports.late = 2;");
  register('y.js', { './x': 'file:///cjs/x.js' }, "const x = require('./x'); exports.seen = [x.early, x.late];");
  assert.deepEqual(run('x.js'), { early: 1, y: [1, undefined], late: 2 });
});

test('links: functions, JSON, built-ins', () => {
  register('l.js', { './data.json': () => ({ n: 1 }), fs: 'node:fs' },
    "module.exports = [require('./data.json').n, typeof require('fs').readFileSync, require('node:path').join('a', 'b'), require.resolve('fs')];");
  assert.deepEqual(run('l.js'), [1, 'function', 'a/b', 'node:fs']);
});

test('a file runs once, and again after it threw', () => {
  globalThis.count = 0;
  register('t.js', {}, "if (++count === 1) throw new Error('first'); module.exports = () => count;");
  assert.throws(() => run('t.js'), { message: 'first' });
  assert.equal(run('t.js')(), 2);
  assert.equal(run('t.js')(), 2);
  delete globalThis.count;
});

test('what is not there', () => {
  register('m.js', {}, "require('left-pad')");
  assert.throws(() => run('m.js'), { code: 'MODULE_NOT_FOUND', message: /Cannot find module 'left-pad'/ });
  assert.throws(() => run('none.js'), { code: 'MODULE_NOT_FOUND' });
});

test('node:module', () => {
  assert.equal(createRequire(import.meta.url)('node:os').EOL, '\n');
  assert.equal(isBuiltin('node:fs'), true);
  assert.equal(isBuiltin('left-pad'), false);
  assert.ok(builtinModules.includes('fs'));
});

test('stacks name the file', () => {
  register('s.js', {}, "\nmodule.exports = function fails() { throw new Error('here'); };");
  try {
    run('s.js')();
    assert.fail();
  } catch (error) {
    assert.match(error.stack, /Error: here\n    at fails \((file:\/\/)?\/cjs\/s\.js:2:\d+\)/);
  }
});
