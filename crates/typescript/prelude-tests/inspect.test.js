import test from 'node:test';
import assert from 'node:assert/strict';
import { format, inspect } from 'node:util';

class Foo { constructor() { this.a = 1; } }
class Bar extends Foo { get [Symbol.toStringTag]() { return 'tag'; } }
class Custom { [inspect.custom](depth, options, again) { return `<custom ${depth} ${typeof again}>`; } }
const cycle = { name: 'x', inner: {} };
cycle.inner.back = cycle;
const sparse = [1, , , 4];
const withProps = Object.assign([1, 2], { extra: true });
const long = 'lorem ipsum dolor sit amet consectetur';

for (const [value, text] of [
  [1, '1'], [-0, '-0'], ['a', "'a'"], ["it's", `"it's"`], [`'"`, '`\'"`'], ['a\nb\x01', "'a\\nb\\x01'"], [10n, '10n'], [undefined, 'undefined'],
  [null, 'null'], [Symbol('s'), 'Symbol(s)'], [true, 'true'],
  [{}, '{}'], [[], '[]'], [{ a: 1, 'b-c': 2, [Symbol('k')]: 3 }, "{ a: 1, 'b-c': 2, [Symbol(k)]: 3 }"],
  [[1, [2, [3, [4]]]], '[ 1, [ 2, [ 3, [Array] ] ] ]'],
  [{ a: { b: { c: { d: 1 } } } }, '{ a: { b: { c: [Object] } } }'],
  [sparse, '[ 1, <2 empty items>, 4 ]'], [withProps, '[ 1, 2, extra: true ]'],
  [new Foo(), 'Foo { a: 1 }'], [new Bar(), 'Bar [tag] { a: 1 }'], [Object.create(null), '[Object: null prototype] {}'],
  [Object.create({}), '{}'], [new (class {})(), '{}'],
  [function named() {}, '[Function: named]'], [() => {}, '[Function (anonymous)]'], [async () => {}, '[AsyncFunction (anonymous)]'],
  [function* gen() {}, '[GeneratorFunction: gen]'], [Foo, '[class Foo]'], [Bar, '[class Bar extends Foo]'], [class {}, '[class (anonymous)]'],
  [Object.assign(() => {}, { x: 1 }), '[Function (anonymous)] { x: 1 }'],
  [new Map([['a', 1], [{ b: 1 }, [2]]]), "Map(2) { 'a' => 1, { b: 1 } => [ 2 ] }"], [new Map(), 'Map(0) {}'],
  [new Set([1, 'x']), "Set(2) { 1, 'x' }"], [new WeakMap(), 'WeakMap { <items unknown> }'],
  [new Date(0), '1970-01-01T00:00:00.000Z'], [new Date(NaN), 'Invalid Date'], [/x\/y/gi, '/x\\/y/gi'],
  [new Number(3), '[Number: 3]'], [new String('ab'), "[String: 'ab']"], [Object(Symbol('q')), '[Symbol: Symbol(q)]'],
  [new Uint8Array([1, 2]), 'Uint8Array(2) [ 1, 2 ]'], [Buffer.from('hi'), '<Buffer 68 69>'],
  [new Uint8Array([1, 255]).buffer, 'ArrayBuffer { [Uint8Contents]: <01 ff>, byteLength: 2 }'],
  [cycle, "<ref *1> { name: 'x', inner: { back: [Circular *1] } }"],
  [{ get a() { return 1; }, set b(v) {}, get c() { return 1; }, set c(v) {} }, '{ a: [Getter], b: [Setter], c: [Getter/Setter] }'],
  [new Custom(), '<custom 2 function>'], [{ x: new Custom() }, '{ x: <custom 1 function> }'],
  [(function () { return arguments; })(1, 'a'), "[Arguments] { '0': 1, '1': 'a' }"],
  [Array.from({ length: 101 }, (_, i) => i).slice(90), '[\n   90, 91, 92, 93, 94,\n   95, 96, 97, 98, 99,\n  100\n]'],
  [[long, long, long], `[\n  '${long}',\n  '${long}',\n  '${long}'\n]`],
  [{ first: long, second: long, n: 1 }, `{\n  first: '${long}',\n  second: '${long}',\n  n: 1\n}`],
  [['apple', 'banana', 'cherry', 'dates', 'elderberry', 'fig', 'grape'], "[ 'apple', 'banana', 'cherry', 'dates', 'elderberry', 'fig', 'grape' ]"],
  [new URLSearchParams('a=1'), "URLSearchParams { 'a' => '1' }"],
  [Array.from({ length: 30 }, (_, i) => i * 100), '[\n     0,  100,  200,  300,  400,  500,\n   600,  700,  800,  900, 1000, 1100,\n  1200, 1300, 1400, 1500, 1600, 1700,\n  1800, 1900, 2000, 2100, 2200, 2300,\n  2400, 2500, 2600, 2700, 2800, 2900\n]'],
]) test(`inspect ${text.slice(0, 60)}`, () => assert.equal(inspect(value), text));

