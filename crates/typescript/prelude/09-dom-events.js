// DOMException, Event, EventTarget, AbortController.

const domExceptionCodes = {
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
  NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11,
  SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17,
  SecurityError: 18, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
  InvalidNodeTypeError: 24, DataCloneError: 25,
};

class DOMException extends Error {
  #name;

  constructor(message = '', options = 'Error') {
    super(String(message));
    if (options !== null && typeof options === 'object') {
      this.#name = options.name === undefined ? 'Error' : String(options.name);
      if ('cause' in options) Object.defineProperty(this, 'cause', { value: options.cause, writable: true, configurable: true });
    } else {
      this.#name = String(options);
    }
  }
  get name() { return this.#name; }
  get code() { return domExceptionCodes[this.#name] ?? 0; }
  get [Symbol.toStringTag]() { return 'DOMException'; }
}
for (const [name, code] of Object.entries(domExceptionCodes)) {
  const constant = `${name.replace(/Error$/, '').replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}_ERR`;
  Object.defineProperty(DOMException, constant, { value: code, enumerable: true });
  Object.defineProperty(DOMException.prototype, constant, { value: code, enumerable: true });
}
defineGlobal('DOMException', DOMException);

const dispatching = Symbol('dispatch');

class Event {
  #type; #bubbles; #cancelable; #composed; #canceled = false; #timeStamp;

  constructor(type, options = {}) {
    if (arguments.length === 0) throw new TypeError('The "type" argument must be specified');
    this.#type = String(type);
    this.#bubbles = Boolean(options?.bubbles);
    this.#cancelable = Boolean(options?.cancelable);
    this.#composed = Boolean(options?.composed);
    this.#timeStamp = native.now();
    this[dispatching] = { target: null, current: null, active: false, stop: false, passive: false };
    Object.defineProperty(this, dispatching, { enumerable: false });
  }
  get type() { return this.#type; }
  get bubbles() { return this.#bubbles; }
  get cancelable() { return this.#cancelable; }
  get composed() { return this.#composed; }
  get timeStamp() { return this.#timeStamp - current.startedAt; }
  get target() { return this[dispatching].target; }
  get srcElement() { return this[dispatching].target; }
  get currentTarget() { return this[dispatching].current; }
  get eventPhase() { return this[dispatching].active ? 2 : 0; }
  get isTrusted() { return false; }
  get defaultPrevented() { return this.#canceled; }
  get returnValue() { return !this.#canceled; }
  get cancelBubble() { return this[dispatching].stop; }
  set cancelBubble(value) { if (value) this[dispatching].stop = true; }
  composedPath() { return this[dispatching].active ? [this[dispatching].current] : []; }
  stopPropagation() {}
  stopImmediatePropagation() { this[dispatching].stop = true; }
  preventDefault() { if (this.#cancelable && !this[dispatching].passive) this.#canceled = true; }
  get [Symbol.toStringTag]() { return 'Event'; }
  [INSPECT_CUSTOM](depth, options) {
    const name = this.constructor.name;
    return depth !== null && depth < 0 ? name : `${name} ${inspect({
      type: this.type, defaultPrevented: this.defaultPrevented, cancelable: this.cancelable, timeStamp: this.timeStamp,
    }, options)}`;
  }
}
Object.assign(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

class CustomEvent extends Event {
  #detail;
  constructor(type, options = {}) {
    super(type, options);
    this.#detail = options?.detail ?? null;
  }
  get detail() { return this.#detail; }
  get [Symbol.toStringTag]() { return 'CustomEvent'; }
}

class EventTarget {
  #listeners = new Map();

  addEventListener(type, listener, options) {
    if (listener === null || listener === undefined) return;
    if (typeof listener !== 'function' && typeof listener !== 'object') {
      throw argumentTypeError('listener', 'an instance of EventListener', listener);
    }
    const { once = false, passive = false, signal, capture = false } = typeof options === 'boolean' ? { capture: options } : options ?? {};
    if (signal?.aborted) return;
    type = String(type);
    let list = this.#listeners.get(type);
    if (!list) this.#listeners.set(type, list = []);
    if (list.some((entry) => entry.listener === listener && entry.capture === Boolean(capture))) return;
    list.push({ listener, once: Boolean(once), passive: Boolean(passive), capture: Boolean(capture), removed: false });
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener, { capture }), { once: true });
  }

  removeEventListener(type, listener, options) {
    const capture = Boolean(typeof options === 'boolean' ? options : options?.capture);
    const list = this.#listeners.get(String(type));
    const at = list?.findIndex((entry) => entry.listener === listener && entry.capture === capture) ?? -1;
    if (at < 0) return;
    list[at].removed = true;
    list.splice(at, 1);
    if (list.length === 0) this.#listeners.delete(String(type));
  }

  dispatchEvent(event) {
    if (!(event instanceof Event)) throw argumentTypeError('event', 'an instance of Event', event);
    const state = event[dispatching];
    if (state.active) throw new DOMException('The event is already being dispatched', 'InvalidStateError');
    Object.assign(state, { target: this, current: this, active: true });
    for (const entry of [...this.#listeners.get(event.type) ?? []]) {
      if (state.stop) break;
      if (entry.removed) continue;
      if (entry.once) this.removeEventListener(event.type, entry.listener, { capture: entry.capture });
      state.passive = entry.passive;
      try {
        if (typeof entry.listener === 'function') entry.listener.call(this, event);
        else entry.listener.handleEvent(event);
      } catch (error) {
        // One listener's mistake does not keep the others from hearing of the event.
        nextTick(() => { throw error; });
      }
    }
    Object.assign(state, { current: null, active: false, passive: false });
    return !event.defaultPrevented;
  }

  get [Symbol.toStringTag]() { return 'EventTarget'; }
}

/** `target.onabort = f`: one listener that can be replaced. */
function defineEventAttribute(Class, type) {
  const held = new WeakMap();
  Object.defineProperty(Class.prototype, `on${type}`, {
    get() { return held.get(this)?.listener ?? null; },
    set(listener) {
      const before = held.get(this);
      if (before) this.removeEventListener(type, before.call);
      if (typeof listener !== 'function') {
        held.delete(this);
        return;
      }
      const call = (event) => listener.call(this, event);
      held.set(this, { listener, call });
      this.addEventListener(type, call);
    },
    enumerable: true,
    configurable: true,
  });
}

const makingSignal = Symbol('signal');

let abortSignal;

class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  #dependents = new Set();

  constructor(token) {
    if (token !== makingSignal) throw codedError(TypeError, 'ERR_ILLEGAL_CONSTRUCTOR', 'Illegal constructor');
    super();
  }
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }
  get [Symbol.toStringTag]() { return 'AbortSignal'; }
  [INSPECT_CUSTOM](depth, options) {
    return depth !== null && depth < 0 ? '[AbortSignal]' : `AbortSignal ${inspect({ aborted: this.aborted }, options)}`;
  }

  static #abort(signal, reason) {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason;
    const dependents = [...signal.#dependents];
    signal.#dependents.clear();
    signal.dispatchEvent(new Event('abort'));
    for (const dependent of dependents) AbortSignal.#abort(dependent, reason);
  }

  static abort(reason = new DOMException('This operation was aborted', 'AbortError')) {
    const signal = new AbortSignal(makingSignal);
    AbortSignal.#abort(signal, reason);
    return signal;
  }
  static timeout(ms) {
    if (typeof ms !== 'number' || !(ms >= 0)) throw rangeError('delay', '>= 0', ms);
    const signal = new AbortSignal(makingSignal);
    const n = askFor(TIMER, { due: Math.floor(native.now() + ms) }, () =>
      AbortSignal.#abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')));
    // Nobody waits for a timeout alone.
    if (n >= 0) pending.get(n).idle = true;
    return signal;
  }
  static any(signals) {
    const signal = new AbortSignal(makingSignal);
    const list = [...signals];
    for (const source of list) {
      if (!(source instanceof AbortSignal)) throw argumentTypeError('signals', 'an iterable of AbortSignal', source);
    }
    const aborted = list.find((source) => source.aborted);
    if (aborted) AbortSignal.#abort(signal, aborted.reason);
    else for (const source of list) source.#dependents.add(signal);
    return signal;
  }
  static {
    abortSignal = (signal, reason) => AbortSignal.#abort(signal, reason);
  }
}
defineEventAttribute(AbortSignal, 'abort');

class AbortController {
  #signal = new AbortSignal(makingSignal);
  get signal() { return this.#signal; }
  abort(reason = new DOMException('This operation was aborted', 'AbortError')) { abortSignal(this.#signal, reason); }
  get [Symbol.toStringTag]() { return 'AbortController'; }
}

for (const Class of [Event, CustomEvent, EventTarget, AbortSignal, AbortController]) defineGlobal(Class.name, Class);
