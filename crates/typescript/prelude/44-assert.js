// node:assert.

class AssertionError extends Error {
  constructor(options) {
    if (!isObject(options)) throw argumentTypeError('options', 'of type object', options);
    const { message, actual, expected, operator = 'fail', stackStartFn } = options;
    super(message !== undefined && message !== null ? String(message) : assertionMessage(actual, expected, operator));
    this.generatedMessage = message === undefined || message === null;
    this.code = 'ERR_ASSERTION';
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
    if (stackStartFn) Error.captureStackTrace(this, stackStartFn);
  }
  get name() { return 'AssertionError'; }
  toString() { return `${this.name} [${this.code}]: ${this.message}`; }
}

const assertionHeads = {
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  strictEqual: 'Expected values to be strictly equal:',
  deepEqual: 'Expected values to be loosely deep-equal:',
  equal: 'Expected values to be loosely equal:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notEqual: 'Expected "actual" to be loosely unequal to:',
};

const assertionForm = (value) => inspect(value, { depth: 1000, maxArrayLength: Infinity, compact: false, sorted: true, breakLength: Infinity, showHidden: false });

function assertionMessage(actual, expected, operator) {
  const head = assertionHeads[operator];
  if (!head) return operator === 'fail' ? 'Failed' : `${inspect(actual)} ${operator} ${inspect(expected)}`;
  if (operator === 'equal' || operator === 'notEqual') return `${inspect(actual)} ${operator === 'equal' ? '==' : '!='} ${inspect(expected)}`;
  const [a, b] = [assertionForm(actual), assertionForm(expected)];
  if (operator.startsWith('not')) return `${head}${b.includes('\n') ? `\n\n${b}\n` : ` ${b}`}`;
  const oneLine = !a.includes('\n') && !b.includes('\n');
  if (oneLine && a !== b && a.length + b.length < 80 && operator === 'strictEqual') return `${head}\n\n${a} !== ${b}\n`;
  if (a === b) return `Values have same structure but are not reference-equal:\n\n${a}\n`;
  return `${head}\n+ actual - expected\n\n${lineDiff(a.split('\n'), b.split('\n'))}\n`;
}

/** Longest common lines; `+` is only in `a`, `-` only in `b`. */
function lineDiff(a, b) {
  if (a.length * b.length > 250_000) return [...a.map((line) => `+ ${line}`), ...b.map((line) => `- ${line}`)].slice(0, 200).join('\n');
  const table = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  const out = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(`  ${a[i]}`);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) out.push(`+ ${a[i++]}`);
    else out.push(`- ${b[j++]}`);
  }
  return out.join('\n');
}

function failAssertion(options) {
  if (isError(options.message)) throw options.message;
  throw new AssertionError(options);
}

function check(good, actual, expected, message, operator, above) {
  if (!good) failAssertion({ actual, expected, message, operator, stackStartFn: above });
}

function assert(...args) { checkOk(args, assert); }
function checkOk(args, above) {
  const [value, message] = args;
  if (value) return;
  failAssertion({
    actual: value, expected: true, operator: '==', stackStartFn: above,
    message: message ?? (args.length === 0 ? 'No value argument passed to `assert.ok()`' : 'The expression evaluated to a falsy value'),
  });
}

/** Whether an error is the one that was expected; throws if it is another. */
function matchError(error, expected, message, operator, above) {
  if (expected === undefined) return;
  if (expected instanceof RegExp) {
    check(expected.test(String(error)), error, expected, message ?? `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(error))}\n`, operator, above);
    return;
  }
  if (typeof expected === 'function') {
    if (expected.prototype !== undefined && error instanceof expected) return;
    if (expected.prototype !== undefined && (expected === Error || Error.isPrototypeOf(expected))) {
      check(false, error, expected, message ?? `The error is expected to be an instance of "${expected.name}". Received ${isError(error) ? `"${error.name}"` : inspect(error)}${isError(error) ? `\n\nError message:\n\n${error.message}` : ''}`, operator, above);
    }
    check(expected.call({}, error) === true, error, expected, message ?? `The ${expected.name ? `"${expected.name}" ` : ''}validation function is expected to return "true". Received false`, operator, above);
    return;
  }
  const keys = isError(expected) ? [...new Set([...Object.keys(expected), 'name', 'message'])] : Object.keys(expected);
  for (const key of keys) {
    const [is, wanted] = [error?.[key], expected[key]];
    const same = typeof is === 'string' && wanted instanceof RegExp ? wanted.test(is) : deepEqual(is, wanted, true);
    if (!same) {
      const shown = (source) => Object.fromEntries(keys.filter((name) => source !== null && source !== undefined && name in Object(source)).map((name) => [name, source[name]]));
      check(false, error, expected, message ?? assertionMessage(shown(error), shown(expected), 'deepStrictEqual'), operator, above);
    }
  }
}

const NOTHING_THROWN = Symbol('nothing');

function thrownBy(body) {
  requireFunction(body, 'fn');
  try {
    body();
  } catch (error) {
    return error;
  }
  return NOTHING_THROWN;
}

async function rejectionOf(body) {
  let promise = body;
  if (typeof body === 'function') promise = body();
  if (typeof promise?.then !== 'function') throw argumentTypeError('promiseFn', 'of type function or an instance of Promise', body);
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return NOTHING_THROWN;
}

