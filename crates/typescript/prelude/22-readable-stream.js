// ReadableStream: as the WHATWG streams standard behaves for what `fetch` and its users do. Byte streams are ordinary
// streams of Uint8Array; readers that bring their own buffer are not there.

const READABLE = Symbol('readable');

/** The high-water mark and size function of a queuing strategy. */
function strategyOf(strategy = {}, fallback = 1) {
  const mark = strategy?.highWaterMark ?? fallback;
  if (Number.isNaN(Number(mark)) || mark < 0) throw rangeError('highWaterMark', 'a non-negative number', mark);
  return { mark: Number(mark), size: strategy?.size ?? (() => 1) };
}

class ReadableStreamDefaultController {
  constructor(state) { this[READABLE] = state; }
  get desiredSize() {
    const state = this[READABLE];
    if (state.state === 'errored') return null;
    return state.state === 'closed' ? 0 : state.mark - state.queued;
  }
  enqueue(chunk) {
    const state = this[READABLE];
    if (state.closing || state.state !== 'readable') {
      throw codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: Controller is already closed');
    }
    if (state.requests.length) {
      state.requests.shift().resolve({ value: chunk, done: false });
    } else {
      const size = Number(state.size(chunk));
      state.queue.push({ chunk, size });
      state.queued += size;
    }
    pullMore(state);
  }
  close() {
    const state = this[READABLE];
    if (state.closing || state.state !== 'readable') {
      throw codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: Controller is already closed');
    }
    state.closing = true;
    if (state.queue.length === 0) closeReadable(state);
  }
  error(reason) { failReadable(this[READABLE], reason); }
  get byobRequest() { return null; }
}

function closeReadable(state) {
  if (state.state !== 'readable') return;
  state.state = 'closed';
  for (const request of state.requests.splice(0)) request.resolve({ value: undefined, done: true });
  state.closed.resolve();
}

function failReadable(state, reason) {
  if (state.state !== 'readable') return;
  state.state = 'errored';
  state.error = reason;
  state.queue.length = 0;
  for (const request of state.requests.splice(0)) request.reject(reason);
  state.closed.promise.catch(() => {});
  state.closed.reject(reason);
}

/** Asks the source for more while somebody waits or the queue has room. */
function pullMore(state) {
  if (!state.started || state.state !== 'readable' || state.closing) return;
  if (state.requests.length === 0 && state.mark - state.queued <= 0) return;
  if (state.pulling) {
    state.pullAgain = true;
    return;
  }
  if (!state.source.pull) return;
  state.pulling = true;
  Promise.resolve().then(() => state.source.pull(state.controller)).then(() => {
    state.pulling = false;
    if (state.pullAgain) {
      state.pullAgain = false;
      pullMore(state);
    }
  }, (error) => failReadable(state, error));
}

function readFrom(state) {
  if (state.queue.length) {
    const { chunk, size } = state.queue.shift();
    state.queued -= size;
    if (state.closing && state.queue.length === 0) closeReadable(state);
    else pullMore(state);
    return Promise.resolve({ value: chunk, done: false });
  }
  if (state.state === 'closed') return Promise.resolve({ value: undefined, done: true });
  if (state.state === 'errored') return Promise.reject(state.error);
  const request = Promise.withResolvers();
  state.requests.push(request);
  pullMore(state);
  return request.promise;
}

async function cancelReadable(state, reason) {
  state.disturbed = true;
  if (state.state === 'closed') return;
  if (state.state === 'errored') throw state.error;
  state.queue.length = 0;
  state.queued = 0;
  closeReadable(state);
  await state.source.cancel?.(reason);
}

class ReadableStream {
  constructor(source = {}, strategy = {}) {
    if (source === null || typeof source !== 'object') throw argumentTypeError('source', 'of type object', source);
    const bytes = source.type === 'bytes';
    if (source.type !== undefined && !bytes) throw rangeError('source.type', "'bytes' or undefined", source.type);
    const { mark, size } = strategyOf(strategy, bytes ? 0 : 1);
    const state = {
      stream: this, source, mark, size, queue: [], queued: 0, requests: [], state: 'readable', error: undefined,
      closing: false, started: false, pulling: false, pullAgain: false, reader: null, disturbed: false,
      closed: Promise.withResolvers(), controller: null,
    };
    state.controller = new ReadableStreamDefaultController(state);
    Object.defineProperty(this, READABLE, { value: state });
    const begun = source.start?.(state.controller);
    Promise.resolve(begun).then(() => {
      state.started = true;
      pullMore(state);
    }, (error) => failReadable(state, error));
  }

  get locked() { return this[READABLE].reader !== null; }

  cancel(reason) {
    if (this.locked) return Promise.reject(lockedError('ReadableStream'));
    return cancelReadable(this[READABLE], reason);
  }

  getReader(options) {
    if (options?.mode === 'byob') {
      throw codedError(TypeError, 'ERR_INVALID_STATE', 'readers that bring their own buffer are not supported here');
    }
    return new ReadableStreamDefaultReader(this);
  }

