// node:stream, the writable half and what joins the two.

function Writable(options = {}) {
  if (!(this instanceof Writable) && !(this instanceof Duplex)) return new Writable(options);
  Stream.call(this, options);
  initWritable(this, options);
  initLifetime(this, options);
  return this;
}
inherits(Writable, Stream);
Object.setPrototypeOf(Writable, Stream);

function initWritable(stream, options) {
  const objectMode = Boolean(options.objectMode || options.writableObjectMode);
  Object.defineProperty(stream, '_writableState', { writable: true, configurable: true, value: {
    objectMode, highWaterMark: options.highWaterMark ?? options.writableHighWaterMark ?? defaultMark(objectMode),
    queue: [], length: 0, writing: false, needDrain: false, ending: false, finished: false, corked: 0,
    encoding: options.defaultEncoding ?? 'utf8', decode: options.decodeStrings !== false,
  } });
  for (const [option, method] of [['write', '_write'], ['writev', '_writev'], ['final', '_final']]) {
    if (typeof options[option] === 'function') stream[method] = options[option];
  }
}

function writeNext(stream) {
  const state = stream._writableState;
  if (state.writing || state.corked || stream.destroyed || stream._life.constructing) return;
  const entry = state.queue[0];
  if (entry === undefined) {
    if (state.ending) finishWritable(stream);
    return;
  }
  state.writing = true;
  let sync = true;
  const done = (error) => {
    state.queue.shift();
    state.length -= entry.size;
    state.writing = false;
    const settle = () => {
      if (error) {
        entry.callback?.(error);
        stream.destroy(error);
        return;
      }
      if (state.needDrain && state.length === 0 && !state.ending) {
        state.needDrain = false;
        stream.emit('drain');
      }
      entry.callback?.(null);
      writeNext(stream);
    };
    if (sync) nextTick(settle);
    else settle();
  };
  try {
    if (stream._write === Writable.prototype._write && typeof stream._writev === 'function') {
      stream._writev([{ chunk: entry.chunk, encoding: entry.encoding }], done);
    } else {
      stream._write(entry.chunk, entry.encoding, done);
    }
  } catch (error) {
    stream.destroy(error);
  }
  sync = false;
}

function finishWritable(stream) {
  const state = stream._writableState;
  if (state.finished || state.finishing) return;
  state.finishing = true;
  const done = (error) => {
    if (error) {
      stream.destroy(error);
      return;
    }
    nextTick(() => {
      if (stream._life.errored) return;
      state.finished = true;
      stream.emit('finish');
      const reading = stream._readableState;
      if (stream._life.autoDestroy && (!reading || reading.endEmitted)) stream.destroy();
    });
  };
  if (typeof stream._final === 'function') {
    try {
      stream._final(done);
    } catch (error) {
      done(error);
    }
  } else {
    done();
  }
}

