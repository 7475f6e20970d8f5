// node:stream, the readable half. Constructors are functions, because old packages call them on their own objects.

const defaultMark = (objectMode) => (objectMode ? 16 : 65536);

function Stream(options) { EventEmitter.call(this, options); }
inherits(Stream, EventEmitter);
Object.setPrototypeOf(Stream, EventEmitter);

function Readable(options = {}) {
  if (!(this instanceof Readable)) return new Readable(options);
  Stream.call(this, options);
  initReadable(this, options);
  initLifetime(this, options);
  return this;
}
inherits(Readable, Stream);
Object.setPrototypeOf(Readable, Stream);

function initReadable(stream, options) {
  const objectMode = Boolean(options.objectMode || options.readableObjectMode);
  Object.defineProperty(stream, '_readableState', { writable: true, configurable: true, value: {
    objectMode, highWaterMark: options.highWaterMark ?? options.readableHighWaterMark ?? defaultMark(objectMode),
    buffer: [], length: 0, flowing: null, ended: false, endEmitted: false, reading: false, scheduled: false,
    decoder: null, encoding: null, pipes: [], readableListening: false,
  } });
  if (options.encoding) stream.setEncoding(options.encoding);
  if (typeof options.read === 'function') stream._read = options.read;
}

/** What both halves share: destroying, errors, the end. */
function initLifetime(stream, options) {
  Object.defineProperty(stream, '_life', { writable: true, configurable: true, value: {
    destroyed: false, closed: false, errored: null, autoDestroy: options.autoDestroy !== false, emitClose: options.emitClose !== false,
  } });
  if (typeof options.destroy === 'function') stream._destroy = options.destroy;
  if (typeof options.construct === 'function') stream._construct = options.construct;
  if (options.signal) listen(options.signal, 'abort', () => stream.destroy(nodeAbortError(options.signal)), { once: true });
  if (typeof stream._construct === 'function') {
    stream._life.constructing = true;
    nextTick(() => stream._construct((error) => {
      stream._life.constructing = false;
      if (error) stream.destroy(error);
      else {
        if (stream._readableState) schedule(stream);
        if (stream._writableState) writeNext(stream);
      }
    }));
  }
}

const lifetimeMethods = {
  destroy(error, callback) {
    const life = this._life;
    if (typeof callback === 'function') this.once('close', () => callback(error ?? null));
    if (life.destroyed) return this;
    life.destroyed = true;
    if (error) life.errored = error;
    const finish = (failure) => nextTick(() => {
      const reason = failure ?? error;
      if (reason) {
        life.errored ??= reason;
        this.emit('error', reason);
      }
      life.closed = true;
      if (life.emitClose) this.emit('close');
    });
    this._destroy(error ?? null, finish);
    return this;
  },
  _destroy(error, callback) { callback(error); },
  get destroyed() { return this._life?.destroyed ?? false; },
  set destroyed(value) { if (this._life) this._life.destroyed = Boolean(value); },
  get closed() { return this._life.closed; },
  get errored() { return this._life.errored; },
};

/** Takes `count` bytes (or one object, or all) out of the buffer. */
function takeChunk(state, count) {
  if (state.objectMode) {
    state.length -= 1;
    return state.buffer.shift();
  }
  if (count >= state.length) {
    const all = state.buffer.length === 1 ? state.buffer[0]
      : state.decoder ? state.buffer.join('') : Buffer.concat(state.buffer);
    state.buffer = [];
    state.length = 0;
    return all;
  }
  const all = state.decoder ? state.buffer.join('') : Buffer.concat(state.buffer);
  state.buffer = [all.slice(count)];
  state.length -= count;
  return all.slice(0, count);
}

function endReadable(stream) {
  const state = stream._readableState;
  if (state.endEmitted || state.length > 0 || !state.ended) return;
  state.endEmitted = true;
  nextTick(() => {
    if (stream._life.errored) return;
    stream.emit('end');
    const writing = stream._writableState;
    if (writing && stream.allowHalfOpen === false && !writing.ending) stream.end();
    if (stream._life.autoDestroy && (!writing || writing.finished)) stream.destroy();
  });
}

