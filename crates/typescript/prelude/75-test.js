// node:test. Tests begin once the code that declares them has run; a failed one fails the run.

class Suite {
  constructor(name, parent, options = {}) {
    this.name = name;
    this.parent = parent;
    this.options = options;
    this.hooks = { before: [], after: [], beforeEach: [], afterEach: [] };
    this.queue = [];
    this.begun = false;
  }
  get depth() { return this.parent ? this.parent.depth + 1 : 0; }
}

const testState = {
  root: new Suite('', null), current: null, registered: false, running: null,
  counts: { tests: 0, suites: 0, pass: 0, fail: 0, skipped: 0, todo: 0 }, failures: [], only: false,
};
testState.current = testState.root;

const testsRegistered = () => testState.registered;

/** (name?, options?, body?) in any of the shapes that are allowed. */
function testArguments(args) {
  let [name, options, body] = args;
  if (typeof name === 'function') [name, options, body] = [name.name || '<anonymous>', {}, name];
  else if (isObject(name)) [name, options, body] = ['<anonymous>', name, options];
  if (typeof options === 'function') [options, body] = [body ?? {}, options];
  return { name: String(name ?? (body?.name || '<anonymous>')), options: options ?? {}, body: body ?? (() => {}) };
}

function declareTest(extra) {
  return (...args) => {
    const { name, options, body } = testArguments(args);
    return enqueueTest(testState.current, { kind: 'test', name, options: { ...options, ...extra }, body });
  };
}

function enqueueTest(suite, entry) {
  testState.registered = true;
  if (entry.options.only) testState.only = true;
  entry.done = Promise.withResolvers();
  suite.queue.push(entry);
  // Top-level code may await a test, so they do not wait for the module's end.
  if (suite === testState.root) testState.running ??= Promise.resolve().then(runRootTests);
  return entry.done.promise;
}

function declareSuite(extra) {
  return (...args) => {
    const { name, options, body } = testArguments(args);
    const suite = new Suite(name, testState.current, { ...options, ...extra });
    const entry = { kind: 'suite', name, options: suite.options, suite };
    const outer = testState.current;
    testState.current = suite;
    let collected;
    try {
      collected = body({ name });
    } catch (error) {
      entry.broken = error;
    } finally {
      testState.current = outer;
    }
    entry.collected = Promise.resolve(collected).catch((error) => { entry.broken = error; });
    return enqueueTest(outer, entry);
  };
}

const withVariants = (declare) => Object.assign(declare({}), {
  skip: declare({ skip: true }), todo: declare({ todo: true }), only: declare({ only: true }),
});
const test = withVariants(declareTest);
const describe = withVariants(declareSuite);
const hook = (kind) => (body, options) => { testState.current.hooks[kind].push({ body, options }); };

async function runRootTests() {
  await runSuiteBody(testState.root);
  testState.running = null;
}

async function runSuiteBody(suite) {
  let broken;
  try {
    for (const { body } of suite.hooks.before) await callTestBody(body, { name: suite.name }, {});
  } catch (error) {
    broken = { error };
  }
  // Tests may declare further tests while they run.
  for (let i = 0; i < suite.queue.length; i++) {
    const entry = suite.queue[i];
    if (broken) finishTest(suite, entry, broken.error, 0);
    else if (entry.kind === 'suite') await runSuite(suite, entry);
    else await runTest(suite, entry);
  }
  suite.queue.length = 0;
  for (const { body } of suite.hooks.after) {
    try {
      await callTestBody(body, { name: suite.name }, {});
    } catch (error) {
      testState.counts.fail += 1;
      testState.failures.push({ name: `${suite.name} (after)`, error });
      printTest(suite.depth, '✖', `${suite.name || 'after'}`, error);
    }
  }
}

async function runSuite(parent, entry) {
  const { suite } = entry;
  await entry.collected;
  const started = native.now();
  testState.counts.suites += 1;
  if (entry.options.skip) {
    suite.queue.length = 0;
    printTest(parent.depth, '﹣', `${entry.name} # SKIP`);
  } else if (entry.broken) {
    testState.counts.fail += 1;
    testState.failures.push({ name: entry.name, error: entry.broken });
    printTest(parent.depth, '✖', entry.name, entry.broken);
  } else {
    printTest(parent.depth, '▶', entry.name);
    const failed = testState.counts.fail;
    await runSuiteBody(suite);
    printTest(parent.depth, testState.counts.fail > failed ? '✖' : '✔', `${entry.name} (${formatDuration(native.now() - started)})`);
  }
  entry.done.resolve();
}

/** Whether `only` leaves this test out. */
function leftOut(suite, entry) {
  if (!testState.only || entry.options.only) return false;
  for (let at = suite; at; at = at.parent) if (at.options.only) return false;
  return true;
}