const writableMethods = {
  _write(chunk, encoding, callback) {
    callback(codedError(Error, 'ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented'));
  },
  write(chunk, encoding, callback) {
    const state = this._writableState;
    if (typeof encoding === 'function') [encoding, callback] = [undefined, encoding];
    let failure;
    if (chunk === null) throw codedError(TypeError, 'ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
    if (state.ending) failure = codedError(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end');
    else if (this.destroyed) failure = codedError(Error, 'ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');
    if (failure) {
      if (callback) nextTick(callback, failure);
      if (!this.destroyed) this.destroy(failure);
      return false;
    }
    let kind = encoding ?? state.encoding;
    if (!state.objectMode) {
      if (typeof chunk === 'string') {
        if (state.decode) [chunk, kind] = [bufferFrom(chunk, kind), 'buffer'];
      } else if (chunk instanceof Uint8Array) {
        if (!(chunk instanceof Buffer)) chunk = makeBuffer(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        kind = 'buffer';
      } else {
        throw argumentTypeError('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk);
      }
    }
    const size = state.objectMode ? 1 : chunk.length;
    state.queue.push({ chunk, encoding: kind, callback, size });
    state.length += size;
    const room = state.length < state.highWaterMark;
    if (!room) state.needDrain = true;
    writeNext(this);
    return room;
  },
  end(chunk, encoding, callback) {
    if (typeof chunk === 'function') [chunk, callback] = [undefined, chunk];
    else if (typeof encoding === 'function') [encoding, callback] = [undefined, encoding];
    const state = this._writableState;
    if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
    if (typeof callback === 'function') {
      if (state.finished) nextTick(callback);
      else {
        let called = false;
        const once = (error) => { if (!called) { called = true; callback(error); } };
        this.once('finish', () => once());
        this.once('error', once);
      }
    }
    state.corked = 0;
    if (!state.ending) {
      state.ending = true;
      writeNext(this);
    }
    return this;
  },
  cork() { this._writableState.corked += 1; },
  uncork() {
    if (this._writableState.corked) this._writableState.corked -= 1;
    writeNext(this);
  },
  setDefaultEncoding(encoding) { this._writableState.encoding = encodingName(encoding); return this; },
  get writable() { return !this.destroyed && !this._writableState.ending; },
  get writableEnded() { return this._writableState.ending; },
  get writableFinished() { return this._writableState.finished; },
  get writableLength() { return this._writableState.length; },
  get writableHighWaterMark() { return this._writableState.highWaterMark; },
  get writableObjectMode() { return this._writableState.objectMode; },
  get writableNeedDrain() { return this._writableState.needDrain; },
  get writableCorked() { return this._writableState.corked; },
};
defineHidden(Writable.prototype, writableMethods);
defineHidden(Writable.prototype, lifetimeMethods);
defineHidden(Writable.prototype, { pipe() { throw codedError(Error, 'ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable'); } });
Writable.fromWeb = (stream) => {
  const writer = stream.getWriter();
  return new Writable({
    write(chunk, encoding, callback) { writer.write(chunk).then(() => callback(), callback); },
    final(callback) { writer.close().then(() => callback(), callback); },
  });
};
Writable.toWeb = (stream) => new WritableStream({
  write: (chunk) => new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve()))),
  close: () => new Promise((resolve) => stream.end(resolve)),
  abort: (reason) => { stream.destroy(reason); },
});

function Duplex(options = {}) {
  if (!(this instanceof Duplex)) return new Duplex(options);
  Stream.call(this, options);
  this.allowHalfOpen = options.allowHalfOpen !== false;
  initReadable(this, options);
  initWritable(this, options);
  initLifetime(this, options);
  return this;
}
inherits(Duplex, Readable);
Object.setPrototypeOf(Duplex, Readable);
defineHidden(Duplex.prototype, writableMethods);
Object.defineProperty(Writable, Symbol.hasInstance, {
  value(object) {
    return Function.prototype[Symbol.hasInstance].call(this, object) || (this === Writable && object instanceof Duplex);
  },
});

function Transform(options = {}) {
  if (!(this instanceof Transform)) return new Transform(options);
  Duplex.call(this, options);
  if (typeof options.transform === 'function') this._transform = options.transform;
  if (typeof options.flush === 'function') this._flush = options.flush;
  return this;
}
inherits(Transform, Duplex);
Object.setPrototypeOf(Transform, Duplex);
defineHidden(Transform.prototype, {
  _read() {
    // Somebody reads: the chunk that was held back may be taken as done.
    const go = this._held;
    this._held = undefined;
    go?.();
  },
  _write(chunk, encoding, callback) {
    this._transform(chunk, encoding, (error, output) => {
      if (error) {
        callback(error);
        return;
      }
      if (output !== undefined && output !== null) this.push(output);
      const state = this._readableState;
      if (state.length >= state.highWaterMark) this._held = callback;
      else callback();
    });
  },
  _transform(chunk, encoding, callback) {
    callback(codedError(Error, 'ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented'));
  },
  _final(callback) {
    const end = (error, output) => {
      if (error) {
        callback(error);
        return;
      }
      if (output !== undefined && output !== null) this.push(output);
      this.push(null);
      callback();
    };
    if (typeof this._flush === 'function') this._flush(end);
    else end();
  },
});

function PassThrough(options) {
  if (!(this instanceof PassThrough)) return new PassThrough(options);
  Transform.call(this, options);
  return this;
}
inherits(PassThrough, Transform);
Object.setPrototypeOf(PassThrough, Transform);
defineHidden(PassThrough.prototype, { _transform(chunk, encoding, callback) { callback(null, chunk); } });

/** Calls back when a stream has ended, finished, failed or closed. */
function finished(stream, options, callback) {
  if (typeof options === 'function') [options, callback] = [{}, options];
  const reads = stream._readableState !== undefined && options?.readable !== false;
  const writes = stream._writableState !== undefined && options?.writable !== false;
  let told = false;
  const stops = [];
  const tell = (error) => {
    if (told) return;
    told = true;
    stops.forEach((stop) => stop());
    callback.call(stream, error);
  };
  const over = () => (!reads || stream._readableState.endEmitted) && (!writes || stream._writableState.finished);
  const maybe = () => { if (over()) tell(); };
  stops.push(
    listen(stream, 'end', maybe), listen(stream, 'finish', maybe), listen(stream, 'error', tell),
    listen(stream, 'close', () => tell(over() ? undefined : stream._life?.errored ?? codedError(Error, 'ERR_STREAM_PREMATURE_CLOSE', 'Premature close'))),
  );
  if (stream._life?.errored) nextTick(tell, stream._life.errored);
  else if (over()) nextTick(tell);
  return () => stops.forEach((stop) => stop());
}

/** Connects streams, iterables and functions; calls back when the last one is done. */
function pipeline(...parts) {
  const callback = parts.pop();
  pipelinePromise(...parts).then((value) => nextTick(callback, undefined, value), (error) => nextTick(callback, error));
  const last = parts[parts.length - 1];
  return isObject(last) ? last : undefined;
}

function pipelinePromise(...given) {
  const last = given[given.length - 1];
  const options = isObject(last) && !last.pipe && !last.write && !last[Symbol.asyncIterator] && !last[Symbol.iterator] && ('signal' in last || 'end' in last) ? given.pop() : {};
  const parts = given.length === 1 && Array.isArray(given[0]) ? given[0] : given;
  return runPipeline(parts, options);
}

async function runPipeline(parts, { signal, end = true }) {
  signal?.throwIfAborted();
  const streams = [];
  const watched = [];
  const watch = (stream) => {
    streams.push(stream);
    const done = new Promise((resolve, reject) => finished(stream, (error) => (error ? reject(error) : resolve())));
    done.catch(() => {});
    watched.push(done);
  };
  const stop = signal && listen(signal, 'abort', () => streams.forEach((stream) => stream.destroy(nodeAbortError(signal))), { once: true });
  try {
    let source = parts[0];
    if (typeof source === 'function') source = source({ signal });
    if (!(source instanceof Stream)) source = Readable.from(source);
    watch(source);
    for (let i = 1; i < parts.length; i++) {
      const part = parts[i];
      if (typeof part === 'function') {
        const result = part(source, { signal });
        if (i === parts.length - 1 && typeof result?.[Symbol.asyncIterator] !== 'function') {
          const value = await result;
          await Promise.all(watched);
          return value;
        }
        source = Readable.from(result);
        watch(source);
      } else {
        source.pipe(part, { end: i < parts.length - 1 || end });
        source = part;
        if (i < parts.length - 1 || end) watch(part);
      }
    }
    await Promise.all(watched);
    return undefined;
  } catch (error) {
    for (const stream of streams) stream.destroy(stream._life?.errored ? undefined : error);
    for (const stream of streams) if (stream.listenerCount('error') === 0) stream.on('error', () => {});
    throw error;
  } finally {
    stop?.();
  }
}

const streamPromises = {
  pipeline: pipelinePromise,
  finished: (stream, options = {}) => new Promise((resolve, reject) => {
    finished(stream, options, (error) => (error ? reject(error) : resolve()));
  }),
};
Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, promises: streamPromises,
  addAbortSignal(signal, stream) {
    listen(signal, 'abort', () => stream.destroy(nodeAbortError(signal)), { once: true });
    return stream;
  },
  isReadable: (stream) => Boolean(stream?.readable), isErrored: (stream) => Boolean(stream?.errored),
  getDefaultHighWaterMark: defaultMark, setDefaultHighWaterMark() {},
});
Object.defineProperty(pipeline, PROMISIFY_CUSTOM, { value: pipelinePromise });
Object.defineProperty(finished, PROMISIFY_CUSTOM, { value: streamPromises.finished });
defineBuiltin('stream', Stream);
defineBuiltin('stream/promises', streamPromises);

const collect = async (stream) => {
  const parts = [];
  for await (const chunk of stream) parts.push(typeof chunk === 'string' ? utf8Encode(chunk) : bytesOf(chunk));
  return joinBytes(parts.length ? parts : [new Uint8Array(0)]);
};
defineBuiltin('stream/consumers', {
  arrayBuffer: async (stream) => (await collect(stream)).slice().buffer,
  blob: async (stream) => new Blob([await collect(stream)]),
  buffer: async (stream) => bufferFrom(await collect(stream)),
  json: async (stream) => JSON.parse(utf8Decode(await collect(stream))),
  text: async (stream) => utf8Decode(await collect(stream)),
});
