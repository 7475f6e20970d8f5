// Each timer is an effect with an absolute time, so that it survives the process: a sleep of a year is fine.

class Timeout {
  constructor(callback, args, repeat) {
    this._callback = callback;
    this._args = args;
    this._repeat = repeat;
    this._n = -1;
    this._id = -1;
    this._delay = 0;
    this._held = true;
  }

  /** A script whose evaluation is over ends without waiting for timers that hold no reference. */
  ref() { return this.#hold(true); }
  unref() { return this.#hold(false); }
  hasRef() { return this._held; }
  #hold(held) {
    this._held = held;
    const waiting = pending.get(this._n);
    if (waiting) waiting.idle = !held;
    return this;
  }
  refresh() {
    if (this._n >= 0 && withdraw(this._n)) armTimer(this, this._delay);
    return this;
  }
  close() { clearTimer(this); return this; }
  [Symbol.toPrimitive]() { return this._id; }
  [Symbol.dispose]() { clearTimer(this); }
}
class Immediate extends Timeout {}

/** Timers by the number that `+timeout` gave out. */
const timersByNumber = new Map();

function delayOf(ms) {
  const delay = Number(ms);
  return delay > 0 ? delay : 0;
}

function armTimer(timer, delay) {
  timer._delay = delay;
  const due = Math.min(Math.floor(native.now() + delay), 8.64e15);
  const n = askFor(TIMER, { due }, () => {
    timersByNumber.delete(timer._id);
    if (timer._repeat !== undefined) armTimer(timer, timer._repeat);
    timer._callback(...timer._args);
  });
  timer._n = n;
  if (!timer._held) timer.unref();
  if (timer._id < 0) timer._id = n;
  timersByNumber.set(timer._id, timer);
  return timer;
}

function clearTimer(timer) {
  const found = timer instanceof Timeout ? timer
    : typeof timer === 'number' || typeof timer === 'string' ? timersByNumber.get(Number(timer)) : undefined;
  if (!found) return;
  timersByNumber.delete(found._id);
  found._repeat = undefined;
  withdraw(found._n);
}

function setTimeout(callback, ms, ...args) {
  requireFunction(callback, 'callback');
  return armTimer(new Timeout(callback, args), delayOf(ms));
}

function setInterval(callback, ms, ...args) {
  requireFunction(callback, 'callback');
  // A period below a millisecond would fill the journal without letting anything happen.
  const period = Math.max(1, delayOf(ms));
  return armTimer(new Timeout(callback, args, period), period);
}

function setImmediate(callback, ...args) {
  requireFunction(callback, 'callback');
  return armTimer(new Immediate(callback, args), 0);
}

for (const [name, value] of Object.entries({
  setTimeout, setInterval, setImmediate, clearTimeout: clearTimer, clearInterval: clearTimer, clearImmediate: clearTimer,
})) defineGlobal(name, value);

/** Waits until `due` (ms since the epoch). */
function waitUntil(due, value, signal) {
  return request(TIMER, { due: Math.min(Math.floor(due), 8.64e15) }, { signal, read: () => value });
}

const timersPromises = {
  setTimeout: (ms, value, options = {}) => waitUntil(native.now() + delayOf(ms), value, abortable(options.signal)),
  setImmediate: (value, options = {}) => waitUntil(native.now(), value, abortable(options.signal)),
  async *setInterval(ms, value, options = {}) {
    const period = Math.max(1, delayOf(ms));
    for (let due = native.now() + period; ; due += period) {
      await waitUntil(due, undefined, abortable(options.signal));
      yield value;
    }
  },
  scheduler: {
    wait: (ms, options) => timersPromises.setTimeout(ms, undefined, options),
    yield: () => timersPromises.setImmediate(),
  },
};

/** Node's timers reject with their own AbortError that holds the signal's reason as its cause. */
function abortable(signal) {
  if (signal === undefined) return undefined;
  return {
    get aborted() { return signal.aborted; },
    get reason() { return nodeAbortError(signal); },
    addEventListener: (type, listener) => signal.addEventListener(type, listener),
    removeEventListener: (type, listener) => signal.removeEventListener(type, listener),
  };
}

function nodeAbortError(signal) {
  const error = codedError(Error, 'ABORT_ERR', 'The operation was aborted');
  Object.defineProperty(error, 'name', { value: 'AbortError', writable: true, configurable: true });
  if (signal?.reason !== undefined) Object.defineProperty(error, 'cause', { value: signal.reason, writable: true, configurable: true });
  return error;
}

defineBuiltin('timers', {
  setTimeout, setInterval, setImmediate, clearTimeout: clearTimer, clearInterval: clearTimer, clearImmediate: clearTimer,
  promises: timersPromises,
});
defineBuiltin('timers/promises', timersPromises);