function expectThrown(error, expected, message, operator, above) {
  if (typeof expected === 'string') [expected, message] = [undefined, expected];
  if (error === NOTHING_THROWN) {
    const name = expected?.name ? ` (${expected.name})` : '';
    failAssertion({ actual: undefined, expected, operator, stackStartFn: above,
      message: `Missing expected ${operator === 'rejects' ? 'rejection' : 'exception'}${name}${message ? `: ${message}` : '.'}` });
  }
  matchError(error, expected, message, operator, above);
}

function expectNotThrown(error, expected, message, operator, above) {
  if (error === NOTHING_THROWN) return;
  if (typeof expected === 'string') [expected, message] = [undefined, expected];
  if (expected && !(typeof expected === 'function' ? error instanceof expected : expected.test(String(error)))) throw error;
  failAssertion({ actual: error, expected, operator, stackStartFn: above,
    message: `Got unwanted ${operator === 'doesNotReject' ? 'rejection' : 'exception'}${message ? `: ${message}` : '.'}\nActual message: "${error?.message}"` });
}

/** Whether everything in `expected` is in `actual`. */
function containsDeep(actual, expected) {
  if (expected === null || typeof expected !== 'object' || actual === null || typeof actual !== 'object') return deepEqual(actual, expected, true);
  if (Array.isArray(expected)) {
    let at = 0;
    return Array.isArray(actual) && expected.every((item) => {
      while (at < actual.length && !containsDeep(actual[at], item)) at += 1;
      return at++ < actual.length;
    });
  }
  if (expected instanceof Map) return actual instanceof Map && [...expected].every(([key, item]) => actual.has(key) && containsDeep(actual.get(key), item));
  if (expected instanceof Set) return actual instanceof Set && [...expected].every((item) => actual.has(item) || [...actual].some((other) => containsDeep(other, item)));
  const plain = [Object.prototype, null].includes(Object.getPrototypeOf(expected));
  if (!plain && !Object.keys(expected).length) return deepEqual(actual, expected, true);
  return Reflect.ownKeys(expected).every((key) => key in actual && containsDeep(actual[key], expected[key]));
}


Object.assign(assert, {
  AssertionError,
  ok: function ok(...args) { checkOk(args, ok); },
  fail: function fail(message) { failAssertion({ message: message ?? 'Failed', operator: 'fail', stackStartFn: fail }); },
  equal: function equal(a, b, message) { check(a == b || (a !== a && b !== b), a, b, message, 'equal', equal); },
  notEqual: function notEqual(a, b, message) { check(!(a == b || (a !== a && b !== b)), a, b, message, 'notEqual', notEqual); },
  strictEqual: function strictEqual(a, b, message) { check(Object.is(a, b), a, b, message, 'strictEqual', strictEqual); },
  notStrictEqual: function notStrictEqual(a, b, message) { check(!Object.is(a, b), a, b, message, 'notStrictEqual', notStrictEqual); },
  deepEqual: function deepEqualLoose(a, b, message) { check(deepEqual(a, b, false), a, b, message, 'deepEqual', deepEqualLoose); },
  notDeepEqual: function notDeepEqual(a, b, message) { check(!deepEqual(a, b, false), a, b, message, 'notDeepEqual', notDeepEqual); },
  deepStrictEqual: function deepStrictEqual(a, b, message) { check(deepEqual(a, b, true), a, b, message, 'deepStrictEqual', deepStrictEqual); },
  notDeepStrictEqual: function notDeepStrictEqual(a, b, message) { check(!deepEqual(a, b, true), a, b, message, 'notDeepStrictEqual', notDeepStrictEqual); },
  partialDeepStrictEqual: function partialDeepStrictEqual(a, b, message) { check(containsDeep(a, b), a, b, message ?? assertionMessage(a, b, 'deepStrictEqual'), 'partialDeepStrictEqual', partialDeepStrictEqual); },
  throws: function throws(body, expected, message) { expectThrown(thrownBy(body), expected, message, 'throws', throws); },
  doesNotThrow: function doesNotThrow(body, expected, message) { expectNotThrown(thrownBy(body), expected, message, 'doesNotThrow', doesNotThrow); },
  rejects: async function rejects(body, expected, message) { expectThrown(await rejectionOf(body), expected, message, 'rejects', rejects); },
  doesNotReject: async function doesNotReject(body, expected, message) { expectNotThrown(await rejectionOf(body), expected, message, 'doesNotReject', doesNotReject); },
  match: function match(text, pattern, message) {
    check(typeof text === 'string' && pattern.test(text), text, pattern, message ?? (typeof text === 'string'
      ? `The input did not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`
      : `The "string" argument must be of type string. ${received(text)}`), 'match', match);
  },
  doesNotMatch: function doesNotMatch(text, pattern, message) {
    check(typeof text === 'string' && !pattern.test(text), text, pattern,
      message ?? `The input was expected to not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`, 'doesNotMatch', doesNotMatch);
  },
  ifError: function ifError(value) {
    if (value === null || value === undefined) return;
    check(false, value, null, `ifError got unwanted exception: ${isError(value) ? value.message : inspect(value)}`, 'ifError', ifError);
  },
});


const strictAssert = Object.assign(function strict(...args) { checkOk(args, strict); }, assert, {
  equal: assert.strictEqual, notEqual: assert.notStrictEqual, deepEqual: assert.deepStrictEqual, notDeepEqual: assert.notDeepStrictEqual,
});
assert.strict = strictAssert;
strictAssert.strict = strictAssert;
defineBuiltin('assert', assert);
defineBuiltin('assert/strict', strictAssert);
