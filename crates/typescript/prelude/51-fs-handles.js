// File descriptors. The host knows whole files only; a descriptor is a path with a position, and what was read of the
// file is kept until it is written to.

const openFiles = new Map();
let nextDescriptor = 3;

function fdOf(number) {
  const file = openFiles.get(number);
  if (!file) throw enrichFsError(codedError(Error, 'EBADF', 'EBADF: bad file descriptor, read'));
  return file;
}

function openMode(flags = 'r') {
  if (typeof flags === 'number') {
    const write = flags & 3;
    return {
      read: write !== 1, write: write !== 0, append: Boolean(flags & fsConstants.O_APPEND),
      create: Boolean(flags & fsConstants.O_CREAT), truncate: Boolean(flags & fsConstants.O_TRUNC), exclusive: Boolean(flags & fsConstants.O_EXCL),
    };
  }
  const [kind] = flags;
  if (!/^([rwa])(x|s)?\+?(x|s)?$/.test(flags)) {
    throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received ${inspect(flags)}`);
  }
  const plus = flags.includes('+');
  return {
    read: kind === 'r' || plus, write: kind !== 'r' || plus, append: kind === 'a', create: kind !== 'r', truncate: kind === 'w', exclusive: flags.includes('x'),
  };
}

function* openFile(path, flags, mode) {
  const opened = openMode(flags);
  const full = fsPath(path);
  const args = { path: full, ...(mode === undefined ? {} : { mode: modeOf(mode) }) };
  const nothing = new Uint8Array(0);
  if (opened.exclusive && opened.create) yield ['fs.writeFile', { ...args, flag: 'wx' }, nothing];
  else if (opened.truncate) yield ['fs.writeFile', { ...args, flag: 'w' }, nothing];
  else if (opened.create) yield ['fs.writeFile', { ...args, flag: 'a' }, nothing];
  else yield ['fs.access', { path: full, mode: (opened.read ? 4 : 0) | (opened.write ? 2 : 0) }];
  const number = nextDescriptor++;
  openFiles.set(number, { ...opened, path: full, position: 0, content: opened.truncate ? nothing : null });
  return number;
}

/** The whole content of a descriptor's file. */
function* loadFd(number) {
  const file = fdOf(number);
  if (file.content === null) file.content = new Uint8Array((yield ['fs.readFile', { path: file.path }]).bytes ?? 0);
  return file.content;
}

/** From the position to the end, which moves the position. */
function fdBytes(number, content) {
  const file = fdOf(number);
  const rest = content.slice(file.position);
  file.position = content.length;
  return rest;
}

function* readFd(number, buffer, offset = 0, length = buffer.byteLength - offset, position = null) {
  const content = yield* loadFd(number);
  const file = fdOf(number);
  const at = position === null || position === undefined || position < 0 ? file.position : Number(position);
  const piece = content.subarray(at, at + length);
  bytesOf(buffer).set(piece, offset);
  if (position === null || position === undefined || position < 0) file.position = at + piece.length;
  return piece.length;
}

function* writeFd(number, bytes, position) {
  const file = fdOf(number);
  const size = file.append ? Infinity : (yield* loadFd(number)).length;
  const at = file.append ? Infinity : position ?? file.position;
  if (at >= size && (file.append || at === size)) {
    yield ['fs.writeFile', { path: file.path, flag: 'a' }, bytes];
    if (file.content !== null) file.content = file.append ? null : joinBytes([file.content, bytes]);
  } else {
    const content = new Uint8Array(Math.max(size, at + bytes.length));
    content.set(file.content);
    content.set(bytes, at);
    yield ['fs.writeFile', { path: file.path, flag: 'w' }, content];
    file.content = content;
  }
  if (!file.append && (position === null || position === undefined)) file.position = at + bytes.length;
  return bytes.length;
}

function* writeAny(number, data, offset, length, position) {
  if (typeof data === 'string') {
    // (fd, text, position, encoding)
    const bytes = fileBytes(data, length);
    return yield* writeFd(number, bytes, typeof offset === 'number' ? offset : null);
  }
  if (isObject(offset)) ({ offset, length, position } = offset);
  const bytes = bytesOf(data);
  const from = offset ?? 0;
  return yield* writeFd(number, bytes.slice(from, from + (length ?? bytes.length - from)), position ?? null);
}

Object.assign(fsOperations, {
  *open(path, flags, mode) { return yield* openFile(path, flags, mode); },
  *close(number) {
    fdOf(number);
    openFiles.delete(number);
  },
  *read(number, buffer, offset, length, position) {
    if (isObject(offset)) ({ offset, length, position } = offset);
    return yield* readFd(number, buffer, offset, length, position);
  },
  *write(number, data, offset, length, position) { return yield* writeAny(number, data, offset, length, position); },
  *fstat(number, options) { return yield* statOf(fdOf(number).path, true, options); },
  *ftruncate(number, len = 0) {
    const file = fdOf(number);
    yield ['fs.truncate', { path: file.path, len }];
    file.content = null;
  },
  *fsync(number) { fdOf(number); },
  *fdatasync(number) { fdOf(number); },
  *fchmod(number, mode) { yield* fsOperations.chmod(fdOf(number).path, mode); },
  *futimes(number, atime, mtime) { yield* fsOperations.utimes(fdOf(number).path, atime, mtime); },
});

class FileHandle extends EventEmitter {
  #fd;
  constructor(fd) {
    super();
    this.#fd = fd;
  }
  get fd() { return this.#fd; }
  #run(operation, ...args) { return runFsLater(fsOperations[operation](this.#fd, ...args)); }
  readFile(options) { return this.#run('readFile', options); }
  writeFile(data, options) { return this.#run('writeFile', data, options); }
  appendFile(data, options) { return this.#run('writeFile', data, options); }
  async read(buffer, ...args) {
    if (buffer === undefined || (isObject(buffer) && !isBytes(buffer))) {
      const options = buffer ?? {};
      const target = options.buffer ?? Buffer.alloc(16384);
      return { bytesRead: await this.#run('read', target, options), buffer: target };
    }
    return { bytesRead: await this.#run('read', buffer, ...args), buffer };
  }
  async write(data, ...args) { return { bytesWritten: await this.#run('write', data, ...args), buffer: data }; }
  async writev(views, position) {
    const bytes = joinBytes(views.map(bytesOf));
    return { bytesWritten: await this.#run('write', bytes, 0, bytes.length, position), buffers: views };
  }
  stat(options) { return this.#run('fstat', options); }
  truncate(len) { return this.#run('ftruncate', len); }
  sync() { return this.#run('fsync'); }
  datasync() { return this.#run('fdatasync'); }
  chmod(mode) { return this.#run('fchmod', mode); }
  utimes(atime, mtime) { return this.#run('futimes', atime, mtime); }
  async close() {
    if (this.#fd < 0) return;
    await this.#run('close');
    this.#fd = -1;
    this.emit('close');
  }
  async *readLines(options) {
    for (const line of splitLines(await this.readFile({ encoding: 'utf8', ...options }))) yield line;
  }
  createReadStream(options) { return createReadStream(fdOf(this.#fd).path, options); }
  createWriteStream(options) { return createWriteStream(fdOf(this.#fd).path, { flags: 'a', ...options }); }
  readableWebStream() { return ReadableStream.from((async function* bytes(handle) { yield await handle.readFile(); })(this)); }
  [Symbol.asyncDispose]() { return this.close(); }
}

/** Lines without their ends; a last empty one is none. */
function splitLines(text) {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

class Dir {
  #entries; #at = 0;
  constructor(path, entries) {
    this.path = path;
    this.#entries = entries;
  }
  readSync() { return this.#entries[this.#at++] ?? null; }
  async read() { return this.readSync(); }
  async close() {}
  closeSync() {}
  async *[Symbol.asyncIterator]() { for (let entry; (entry = this.readSync()) !== null;) yield entry; }
}
Object.assign(fsOperations, {
  *opendir(path, options) { return new Dir(String(path), yield* fsOperations.readdir(path, { ...options, withFileTypes: true })); },
});