  tee() {
    const reader = this.getReader();
    const controllers = [];
    const canceled = [];
    const finished = Promise.withResolvers();
    let reading = false;
    const pull = async () => {
      if (reading) return;
      reading = true;
      try {
        const { value, done } = await reader.read();
        for (const [i, controller] of controllers.entries()) {
          if (canceled[i]) continue;
          if (done) controller.close();
          else controller.enqueue(value);
        }
        if (done) finished.resolve();
      } catch (error) {
        for (const controller of controllers) controller.error(error);
        finished.resolve();
      } finally {
        reading = false;
      }
    };
    const branch = (i) => new ReadableStream({
      start(controller) { controllers[i] = controller; },
      pull,
      async cancel(reason) {
        canceled[i] = { reason };
        if (canceled[0] && canceled[1]) {
          await reader.cancel([canceled[0].reason, canceled[1].reason]);
          finished.resolve();
        }
        return finished.promise;
      },
    }, { highWaterMark: 0 });
    return [branch(0), branch(1)];
  }

  async pipeTo(target, { preventClose = false, preventAbort = false, preventCancel = false, signal } = {}) {
    const reader = this.getReader();
    const writer = target.getWriter();
    const aborted = signal && new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    aborted?.catch(() => {});
    const orAborted = (promise) => (aborted ? Promise.race([promise, aborted]) : promise);
    try {
      for (;;) {
        await orAborted(writer.ready);
        let step;
        try {
          step = await orAborted(reader.read());
        } catch (error) {
          if (!preventAbort) await writer.abort(error).catch(() => {});
          if (signal?.aborted && !preventCancel) await reader.cancel(error).catch(() => {});
          throw error;
        }
        if (step.done) break;
        try {
          await writer.write(step.value);
        } catch (error) {
          if (!preventCancel) await reader.cancel(error).catch(() => {});
          throw error;
        }
      }
      if (!preventClose) await writer.close();
    } finally {
      reader.releaseLock();
      writer.releaseLock();
    }
  }

  pipeThrough({ readable, writable }, options) {
    this.pipeTo(writable, options).catch(() => {});
    return readable;
  }

  values({ preventCancel = false } = {}) {
    const reader = this.getReader();
    const state = this[READABLE];
    return {
      async next() {
        const step = await reader.read();
        if (step.done) reader.releaseLock();
        return step;
      },
      async return(value) {
        // The engine's `for await` calls this even after `next` failed.
        if (!preventCancel && state.state === 'readable') await reader.cancel(value);
        reader.releaseLock();
        return { value, done: true };
      },
      [Symbol.asyncIterator]() { return this; },
    };
  }
  [Symbol.asyncIterator](options) { return this.values(options); }

  static from(items) {
    const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(await value);
      },
      async cancel(reason) { await iterator.return?.(reason); },
    }, { highWaterMark: 0 });
  }

  get [Symbol.toStringTag]() { return 'ReadableStream'; }
  [INSPECT_CUSTOM](depth, options) {
    return depth !== null && depth < 0 ? '[ReadableStream]'
      : `ReadableStream ${inspect({ locked: this.locked, state: this[READABLE].state, supportsBYOB: false }, options)}`;
  }
}

const lockedError = (what) => codedError(TypeError, 'ERR_INVALID_STATE', `Invalid state: ${what} is locked`);

class ReadableStreamDefaultReader {
  #state;

  constructor(stream) {
    const state = stream?.[READABLE];
    if (!state) throw argumentTypeError('stream', 'an instance of ReadableStream', stream);
    if (state.reader) throw lockedError('ReadableStream');
    state.reader = this;
    this.#state = state;
  }
  get closed() { return this.#state ? this.#state.closed.promise : Promise.reject(this.#released()); }
  #released() { return codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: The reader is not attached to a stream'); }
  read() {
    if (!this.#state) return Promise.reject(this.#released());
    this.#state.disturbed = true;
    return readFrom(this.#state);
  }
  cancel(reason) { return this.#state ? cancelReadable(this.#state, reason) : Promise.reject(this.#released()); }
  releaseLock() {
    if (!this.#state) return;
    for (const request of this.#state.requests.splice(0)) request.reject(this.#released());
    this.#state.reader = null;
    this.#state = null;
  }
  get [Symbol.toStringTag]() { return 'ReadableStreamDefaultReader'; }
}

class ByteLengthQueuingStrategy {
  constructor({ highWaterMark }) { this.highWaterMark = highWaterMark; }
  get size() { return (chunk) => chunk.byteLength; }
}
class CountQueuingStrategy {
  constructor({ highWaterMark }) { this.highWaterMark = highWaterMark; }
  get size() { return () => 1; }
}

for (const Class of [ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController,
  ByteLengthQueuingStrategy, CountQueuingStrategy]) defineGlobal(Class.name, Class);
