// Modules that are little more than a name here.

/**
 * AsyncLocalStorage. The engine has no hook for promises: while `run`'s function runs, the store is known; after an
 * `await` it is the one whose `run` is still going on. Where several go on with different stores, nobody can tell whose
 * code it is, and that is said instead of guessed.
 */
class AsyncLocalStorage {
  #now = [];
  #going = [];
  #entered = undefined;

  run(store, body, ...args) {
    this.#now.push(store);
    let result;
    try {
      result = body(...args);
    } finally {
      this.#now.pop();
    }
    if (typeof result?.then !== 'function') return result;
    const entry = { store };
    this.#going.push(entry);
    const over = () => { this.#going.splice(this.#going.indexOf(entry), 1); };
    return result.then((value) => { over(); return value; }, (error) => { over(); throw error; });
  }
  exit(body, ...args) { return this.run(undefined, body, ...args); }
  getStore() {
    if (this.#now.length) return this.#now[this.#now.length - 1];
    if (this.#going.length === 0) return this.#entered;
    const [{ store }] = this.#going;
    if (this.#going.every((entry) => entry.store === store)) return store;
    throw codedError(Error, 'ERR_ASYNC_CONTEXT', 'AsyncLocalStorage.getStore() cannot tell, after an await, which of several concurrent run() calls this code belongs to: pass the value on as a parameter');
  }
  enterWith(store) { this.#entered = store; }
  disable() { this.#entered = undefined; }
  static bind(body) { return body; }
  static snapshot() { return (body, ...args) => body(...args); }
}
class AsyncResource {
  constructor(type) { this.type = type; }
  runInAsyncScope(body, self, ...args) { return body.apply(self, args); }
  emitDestroy() { return this; }
  asyncId() { return 1; }
  triggerAsyncId() { return 0; }
  bind(body) { return body.bind(this); }
  static bind(body) { return body; }
}
defineBuiltin('async_hooks', {
  AsyncLocalStorage, AsyncResource, executionAsyncId: () => 1, triggerAsyncId: () => 0, executionAsyncResource: () => ({}),
  createHook: () => ({ enable() { return this; }, disable() { return this; } }),
});

class Channel {
  #listeners = [];
  constructor(name) { this.name = name; }
  get hasSubscribers() { return this.#listeners.length > 0; }
  subscribe(listener) { this.#listeners.push(listener); }
  unsubscribe(listener) {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
    return at >= 0;
  }
  publish(message) { for (const listener of [...this.#listeners]) listener(message, this.name); }
  runStores(message, body, self, ...args) { this.publish(message); return body.apply(self, args); }
}
const channels = new Map();
const channel = (name) => {
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
};
defineBuiltin('diagnostics_channel', {
  channel, Channel, hasSubscribers: (name) => channel(name).hasSubscribers,
  subscribe: (name, listener) => channel(name).subscribe(listener), unsubscribe: (name, listener) => channel(name).unsubscribe(listener),
});

defineBuiltin('tty', { isatty: () => false, ReadStream: Readable, WriteStream: Writable });
defineBuiltin('constants', { ...fsConstants });

/** node:readline on streams of text; questions to a person are asked as effects. */
class Interface extends EventEmitter {
  #input; #closed = false; #lines = null;
  constructor(options = {}) {
    super();
    this.#input = options.input;
    this.terminal = false;
    this.line = '';
    if (this.#input && this.#input !== platformProcess.stdin) nextTick(() => this.#pump());
  }
  async #pump() {
    if (this.#lines) return;
    this.#lines = true;
    try {
      for await (const line of linesOf(this.#input)) {
        if (this.#closed) return;
        this.emit('line', line);
      }
      this.close();
    } catch (error) {
      this.emit('error', error);
    }
  }
  question(query, options, callback) {
    const done = typeof options === 'function' ? options : callback;
    askPerson({ ask: 'text', message: String(query).trim() }).then((answer) => done(String(answer)), uncaught);
  }
  setPrompt(prompt) { this.promptText = prompt; }
  getPrompt() { return this.promptText ?? '> '; }
  prompt() {}
  write() {}
  pause() { return this; }
  resume() { return this; }
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.emit('close');
  }
  [Symbol.dispose]() { this.close(); }
  [Symbol.asyncIterator]() {
    this.#lines = true;
    return linesOf(this.#input);
  }
}

async function* linesOf(input) {
  let rest = '';
  const decoder = new StringDecoder('utf8');
  for await (const chunk of input) {
    const parts = (rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk))).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop();
    yield* parts;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
class PromiseInterface extends Interface {
  async question(query) { return String(await askPerson({ ask: 'text', message: String(query).trim() })); }
}
const readlinePromises = { createInterface: (options) => new PromiseInterface(options), Interface: PromiseInterface };
defineBuiltin('readline', {
  createInterface: (options) => new Interface(options), Interface, promises: readlinePromises, clearLine: () => true, cursorTo: () => true,
  moveCursor: () => true, clearScreenDown: () => true, emitKeypressEvents() {},
});
defineBuiltin('readline/promises', readlinePromises);
