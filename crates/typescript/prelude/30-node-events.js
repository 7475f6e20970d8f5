// node:events.

const ERROR_MONITOR = Symbol('events.errorMonitor');
const CAPTURE_REJECTIONS = Symbol.for('nodejs.rejection');

// A function and not a class: old packages call it (`EventEmitter.call(this)`).
function EventEmitter(options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = Object.create(null);
    this._eventsCount = 0;
  }
  if (options?.captureRejections) this._captureRejections = true;
}

const listenersOf = (emitter, type) => {
  const list = emitter._events?.[type];
  return list === undefined ? [] : list;
};

function addListener(emitter, type, listener, front) {
  requireFunction(listener, 'listener');
  if (emitter._events === undefined) {
    emitter._events = Object.create(null);
    emitter._eventsCount = 0;
  }
  if (emitter._events.newListener !== undefined) emitter.emit('newListener', type, listener.listener ?? listener);
  // Lists are replaced, not changed, so that an emit that is under way keeps its own.
  const list = emitter._events[type];
  if (list === undefined) {
    emitter._events[type] = [listener];
    emitter._eventsCount += 1;
  } else {
    emitter._events[type] = front ? [listener, ...list] : [...list, listener];
  }
  const limit = emitter.getMaxListeners();
  const count = emitter._events[type].length;
  if (limit > 0 && count > limit && !(emitter._warned ??= new Set()).has(type)) {
    emitter._warned.add(type);
    printLog('warn', `MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${count} ${String(type)} listeners added to ${inspect(emitter, { depth: -1 })}. MaxListeners is ${limit}. Use emitter.setMaxListeners() to increase limit`);
  }
  return emitter;
}

function onceWrapper(emitter, type, listener) {
  requireFunction(listener, 'listener');
  const wrapper = function wrapped(...args) {
    emitter.removeListener(type, wrapper);
    return listener.apply(emitter, args);
  };
  wrapper.listener = listener;
  return wrapper;
}

defineHidden(EventEmitter.prototype, {
  _events: undefined,
  _eventsCount: 0,
  _maxListeners: undefined,
  on(type, listener) { return addListener(this, type, listener, false); },
  prependListener(type, listener) { return addListener(this, type, listener, true); },
  once(type, listener) { return this.on(type, onceWrapper(this, type, listener)); },
  prependOnceListener(type, listener) { return this.prependListener(type, onceWrapper(this, type, listener)); },

  removeListener(type, listener) {
    requireFunction(listener, 'listener');
    const list = this._events?.[type];
    if (list === undefined) return this;
    const at = list.findLastIndex((held) => held === listener || held.listener === listener);
    if (at < 0) return this;
    if (list.length === 1) {
      delete this._events[type];
      this._eventsCount -= 1;
    } else {
      this._events[type] = list.toSpliced(at, 1);
    }
    if (this._events.removeListener !== undefined) this.emit('removeListener', type, list[at].listener ?? list[at]);
    return this;
  },

  removeAllListeners(type) {
    if (this._events === undefined) return this;
    if (this._events.removeListener !== undefined) {
      for (const name of type === undefined ? Reflect.ownKeys(this._events).filter((key) => key !== 'removeListener') : [type]) {
        for (const listener of [...listenersOf(this, name)].reverse()) this.removeListener(name, listener);
      }
    }
    if (type === undefined) {
      this._events = Object.create(null);
      this._eventsCount = 0;
    } else if (this._events[type] !== undefined) {
      delete this._events[type];
      this._eventsCount -= 1;
    }
    return this;
  },

  emit(type, ...args) {
    if (type === 'error' && this._events?.[ERROR_MONITOR] !== undefined) this.emit(ERROR_MONITOR, ...args);
    const list = this._events?.[type];
    if (list === undefined) {
      if (type !== 'error') return false;
      const error = args[0];
      if (isError(error)) throw error;
      const thrown = codedError(Error, 'ERR_UNHANDLED_ERROR',
        `Unhandled error. (${typeof error === 'string' ? `'${error}'` : inspect(error)})`);
      thrown.context = error;
      throw thrown;
    }
    for (const listener of list) {
      const result = listener.apply(this, args);
      if (this._captureRejections && typeof result?.then === 'function') {
        result.then(undefined, (error) => {
          if (typeof this[CAPTURE_REJECTIONS] === 'function') this[CAPTURE_REJECTIONS](error, type, ...args);
          else nextTick(() => this.emit('error', error));
        });
      }
    }
    return true;
  },

  listeners(type) { return listenersOf(this, type).map((listener) => listener.listener ?? listener); },
  rawListeners(type) { return [...listenersOf(this, type)]; },
  listenerCount(type, listener) {
    const list = listenersOf(this, type);
    return listener === undefined ? list.length : list.filter((held) => held === listener || held.listener === listener).length;
  },
  eventNames() { return this._events === undefined ? [] : Reflect.ownKeys(this._events); },
  setMaxListeners(count) {
    if (typeof count !== 'number' || !(count >= 0)) throw rangeError('setMaxListeners', 'a non-negative number', count);
    this._maxListeners = count;
    return this;
  },
  getMaxListeners() { return this._maxListeners ?? EventEmitter.defaultMaxListeners; },
});
EventEmitter.prototype.addListener = EventEmitter.prototype.on;
EventEmitter.prototype.off = EventEmitter.prototype.removeListener;
for (const name of ['addListener', 'off']) Object.defineProperty(EventEmitter.prototype, name, { enumerable: false });

