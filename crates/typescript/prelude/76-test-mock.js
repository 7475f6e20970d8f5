// `mock` of node:test.

const mockCalls = Symbol('calls');

class MockFunctionContext {
  #once = new Map();
  constructor(original, implementation, restore) {
    this[mockCalls] = [];
    this.original = original;
    this.implementation = implementation;
    this.undo = restore;
    for (const key of ['original', 'implementation', 'undo', mockCalls]) Object.defineProperty(this, key, { enumerable: false });
  }
  get calls() { return [...this[mockCalls]]; }
  callCount() { return this[mockCalls].length; }
  resetCalls() { this[mockCalls].length = 0; }
  mockImplementation(implementation) { this.implementation = implementation; }
  mockImplementationOnce(implementation, at = this.callCount()) { this.#once.set(at, implementation); }
  restore() {
    this.implementation = this.original;
    this.undo?.();
  }
  next() {
    const at = this.callCount();
    const implementation = this.#once.get(at) ?? this.implementation;
    this.#once.delete(at);
    return implementation;
  }
}

function mockFunction(original, implementation, times, restore) {
  const context = new MockFunctionContext(original, implementation, restore);
  function mocked(...args) {
    const call = { arguments: args, result: undefined, error: undefined, target: new.target, this: this, stack: new Error('call') };
    const body = times !== undefined && context.callCount() >= times ? original : context.next();
    context[mockCalls].push(call);
    try {
      call.result = new.target ? Reflect.construct(body, args, new.target) : body.apply(this, args);
      return call.result;
    } catch (error) {
      call.error = error;
      throw error;
    }
  }
  Object.defineProperty(mocked, 'name', { value: original.name, configurable: true });
  Object.defineProperty(mocked, 'length', { value: original.length, configurable: true });
  Object.defineProperty(mocked, 'mock', { value: context });
  return mocked;
}

class MockTracker {
  #contexts = [];
  fn(original = function mockable() {}, implementation = original, options = {}) {
    if (isObject(implementation)) [options, implementation] = [implementation, original];
    const mocked = mockFunction(original, implementation, options.times);
    this.#contexts.push(mocked.mock);
    return mocked;
  }
  method(object, name, implementation, options = {}) {
    if (isObject(implementation)) [options, implementation] = [implementation, undefined];
    let holder = object;
    while (holder && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
    const held = holder && Object.getOwnPropertyDescriptor(holder, name);
    const slot = options.getter ? 'get' : options.setter ? 'set' : 'value';
    const original = held?.[slot];
    if (typeof original !== 'function') {
      throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'methodName' must be a method. Received ${inspect(held?.value)}`);
    }
    const own = holder === object;
    const mocked = mockFunction(original, implementation ?? original, options.times, () => {
      if (own) Object.defineProperty(object, name, held);
      else delete object[name];
    });
    Object.defineProperty(object, name, { ...held, configurable: true, [slot]: mocked });
    this.#contexts.push(mocked.mock);
    return mocked;
  }
  getter(object, name, implementation, options) { return this.method(object, name, implementation, { ...options, getter: true }); }
  setter(object, name, implementation, options) { return this.method(object, name, implementation, { ...options, setter: true }); }
  restoreAll() { for (const context of this.#contexts) context.restore(); }
  reset() {
    this.restoreAll();
    this.#contexts.length = 0;
  }
  get timers() {
    throw codedError(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'mock.timers is not supported here: timers of a run are effects');
  }
}

Object.assign(test, {
  test, it: test, describe, suite: describe, before: hook('before'), after: hook('after'), beforeEach: hook('beforeEach'), afterEach: hook('afterEach'),
  mock: new MockTracker(), assert: { register() {} }, snapshot: {}, run() { throw codedError(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'run() is not supported here'); },
});
defineBuiltin('test', test);
defineBuiltin('test/reporters', { spec: class spec {}, tap: class tap {}, dot: class dot {}, junit: class junit {} });