/** Lets the stream flow, or tells that there is something to read, once this turn's code is done. */
function schedule(stream) {
  const state = stream._readableState;
  if (state.scheduled) return;
  state.scheduled = true;
  nextTick(() => {
    state.scheduled = false;
    if (stream.destroyed || stream._life.constructing) return;
    if (state.readableListening) {
      if (state.length > 0 || state.ended) stream.emit('readable');
      if (state.length === 0) {
        endReadable(stream);
        wantMore(stream);
      }
      return;
    }
    if (!state.flowing) return;
    while (state.flowing && state.length > 0) stream.emit('data', takeChunk(state, Infinity));
    if (state.length === 0) endReadable(stream);
    wantMore(stream);
  });
}

function wantMore(stream) {
  const state = stream._readableState;
  if (state.reading || state.ended || stream.destroyed || stream._life.constructing || state.length >= state.highWaterMark && state.length > 0) return;
  state.reading = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    stream.destroy(error);
  }
}

function addChunk(stream, chunk, encoding, front) {
  const state = stream._readableState;
  state.reading = false;
  if (chunk === null) {
    if (state.ended) return false;
    state.ended = true;
    if (state.decoder) {
      const rest = state.decoder.end();
      if (rest) {
        state.buffer.push(rest);
        state.length += rest.length;
      }
    }
    schedule(stream);
    return false;
  }
  if (state.ended && !front) {
    stream.destroy(codedError(Error, 'ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (!state.objectMode) {
    if (typeof chunk === 'string') {
      if (!(state.decoder && state.encoding === encodingName(encoding))) chunk = bufferFrom(chunk, encoding);
    } else if (chunk instanceof Uint8Array) {
      if (!(chunk instanceof Buffer)) chunk = makeBuffer(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    } else {
      stream.destroy(argumentTypeError('chunk', 'of type string or an instance of Buffer or Uint8Array', chunk));
      return false;
    }
    if (state.decoder && typeof chunk !== 'string') chunk = state.decoder.write(chunk);
    if (chunk.length === 0) {
      schedule(stream);
      return state.length < state.highWaterMark;
    }
  }
  if (front) state.buffer.unshift(chunk);
  else state.buffer.push(chunk);
  state.length += state.objectMode ? 1 : chunk.length;
  schedule(stream);
  return state.length < state.highWaterMark;
}

defineHidden(Readable.prototype, {
  _read() { throw codedError(Error, 'ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented'); },
  push(chunk, encoding) { return addChunk(this, chunk, encoding, false); },
  unshift(chunk, encoding) { return addChunk(this, chunk, encoding, true); },
  read(count) {
    const state = this._readableState;
    const size = count === undefined ? Infinity : Number(count);
    if (size === 0) {
      wantMore(this);
      return null;
    }
    if (state.length === 0 || (count !== undefined && !state.objectMode && size > state.length && !state.ended)) {
      endReadable(this);
      wantMore(this);
      return null;
    }
    const chunk = takeChunk(state, size);
    if (state.length === 0) endReadable(this);
    wantMore(this);
    this.emit('data', chunk);
    return chunk;
  },
  setEncoding(encoding) {
    const state = this._readableState;
    state.decoder = new StringDecoder(encoding);
    state.encoding = state.decoder.encoding;
    state.buffer = state.buffer.map((chunk) => (typeof chunk === 'string' ? chunk : state.decoder.write(chunk)));
    state.length = state.buffer.reduce((sum, chunk) => sum + chunk.length, 0);
    return this;
  },
  on(type, listener) {
    EventEmitter.prototype.on.call(this, type, listener);
    const state = this._readableState;
    if (type === 'data' && state && state.flowing !== false) this.resume();
    if (type === 'readable' && state) {
      state.readableListening = true;
      state.flowing = false;
      schedule(this);
      wantMore(this);
    }
    return this;
  },
  removeListener(type, listener) {
    EventEmitter.prototype.removeListener.call(this, type, listener);
    if (type === 'readable' && this._readableState && this.listenerCount('readable') === 0) {
      this._readableState.readableListening = false;
      if (this.listenerCount('data') > 0) this.resume();
    }
    return this;
  },
  pause() {
    this._readableState.flowing = false;
    this.emit('pause');
    return this;
  },
  resume() {
    const state = this._readableState;
    if (!state.flowing) {
      state.flowing = !state.readableListening;
      this.emit('resume');
    }
    schedule(this);
    return this;
  },
  isPaused() { return this._readableState.flowing === false; },
  pipe(target, { end = true } = {}) {
    const onData = (chunk) => { if (target.write(chunk) === false) this.pause(); };
    const onDrain = () => this.resume();
    const onEnd = () => target.end();
    const entry = { target, stop: () => {
      this.removeListener('data', onData);
      this.removeListener('end', onEnd);
      target.removeListener('drain', onDrain);
    } };
    this._readableState.pipes.push(entry);
    target.on('drain', onDrain);
    if (end) this.once('end', onEnd);
    target.once?.('close', () => this.unpipe(target));
    target.emit('pipe', this);
    this.on('data', onData);
    return target;
  },
  unpipe(target) {
    const { pipes } = this._readableState;
    for (const entry of [...pipes]) {
      if (target !== undefined && entry.target !== target) continue;
      pipes.splice(pipes.indexOf(entry), 1);
      entry.stop();
      entry.target.emit('unpipe', this);
    }
    if (pipes.length === 0 && this.listenerCount('data') === 0) this._readableState.flowing = false;
    return this;
  },
  async *[Symbol.asyncIterator]() {
    let wake = Promise.withResolvers();
    let failure;
    let over = false;
    const ready = () => wake.resolve();
    const stops = [
      listen(this, 'readable', ready),
      listen(this, 'end', () => { over = true; ready(); }),
      listen(this, 'error', (error) => { failure = { error }; ready(); }),
      listen(this, 'close', () => { over = true; ready(); }),
    ];
    try {
      for (;;) {
        const chunk = this.destroyed && this._life.errored ? null : this.read();
        if (chunk !== null) {
          yield chunk;
          continue;
        }
        if (failure || this._life.errored) throw failure ? failure.error : this._life.errored;
        if (over || this._readableState.endEmitted) return;
        await wake.promise;
        wake = Promise.withResolvers();
      }
    } finally {
      stops.forEach((stop) => stop());
      if (!over && !this._readableState.endEmitted) this.destroy();
    }
  },
  iterator() { return this[Symbol.asyncIterator](); },
  async toArray() {
    const list = [];
    for await (const chunk of this) list.push(chunk);
    return list;
  },
  map(change) { return Readable.from(mapStream(this, change)); },
  filter(keep) { return Readable.from(filterStream(this, keep)); },
  async forEach(visit) { for await (const chunk of this) await visit(chunk); },
  async reduce(join, ...start) {
    let [value, begun] = [start[0], start.length > 0];
    for await (const chunk of this) {
      value = begun ? await join(value, chunk) : chunk;
      begun = true;
    }
    return value;
  },
  get readable() { return !this.destroyed && !this._readableState.endEmitted; },
  get readableEnded() { return this._readableState.endEmitted; },
  get readableFlowing() { return this._readableState.flowing; },
  get readableLength() { return this._readableState.length; },
  get readableHighWaterMark() { return this._readableState.highWaterMark; },
  get readableObjectMode() { return this._readableState.objectMode; },
  get readableEncoding() { return this._readableState.encoding; },
  get readableAborted() { return this.destroyed && !this._readableState.endEmitted; },
  get readableDidRead() { return this._readableState.endEmitted || this._readableState.flowing !== null; },
});
defineHidden(Readable.prototype, lifetimeMethods);
for (const [alias, name] of [['off', 'removeListener'], ['addListener', 'on']]) {
  defineHidden(Readable.prototype, { [alias]: Readable.prototype[name] });
}

async function* mapStream(stream, change) { for await (const chunk of stream) yield await change(chunk); }
async function* filterStream(stream, keep) { for await (const chunk of stream) if (await keep(chunk)) yield chunk; }

Readable.from = (items, options) => {
  if (typeof items === 'string' || items instanceof Uint8Array) items = [items];
  const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
  return new Readable({
    objectMode: true, highWaterMark: 1, ...options,
    read() {
      Promise.resolve(iterator.next()).then(async ({ value, done }) => {
        if (done) this.push(null);
        else this.push(await value);
      }).catch((error) => this.destroy(error));
    },
    destroy(error, callback) {
      Promise.resolve(iterator.return?.()).then(() => callback(error), (failure) => callback(error ?? failure));
    },
  });
};
Readable.fromWeb = (stream, options) => Readable.from(stream, { objectMode: false, ...options });
Readable.toWeb = (stream) => ReadableStream.from(stream);