/** Listens on emitters and event targets alike; gives what takes the listener off. */
function listen(target, type, listener, options) {
  if (typeof target.on === 'function') {
    (options?.once ? target.once : target.on).call(target, type, listener);
    return () => target.removeListener(type, listener);
  }
  if (typeof target.addEventListener === 'function') {
    target.addEventListener(type, listener, options);
    return () => target.removeEventListener(type, listener);
  }
  throw argumentTypeError('emitter', 'an instance of EventEmitter or EventTarget', target);
}

/** `events.once`: the arguments of the next event. */
function onceEvent(emitter, type, { signal } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(nodeAbortError(signal));
      return;
    }
    const stops = [];
    const stop = () => stops.forEach((take) => take());
    stops.push(listen(emitter, type, (...args) => { stop(); resolve(args); }, { once: true }));
    if (type !== 'error' && typeof emitter.on === 'function') {
      stops.push(listen(emitter, 'error', (error) => { stop(); reject(error); }, { once: true }));
    }
    if (signal) stops.push(listen(signal, 'abort', () => { stop(); reject(nodeAbortError(signal)); }, { once: true }));
  });
}

/** `events.on`: an iterator over the arguments of every event. */
function onEvents(emitter, type, { signal, close = [] } = {}) {
  signal?.throwIfAborted?.();
  const ready = [];
  const waiting = [];
  const stops = [];
  let failure;
  let done = false;
  const end = () => {
    done = true;
    stops.forEach((take) => take());
    for (const { resolve } of waiting.splice(0)) resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  };
  const fail = (error) => {
    const first = waiting.shift();
    if (first) first.reject(error);
    else failure = { error };
    end();
  };
  stops.push(listen(emitter, type, (...args) => {
    const first = waiting.shift();
    if (first) first.resolve({ value: args, done: false });
    else ready.push(args);
  }));
  if (type !== 'error' && typeof emitter.on === 'function') stops.push(listen(emitter, 'error', fail));
  for (const name of close) stops.push(listen(emitter, name, end));
  if (signal) stops.push(listen(signal, 'abort', () => fail(nodeAbortError(signal)), { once: true }));
  return {
    next() {
      if (ready.length) return Promise.resolve({ value: ready.shift(), done: false });
      if (failure) {
        const { error } = failure;
        failure = undefined;
        return Promise.reject(error);
      }
      if (done) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    return: end,
    throw(error) { fail(error); return Promise.resolve({ value: undefined, done: true }); },
    [Symbol.asyncIterator]() { return this; },
  };
}

Object.assign(EventEmitter, {
  EventEmitter,
  defaultMaxListeners: 10,
  once: onceEvent,
  on: onEvents,
  errorMonitor: ERROR_MONITOR,
  captureRejectionSymbol: CAPTURE_REJECTIONS,
  captureRejections: false,
  usingDomains: false,
  listenerCount: (emitter, type) => emitter.listenerCount(type),
  getEventListeners: (emitter, type) => (emitter.listeners ? emitter.listeners(type) : []),
  getMaxListeners: (emitter) => emitter.getMaxListeners?.() ?? 10,
  setMaxListeners(count = 10, ...emitters) {
    if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
    for (const emitter of emitters) emitter.setMaxListeners?.(count);
  },
  addAbortListener(signal, listener) {
    if (signal.aborted) queueMicrotask(() => listener());
    const stop = listen(signal, 'abort', listener, { once: true });
    return { [Symbol.dispose]: stop };
  },
  EventEmitterAsyncResource: EventEmitter,
});
defineBuiltin('events', EventEmitter);
