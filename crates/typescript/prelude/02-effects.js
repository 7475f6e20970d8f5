// The one place that asks the engine for effects and hands their results on.

/** What the program waits for: number → {kind, what, settle, idle?}; what is idle keeps no script from its end. */
const pending = new Map();

/** The run, as `start` was told. */
const current = { run: '', entry: '', method: undefined, instance: 'default', about: {}, startedAt: 0, ended: false, namespace: undefined };

/** Asks for an effect that has a result; `settle(ok, value, bytes)` gets it. */
function askFor(kind, request, settle, bytes, what) {
  // After the end nothing is wanted any more; what waits never comes back.
  if (current.ended) return -1;
  const json = typeof request === 'string' ? request : JSON.stringify(request);
  const n = bytes === undefined ? native.effect(kind, json) : native.effect(kind, json, bytes);
  pending.set(n, { kind, what: what ?? request, settle });
  return n;
}

/** Withdraws an effect; false if it is settled already. */
function withdraw(n) {
  if (!pending.delete(n)) return false;
  native.effect(ABORT, JSON.stringify({ n }));
  return true;
}

function deliver(n, ok, json, bytes) {
  const waiting = pending.get(n);
  // A result may cross with the program's withdrawal of the effect.
  if (waiting === undefined) return;
  pending.delete(n);
  const value = json === undefined || json === '' ? null : JSON.parse(json);
  macrotask(() => waiting.settle(ok, ok ? value : value ?? { name: 'Error', message: '' }, bytes));
}

/** Runs what the event loop would run as one task, with `process.nextTick`'s queue behind it. */
function macrotask(run) {
  try {
    run();
  } catch (error) {
    uncaught(error);
  }
  drainTicks();
}

/** The result of an effect as a promise. `signal` withdraws it. */
function request(kind, value, { bytes, what, signal, read } = {}) {
  const asked = kind === CALL || kind === ASK ? new Error('asked here') : null;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = signal && (() => {
      if (withdraw(n)) reject(signal.reason);
    });
    const n = askFor(kind, value, (ok, result, resultBytes) => {
      if (stop) signal.removeEventListener('abort', stop);
      if (!ok) {
        reject(asked ? borrowStack(failureError(result), asked) : failureError(result));
        return;
      }
      try {
        resolve(read ? read(result, resultBytes) : result);
      } catch (error) {
        reject(error);
      }
    }, bytes, what);
    if (stop) signal.addEventListener('abort', stop);
  });
}

/** Performs an operation of the host: a promise of `read(value, bytes)`. */
const perform = (op, args, options) => request(CALL, { op, args }, options);

/** Performs an operation while the program stands still. */
function performSync(op, args, bytes) {
  if (current.ended) throw new Error('The program has ended');
  const json = JSON.stringify(args);
  const [ok, result, resultBytes] = bytes === undefined ? native.call(op, json) : native.call(op, json, bytes);
  const value = result === undefined || result === '' ? null : JSON.parse(result);
  if (!ok) throw failureError(value);
  return { value, bytes: resultBytes };
}

/** A pure function of the host: `{value, bytes}`, or an error from its failure. */
function pure(op, args, bytes) {
  const json = JSON.stringify(args);
  const [ok, result, resultBytes] = bytes === undefined ? native.pure(op, json) : native.pure(op, json, bytes);
  const value = result === undefined || result === '' ? null : JSON.parse(result);
  if (!ok) throw failureError(value);
  return { value, bytes: resultBytes };
}

/** Records and shows something. It never fails: what JSON cannot hold is shown readably. */
function emitEffect(kind, message, data) {
  if (current.ended) return;
  const emit = { kind };
  if (message !== undefined && message !== null) emit.message = String(message);
  let json;
  if (data === undefined) {
    json = JSON.stringify(emit);
  } else {
    const head = JSON.stringify(emit);
    json = `${head.slice(0, -1)},"data":${lossyJson(data)}}`;
  }
  native.effect(EMIT, json);
}

const errorClasses = {
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError,
};

/** Names of failures that the web platform reports as DOMException. */
const domFailures = new Set([
  'AbortError', 'TimeoutError', 'DataCloneError', 'InvalidStateError', 'InvalidCharacterError', 'NotSupportedError',
  'NetworkError', 'OperationError', 'NotFoundError', 'InvalidAccessError', 'DataError',
]);

/** The error that the program sees for a failure of the host. */
function failureError({ name = 'Error', message = '', code }) {
  let error;
  if (domFailures.has(name)) {
    error = new DOMException(message, name);
  } else {
    error = new (errorClasses[name] ?? Error)(message);
    if (!errorClasses[name]) Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true });
    if (code !== undefined && code !== null) error.code = code;
  }
  return error;
}

const tickQueue = [];
let ticksDraining = false;
let ticksScheduled = false;

function nextTick(callback, ...args) {
  requireFunction(callback, 'callback');
  tickQueue.push([callback, args]);
  if (!ticksScheduled && !ticksDraining) {
    ticksScheduled = true;
    queueMicrotask(drainTicks);
  }
}

function drainTicks() {
  if (ticksDraining) return;
  ticksDraining = true;
  try {
    for (let i = 0; i < tickQueue.length; i++) {
      const [callback, args] = tickQueue[i];
      try {
        callback(...args);
      } catch (error) {
        uncaught(error);
      }
    }
  } finally {
    tickQueue.length = 0;
    ticksDraining = false;
    ticksScheduled = false;
  }
}