async function runTest(suite, entry) {
  const { options } = entry;
  if (leftOut(suite, entry)) {
    entry.done.resolve();
    return;
  }
  testState.counts.tests += 1;
  if (options.skip) {
    testState.counts.skipped += 1;
    printTest(suite.depth, '﹣', `${entry.name} # ${typeof options.skip === 'string' ? options.skip : 'SKIP'}`);
    entry.done.resolve();
    return;
  }
  const started = native.now();
  const context = new TestContext(entry, suite);
  const chain = [];
  for (let at = suite; at; at = at.parent) chain.unshift(at);
  let failure;
  try {
    for (const level of chain) for (const { body } of level.hooks.beforeEach) await callTestBody(body, context, {});
    await callTestBody(entry.body, context, options);
    await context[SUBTESTS].last;
    await runSuiteBody(context[SUBTESTS]);
    if (context[SUBTESTS].failed) throw new Error(`${context[SUBTESTS].failed} subtest(s) failed`);
    context[CHECK_PLAN]();
  } catch (error) {
    failure = { error };
  }
  for (const level of chain.reverse()) {
    for (const { body } of level.hooks.afterEach) {
      try {
        await callTestBody(body, context, {});
      } catch (error) {
        failure ??= { error };
      }
    }
  }
  context.mock.restoreAll();
  if (context[SKIPPED]) {
    testState.counts.skipped += 1;
    printTest(suite.depth, '﹣', `${entry.name} # ${context[SKIPPED]}`);
    entry.done.resolve();
    return;
  }
  if (context[TODO]) entry.options = { ...options, todo: context[TODO] };
  finishTest(suite, entry, failure?.error, native.now() - started, Boolean(failure));
}

function finishTest(suite, entry, error, time, failed = true) {
  const label = `${entry.name} (${formatDuration(time)})`;
  if (entry.options.todo) {
    testState.counts.todo += 1;
    printTest(suite.depth, failed ? '⚠' : '✔', `${label} # TODO`, failed ? error : undefined);
  } else if (failed) {
    testState.counts.fail += 1;
    suite.failed = (suite.failed ?? 0) + 1;
    testState.failures.push({ name: entry.name, error });
    printTest(suite.depth, '✖', label, error);
  } else {
    testState.counts.pass += 1;
    printTest(suite.depth, '✔', label);
  }
  entry.done.resolve();
}

function printTest(depth, mark, text, error) {
  const indent = '  '.repeat(depth);
  let line = `${indent}${mark} ${text}`;
  if (error !== undefined) line += `\n${indent}  ${inspect(error).replaceAll('\n', `\n${indent}  `)}`;
  printLog('info', line);
}

/** Runs a body that may be async or take a callback. */
function callTestBody(body, context, { timeout } = {}) {
  const promise = body.length > 1 ? new Promise((resolve, reject) => {
    const result = body(context, (error) => (error ? reject(error) : resolve()));
    if (typeof result?.then === 'function') result.then(undefined, reject);
  }) : Promise.resolve().then(() => body(context));
  if (timeout === undefined || timeout === Infinity) return promise;
  const stop = new AbortController();
  const late = waitUntil(native.now() + timeout, undefined, stop.signal).then(() => {
    throw codedError(Error, 'ERR_TEST_FAILURE', `test timed out after ${timeout}ms`);
  });
  late.catch(() => {});
  return Promise.race([promise, late]).finally(() => stop.abort());
}

const SUBTESTS = Symbol('subtests');
const SKIPPED = Symbol('skipped');
const TODO = Symbol('todo');
const CHECK_PLAN = Symbol('plan');

class TestContext {
  #plan; #made = 0;
  constructor(entry, suite) {
    this.name = entry.name;
    this.fullName = suite.name ? `${suite.name} > ${entry.name}` : entry.name;
    this.signal = new AbortController().signal;
    this.mock = new MockTracker();
    this[SUBTESTS] = new Suite(entry.name, suite);
    this.assert = Object.fromEntries(Object.entries(assert).filter(([, value]) => typeof value === 'function').map(([name, value]) => [name, (...args) => {
      this.#made += 1;
      return value(...args);
    }]));
  }
  test(...args) {
    const { name, options, body } = testArguments(args);
    const suite = this[SUBTESTS];
    this.#made += 1;
    const entry = { kind: 'test', name, options, body, done: Promise.withResolvers() };
    const before = suite.last ?? Promise.resolve();
    suite.last = before.then(() => runTest(suite, entry));
    return suite.last;
  }
  diagnostic(message) { printLog('info', `${'  '.repeat(this[SUBTESTS].depth)}ℹ ${message}`); }
  skip(message) { this[SKIPPED] = message ?? 'SKIP'; }
  todo(message) { this[TODO] = message ?? true; }
  plan(count) { this.#plan = count; }
  before(body) { return body(this); }
  after(body) { this[SUBTESTS].hooks.after.push({ body }); }
  beforeEach(body) { this[SUBTESTS].hooks.beforeEach.push({ body }); }
  afterEach(body) { this[SUBTESTS].hooks.afterEach.push({ body }); }
  runOnly() {}
  [CHECK_PLAN]() {
    if (this.#plan !== undefined && this.#plan !== this.#made) throw new Error(`plan expected ${this.#plan} assertions but received ${this.#made}`);
  }
}

/** Waits for the tests and fails if one failed. */
async function runTests() {
  while (testState.running) await testState.running;
  const { counts } = testState;
  for (const [name, count] of Object.entries(counts)) printLog('info', `ℹ ${name} ${count}`);
  if (counts.fail) {
    const [first] = testState.failures;
    const error = codedError(Error, 'ERR_TEST_FAILURE', `${counts.fail} of ${counts.tests} tests failed; the first: ${first.name}: ${isError(first.error) ? first.error.message : inspect(first.error)}`);
    if (isError(first.error)) error.stack = first.error.stack;
    throw error;
  }
}
