// WritableStream, TransformStream, and the text coders as streams.

const WRITABLE = Symbol('writable');
const ABORT_WRITES = Symbol('abort');

class WritableStreamDefaultController {
  #abort = new AbortController();
  constructor(state) { this[WRITABLE] = state; }
  get signal() { return this.#abort.signal; }
  error(reason) { failWritable(this[WRITABLE], reason); }
  [ABORT_WRITES](reason) { this.#abort.abort(reason); }
}

function failWritable(state, reason) {
  if (state.state === 'closed' || state.state === 'errored') return;
  state.state = 'errored';
  state.error = reason;
  for (const { done } of state.queue.splice(0)) done.reject(reason);
  state.ready.promise.catch(() => {});
  state.ready.reject(reason);
  state.closed.promise.catch(() => {});
  state.closed.reject(reason);
}

/** Hands the sink one chunk after the other. */
async function drainWritable(state) {
  if (state.draining || !state.started) return;
  state.draining = true;
  while (state.queue.length && state.state !== 'errored') {
    const { chunk, close, done, size } = state.queue[0];
    try {
      if (close) await state.sink.close?.();
      else await state.sink.write?.(chunk, state.controller);
    } catch (error) {
      state.queue.shift();
      state.queued -= size;
      done.reject(error);
      failWritable(state, error);
      break;
    }
    if (state.state === 'errored') break;
    state.queue.shift();
    state.queued -= size;
    if (close) {
      state.state = 'closed';
      state.closed.resolve();
    }
    done.resolve();
    relieve(state);
  }
  state.draining = false;
}

/** `ready` is pending while the queue is full. */
function relieve(state) {
  if (state.full && state.mark - state.queued > 0) {
    state.full = false;
    state.ready.resolve();
  }
}

class WritableStream {
  constructor(sink = {}, strategy = {}) {
    const { mark, size } = strategyOf(strategy, 1);
    const state = {
      stream: this, sink: sink ?? {}, mark, size, queue: [], queued: 0, state: 'writable', error: undefined, full: false,
      started: false, draining: false, closing: false, writer: null, ready: Promise.withResolvers(), closed: Promise.withResolvers(),
      controller: null,
    };
    state.ready.resolve();
    state.controller = new WritableStreamDefaultController(state);
    Object.defineProperty(this, WRITABLE, { value: state });
    const begun = state.sink.start?.(state.controller);
    Promise.resolve(begun).then(() => {
      state.started = true;
      return drainWritable(state);
    }, (error) => failWritable(state, error));
  }
  get locked() { return this[WRITABLE].writer !== null; }
  getWriter() { return new WritableStreamDefaultWriter(this); }
  abort(reason) {
    return this.locked ? Promise.reject(lockedError('WritableStream')) : abortWritable(this[WRITABLE], reason);
  }
  close() {
    return this.locked ? Promise.reject(lockedError('WritableStream')) : closeWritable(this[WRITABLE]);
  }
  get [Symbol.toStringTag]() { return 'WritableStream'; }
}

async function abortWritable(state, reason) {
  if (state.state === 'closed' || state.state === 'errored') return;
  failWritable(state, reason);
  state.controller[ABORT_WRITES](reason);
  await state.sink.abort?.(reason);
}

function closeWritable(state) {
  if (state.closing || state.state !== 'writable') {
    return Promise.reject(state.state === 'errored' ? state.error
      : codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: WritableStream is closed'));
  }
  state.closing = true;
  const done = Promise.withResolvers();
  state.queue.push({ close: true, done, size: 0 });
  drainWritable(state);
  return done.promise;
}

class WritableStreamDefaultWriter {
  #state;

  constructor(stream) {
    const state = stream?.[WRITABLE];
    if (!state) throw argumentTypeError('stream', 'an instance of WritableStream', stream);
    if (state.writer) throw lockedError('WritableStream');
    state.writer = this;
    this.#state = state;
  }
  #released() { return codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: Writer is not bound to a WritableStream'); }
  get closed() { return this.#state ? this.#state.closed.promise : Promise.reject(this.#released()); }
  get ready() { return this.#state ? this.#state.ready.promise : Promise.reject(this.#released()); }
  get desiredSize() {
    if (!this.#state) throw this.#released();
    if (this.#state.state === 'errored') return null;
    return this.#state.state === 'closed' ? 0 : this.#state.mark - this.#state.queued;
  }
  write(chunk) {
    const state = this.#state;
    if (!state) return Promise.reject(this.#released());
    if (state.state === 'errored') return Promise.reject(state.error);
    if (state.closing || state.state === 'closed') {
      return Promise.reject(codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: WritableStream is closed'));
    }
    const size = Number(state.size(chunk));
    const done = Promise.withResolvers();
    done.promise.catch(() => {});
    state.queue.push({ chunk, done, size });
    state.queued += size;
    if (!state.full && state.mark - state.queued <= 0) {
      state.full = true;
      state.ready = Promise.withResolvers();
    }
    drainWritable(state);
    return done.promise;
  }
  close() { return this.#state ? closeWritable(this.#state) : Promise.reject(this.#released()); }
  abort(reason) { return this.#state ? abortWritable(this.#state, reason) : Promise.reject(this.#released()); }
  releaseLock() {
    if (!this.#state) return;
    this.#state.writer = null;
    this.#state = null;
  }
  get [Symbol.toStringTag]() { return 'WritableStreamDefaultWriter'; }
}

class TransformStreamDefaultController {
  #readable; #fail;
  constructor(readable, fail) {
    this.#readable = readable;
    this.#fail = fail;
  }
  get desiredSize() { return this.#readable.desiredSize; }
  enqueue(chunk) { this.#readable.enqueue(chunk); }
  error(reason) {
    this.#readable.error(reason);
    this.#fail(reason);
  }
  terminate() {
    this.#readable.close();
    this.#fail(codedError(TypeError, 'ERR_INVALID_STATE', 'Invalid state: TransformStream was terminated'));
  }
}

class TransformStream {
  #readable; #writable;

  constructor(transformer = {}, writableStrategy = undefined, readableStrategy = undefined) {
    transformer ??= {};
    let controller;
    let wanted = Promise.withResolvers();
    const self = this;
    let writableController;
    const begun = Promise.withResolvers();
    this.#readable = new ReadableStream({
      start(readableController) {
        controller = new TransformStreamDefaultController(readableController, (reason) => writableController.error(reason));
        return begun.promise;
      },
      pull() { wanted.resolve(); },
      async cancel(reason) {
        wanted.resolve();
        await transformer.cancel?.(reason);
        writableController.error(reason);
      },
    }, { highWaterMark: 0, ...readableStrategy });
    this.#writable = new WritableStream({
      start(made) {
        writableController = made;
        return begun.promise;
      },
      async write(chunk) {
        // The source is held back until somebody reads.
        const state = self.#readable[READABLE];
        while (state.state === 'readable' && state.requests.length === 0 && state.mark - state.queued <= 0) {
          wanted = Promise.withResolvers();
          await wanted.promise;
        }
        try {
          if (transformer.transform) await transformer.transform(chunk, controller);
          else controller.enqueue(chunk);
        } catch (error) {
          controller.error(error);
          throw error;
        }
      },
      async close() {
        try {
          await transformer.flush?.(controller);
          closeIfOpen(controller);
        } catch (error) {
          controller.error(error);
          throw error;
        }
      },
      async abort(reason) {
        await transformer.cancel?.(reason);
        controller.error(reason);
      },
    }, writableStrategy);
    Promise.resolve(transformer.start?.(controller)).then(begun.resolve, (error) => {
      begun.reject(error);
      controller.error(error);
    });
  }
  get readable() { return this.#readable; }
  get writable() { return this.#writable; }
  get [Symbol.toStringTag]() { return 'TransformStream'; }
}

/** A flush may have ended the stream itself. */
function closeIfOpen(controller) {
  try {
    controller.terminate();
  } catch (error) {
    if (error.code !== 'ERR_INVALID_STATE') throw error;
  }
}

class TextDecoderStream extends TransformStream {
  #decoder;
  constructor(label, options) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(chunk, controller) {
        const text = decoder.decode(chunk, { stream: true });
        if (text) controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text) controller.enqueue(text);
      },
    });
    this.#decoder = decoder;
  }
  get encoding() { return this.#decoder.encoding; }
  get fatal() { return this.#decoder.fatal; }
  get ignoreBOM() { return this.#decoder.ignoreBOM; }
}

class TextEncoderStream extends TransformStream {
  constructor() {
    let high = '';
    super({
      transform(chunk, controller) {
        let text = high + chunk;
        // A pair may be torn between two chunks.
        const last = text.charCodeAt(text.length - 1);
        high = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : '';
        if (high) text = text.slice(0, -1);
        if (text) controller.enqueue(utf8Encode(text));
      },
      flush(controller) { if (high) controller.enqueue(utf8Encode(high)); },
    });
  }
  get encoding() { return 'utf-8'; }
}

for (const Class of [WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController, TransformStream,
  TransformStreamDefaultController, TextDecoderStream, TextEncoderStream]) defineGlobal(Class.name, Class);
defineBuiltin('stream/web', {
  ReadableStream, ReadableStreamDefaultReader, ReadableStreamDefaultController, WritableStream, WritableStreamDefaultWriter,
  WritableStreamDefaultController, TransformStream, TransformStreamDefaultController, TextDecoderStream, TextEncoderStream,
  ByteLengthQueuingStrategy, CountQueuingStrategy,
});