test('inspect options', () => {
  assert.equal(inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }), '{ a: [Object] }');
  assert.equal(inspect({ a: { b: { c: { d: 1 } } } }, { depth: null, breakLength: Infinity, compact: true }), '{ a: { b: { c: { d: 1 } } } }');
  assert.equal(inspect({ b: 1, a: 2 }, { sorted: true }), '{ a: 2, b: 1 }');
  assert.equal(inspect([1, 2, 3], { maxArrayLength: 1 }), '[ 1, ... 2 more items ]');
  assert.equal(inspect('abcdef', { maxStringLength: 2 }), "'ab'... 4 more characters");
  assert.equal(inspect({ a: 1, s: 'x' }, { colors: true }), "{ a: \x1b[33m1\x1b[39m, s: \x1b[32m'x'\x1b[39m }");
  assert.equal(inspect([1], { showHidden: true }), '[ 1, [length]: 1 ]');
  assert.equal(inspect(123456.789, { numericSeparator: true }), '123_456.789');
});

test('inspect errors', () => {
  const error = new RangeError('bad');
  assert.ok(inspect(error).startsWith('RangeError: bad\n    at '), inspect(error));
  error.stack = undefined;
  assert.equal(inspect(error), '[RangeError: bad]');
  const coded = Object.assign(new Error('x'), { code: 'E' });
  assert.match(inspect(coded), /^Error: x\n    at [\s\S]* \{\n  code: 'E'\n\}$/);
  const caused = new Error('outer', { cause: 'inner' });
  assert.match(inspect(caused), /^Error: outer\n[\s\S]*\{\n  \[cause\]: 'inner'\n\}$/);
  class MyError extends Error {}
  assert.match(inspect(new MyError('m')), /^MyError: m\n/);
  assert.match(inspect(new DOMException('m', 'AbortError')), /^DOMException \[AbortError\]: m/);
});

for (const [args, text] of [
  [['a', 'b'], 'a b'], [['%s is %d', 'x', '42', 'more'], 'x is 42 more'], [['%i %f', '42.9', '1.50'], '42 1.5'], [['%j', { a: 1 }], '{"a":1}'],
  [['%%', 1], '% 1'], [['100%'], '100%'], [['%s'], '%s'], [['%o', [1]], '[ 1, [length]: 1 ]'], [['%O', { a: { b: 1 } }], '{ a: { b: 1 } }'],
  [['%c styled', 'color: red'], ' styled'], [[{ a: 1 }, 'x'], '{ a: 1 } x'], [[1, '2'], '1 2'], [['%s', null], 'null'], [['%s', -0], '-0'],
  [['%s', 5n], '5n'], [['%d', 5n], '5n'], [['%d', 'x'], 'NaN'], [['%s', { a: { b: {} } }], '{ a: [Object] }'], [['%s', Symbol('s')], 'Symbol(s)'],
  [['%s', new (class { toString() { return 'mine'; } })()], 'mine'], [[], ''],
]) test(`format ${JSON.stringify(args, (k, v) => (typeof v === 'bigint' ? `${v}n` : v))}`, () => assert.equal(format(...args), text));
