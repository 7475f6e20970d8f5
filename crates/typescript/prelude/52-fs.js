// node:fs in its three forms, and its streams.

/** Positions of the arguments that options take, where a callback may come earlier. */
function callbackForm(name) {
  return function withCallback(...args) {
    const at = args.findLastIndex((arg) => typeof arg === 'function');
    if (at < 0) throw argumentTypeError('cb', 'of type function', args[args.length - 1]);
    const callback = args[at];
    const steps = fsOperations[name](...args.slice(0, at));
    runFsLater(steps).then(
      (value) => nextTick(() => {
        if (name === 'exists') callback(value);
        else if (name === 'read' || name === 'write') callback(null, value, args[1]);
        else if (value === undefined && name !== 'mkdir') callback(null);
        else callback(null, value);
      }),
      (error) => nextTick(callback, error),
    );
  };
}

const fsModule = { constants: fsConstants, ...fsConstants, Stats, Dirent, Dir };
for (const key of Object.keys(fsConstants)) if (!/_OK$/.test(key)) delete fsModule[key];
const fsPromises = { constants: fsConstants };
for (const name of Object.keys(fsOperations)) {
  fsModule[name] = Object.defineProperty(callbackForm(name), 'name', { value: name });
  fsModule[`${name}Sync`] = Object.defineProperty((...args) => runFsNow(fsOperations[name](...args)), 'name', { value: `${name}Sync` });
  if (!/^(exists|close|read|write|f(stat|truncate|sync|datasync|chmod|utimes)|open)$/.test(name)) {
    fsPromises[name] = Object.defineProperty(async (...args) => {
      const signal = args.findLast((arg) => isObject(arg) && arg.signal instanceof AbortSignal)?.signal;
      return runFsLater(fsOperations[name](...args), signal && abortable(signal));
    }, 'name', { value: name });
  }
}
fsPromises.open = async (path, flags, mode) => new FileHandle(await runFsLater(fsOperations.open(path, flags, mode)));
fsPromises.writeFile = async (path, data, options) => {
  const content = typeof data === 'string' || isBytes(data) ? data : await collect(data);
  const target = path instanceof FileHandle ? path.fd : path;
  return runFsLater(fsOperations.writeFile(target, content, options));
};
fsModule.realpath.native = fsModule.realpath;
fsModule.realpathSync.native = fsModule.realpathSync;
Object.defineProperty(fsModule.exists, PROMISIFY_CUSTOM, { value: (path) => runFsLater(fsOperations.exists(path)) });
for (const [name, key] of [['read', 'bytesRead'], ['write', 'bytesWritten']]) {
  Object.defineProperty(fsModule[name], PROMISIFY_CUSTOM, {
    value: async (...args) => ({ [key]: await runFsLater(fsOperations[name](...args)), buffer: args[1] }),
  });
}
const noWatch = (name) => () => {
  throw codedError(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `fs.${name}() is not supported here: a file that changes cannot wake a durable run`);
};
Object.assign(fsModule, { watch: noWatch('watch'), watchFile: noWatch('watchFile'), unwatchFile() {}, promises: fsPromises });
fsPromises.watch = noWatch('promises.watch');

function createReadStream(path, options) {
  const { encoding, start = 0, end = Infinity, highWaterMark = 65536, autoClose = true, signal } = optionsOf(options);
  let content = null;
  let at = start;
  const stream = new Readable({
    highWaterMark, signal, autoDestroy: autoClose,
    construct(callback) {
      runFsLater(fsOperations.readFile(path)).then((bytes) => {
        content = bytes;
        stream.emit('open', 0);
        stream.emit('ready');
        callback();
      }, callback);
    },
    read() {
      const piece = content.subarray(at, Math.min(at + highWaterMark, end + 1, content.length));
      at += piece.length;
      stream.bytesRead += piece.length;
      stream.push(piece.length ? bufferFrom(piece) : null);
    },
  });
  if (encoding) stream.setEncoding(encoding);
  return Object.assign(stream, { path, bytesRead: 0, pending: false, close: (callback) => stream.destroy(null, callback) });
}

function createWriteStream(path, options) {
  const { encoding, flags = 'w', mode, start, highWaterMark = 65536, signal } = optionsOf(options);
  let file;
  const stream = new Writable({
    highWaterMark, signal, defaultEncoding: encoding,
    construct(callback) {
      runFsLater(fsOperations.open(path, flags, mode)).then((fd) => {
        file = fd;
        stream.fd = fd;
        if (start !== undefined) fdOf(fd).position = start;
        stream.emit('open', fd);
        stream.emit('ready');
        callback();
      }, callback);
    },
    write(chunk, kind, callback) {
      runFsLater(fsOperations.write(file, chunk)).then((size) => {
        stream.bytesWritten += size;
        callback();
      }, callback);
    },
    destroy(error, callback) {
      if (file !== undefined) openFiles.delete(file);
      callback(error);
    },
  });
  return Object.assign(stream, { path, fd: null, bytesWritten: 0, pending: false, close: (callback) => (callback ? stream.end(callback) : stream.end()) });
}
Object.assign(fsModule, {
  createReadStream, createWriteStream, ReadStream: createReadStream, WriteStream: createWriteStream,
  openAsBlob: async (path, { type = '' } = {}) => new Blob([await runFsLater(fsOperations.readFile(path))], { type }),
});
platformModules.fs = fsModule;
defineBuiltin('fs', fsModule);
defineBuiltin('fs/promises', fsPromises);
