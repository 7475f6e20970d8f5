// The file operations, each written once. A function yields `[op, args, bytes?]` and is given `{value, bytes}`; it is
// run either at once (`readFileSync`) or as effects (`fs.promises`, callbacks).

const fsConstants = {
  F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, COPYFILE_EXCL: 1, COPYFILE_FICLONE: 2, COPYFILE_FICLONE_FORCE: 4,
  O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024,
  S_IFMT: 0o170000, S_IFREG: 0o100000, S_IFDIR: 0o040000, S_IFLNK: 0o120000, S_IFCHR: 0o020000, S_IFBLK: 0o060000,
  S_IFIFO: 0o010000, S_IFSOCK: 0o140000, S_IRWXU: 0o700, S_IRUSR: 0o400, S_IWUSR: 0o200, S_IXUSR: 0o100,
};

/** A path given as text, URL or bytes, made absolute. */
function fsPath(path, name = 'path') {
  let text = path;
  if (path instanceof URL) text = urlModule.fileURLToPath(path);
  else if (path instanceof Uint8Array) text = utf8Decode(path);
  if (typeof text !== 'string') throw argumentTypeError(name, 'of type string or an instance of Buffer or URL', path);
  if (text.includes('\0')) {
    throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument '${name}' must be a string, Uint8Array, or URL without null bytes. Received ${inspect(text)}`);
  }
  // The empty path is no file; the host says so.
  return text === '' ? '' : posixPath.resolve(text);
}

const optionsOf = (options) => (typeof options === 'string' ? { encoding: options } : options ?? {});
const modeOf = (mode) => (typeof mode === 'string' ? parseInt(mode, 8) : mode);

/** Node's properties of a file error, found in its message. */
function enrichFsError(error) {
  if (error === null || typeof error !== 'object' || typeof error.code !== 'string') return error;
  const found = /^E[A-Z0-9]+: .*?, (\w+)(?: '([\s\S]*?)')?(?: -> '([\s\S]*)')?$/.exec(error.message);
  const number = systemErrors[error.code];
  if (number !== undefined) error.errno = number;
  if (found) {
    error.syscall = found[1];
    if (found[2] !== undefined) error.path = found[2];
    if (found[3] !== undefined) error.dest = found[3];
  }
  return error;
}

function runFsNow(steps) {
  let step = steps.next();
  while (!step.done) {
    const [op, args, bytes] = step.value;
    let result;
    try {
      result = performSync(op, args, bytes);
    } catch (error) {
      step = steps.throw(enrichFsError(error));
      continue;
    }
    step = steps.next(result);
  }
  return step.value;
}

async function runFsLater(steps, signal) {
  let step = steps.next();
  while (!step.done) {
    const [op, args, bytes] = step.value;
    let result;
    try {
      result = await perform(op, args, { bytes, signal, what: { op, path: args.path ?? args.from }, read: (value, data) => ({ value, bytes: data }) });
    } catch (error) {
      step = steps.throw(enrichFsError(error));
      continue;
    }
    step = steps.next(result);
  }
  return step.value;
}

class Stats {
  constructor(fields) {
    const type = { file: fsConstants.S_IFREG, dir: fsConstants.S_IFDIR, symlink: fsConstants.S_IFLNK }[fields.kind] ?? 0;
    Object.assign(this, {
      dev: fields.dev ?? 0, mode: type | (fields.mode & 0o7777), nlink: fields.nlink, uid: fields.uid, gid: fields.gid, rdev: 0,
      blksize: 4096, ino: fields.ino, size: fields.size, blocks: Math.ceil(fields.size / 512),
      atimeMs: fields.atimeMs, mtimeMs: fields.mtimeMs, ctimeMs: fields.ctimeMs, birthtimeMs: fields.birthtimeMs,
      atime: new Date(fields.atimeMs), mtime: new Date(fields.mtimeMs), ctime: new Date(fields.ctimeMs), birthtime: new Date(fields.birthtimeMs),
    });
    Object.defineProperty(this, FILE_KIND, { value: fields.kind });
  }
}
const FILE_KIND = Symbol('kind');

class Dirent {
  constructor(name, folder, kind) {
    this.name = name;
    this.parentPath = folder;
    this.path = folder;
    Object.defineProperty(this, FILE_KIND, { value: kind });
  }
}
for (const Class of [Stats, Dirent]) {
  defineHidden(Class.prototype, {
    isFile() { return this[FILE_KIND] === 'file'; },
    isDirectory() { return this[FILE_KIND] === 'dir'; },
    isSymbolicLink() { return this[FILE_KIND] === 'symlink'; },
    isBlockDevice() { return false; },
    isCharacterDevice() { return false; },
    isFIFO() { return false; },
    isSocket() { return false; },
  });
}

/** `Stats` with whole numbers as BigInt. */
function bigStats(stats) {
  for (const [key, value] of Object.entries(stats)) {
    if (typeof value !== 'number') continue;
    stats[key] = BigInt(Math.trunc(value));
    if (key.endsWith('Ms')) stats[key.replace('Ms', 'Ns')] = BigInt(Math.trunc(value * 1e6));
  }
  return stats;
}

const fileText = (bytes, encoding) => {
  const view = new Uint8Array(bytes ?? 0);
  const buffer = makeBuffer(view.buffer, 0, view.length);
  return encoding && encoding !== 'buffer' ? buffer.toString(encoding) : buffer;
};

function fileBytes(data, encoding) {
  if (typeof data === 'string') return textToBytes(data, encodingName(encoding));
  if (isBytes(data)) return bytesOf(data);
  throw argumentTypeError('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

/** The flag as the host knows it. */
function writeFlag(flag = 'w') {
  const name = typeof flag === 'number'
    ? (flag & fsConstants.O_APPEND ? 'a' : 'w') + (flag & fsConstants.O_EXCL ? 'x' : '') : String(flag).replace(/[+s]/g, '');
  const plain = { w: 'w', wx: 'wx', xw: 'wx', a: 'a', ax: 'ax', xa: 'ax', r: 'w' }[name];
  if (!plain) throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received ${inspect(flag)}`);
  return plain;
}

const timeMs = (time) => (time instanceof Date ? time.getTime() : typeof time === 'string' && isNaN(Number(time)) ? Date.parse(time) : Number(time) * 1000);

const fsOperations = {
  *readFile(path, options) {
    const { encoding } = optionsOf(options);
    if (encoding && encoding !== 'buffer') encodingName(encoding);
    if (typeof path === 'number') return fileText(fdBytes(path, yield* loadFd(path)), encoding);
    const { bytes } = yield ['fs.readFile', { path: fsPath(path) }];
    return fileText(bytes, encoding);
  },
  *writeFile(path, data, options) {
    const { encoding, flag, mode } = optionsOf(options);
    const bytes = fileBytes(data, encoding);
    if (typeof path === 'number') {
      yield* writeFd(path, bytes, null);
      return;
    }
    const args = { path: fsPath(path), flag: writeFlag(flag) };
    if (mode !== undefined) args.mode = modeOf(mode);
    yield ['fs.writeFile', args, bytes];
  },
  *appendFile(path, data, options) { yield* fsOperations.writeFile(path, data, { flag: 'a', ...optionsOf(options) }); },
  *stat(path, options) { return yield* statOf(path, true, options); },
  *lstat(path, options) { return yield* statOf(path, false, options); },
  *access(path, mode = 0) { yield ['fs.access', { path: fsPath(path), mode }]; },
  *exists(path) {
    try {
      yield ['fs.stat', { path: fsPath(path), follow: true }];
      return true;
    } catch (error) {
      if (error.name === 'PermissionDenied') printLog('warn', error.message);
      return false;
    }
  },
  *readdir(path, options) {
    const { withFileTypes = false, recursive = false, encoding } = optionsOf(options);
    const root = fsPath(path);
    const found = [];
    const folders = [''];
    while (folders.length) {
      const under = folders.shift();
      const { value } = yield ['fs.readdir', { path: under ? `${root}/${under}` : root }];
      for (const { name, kind } of value) {
        const inside = under ? `${under}/${name}` : name;
        const folder = posixPath.join(typeof path === 'string' ? path : root, under);
        const shown = encoding === 'buffer' ? bufferFrom(inside) : inside;
        found.push(withFileTypes ? new Dirent(name, folder, kind) : shown);
        if (recursive && kind === 'dir') folders.push(inside);
      }
    }
    return found;
  },
  *mkdir(path, options) {
    const { recursive = false, mode } = typeof options === 'number' || typeof options === 'string' ? { mode: options } : options ?? {};
    const args = { path: fsPath(path), recursive };
    if (mode !== undefined) args.mode = modeOf(mode);
    const { value } = yield ['fs.mkdir', args];
    return recursive ? value ?? undefined : undefined;
  },
  *rm(path, { recursive = false, force = false } = {}) { yield ['fs.rm', { path: fsPath(path), recursive, force }]; },
  *rmdir(path, { recursive = false } = {}) {
    if (recursive) yield ['fs.rm', { path: fsPath(path), recursive, force: false }];
    else yield ['fs.rmdir', { path: fsPath(path) }];
  },
  *unlink(path) { yield ['fs.unlink', { path: fsPath(path) }]; },
  *rename(from, to) { yield ['fs.rename', { from: fsPath(from, 'oldPath'), to: fsPath(to, 'newPath') }]; },
  *copyFile(from, to, mode = 0) {
    yield ['fs.copyFile', { from: fsPath(from, 'src'), to: fsPath(to, 'dest'), exclusive: Boolean(mode & fsConstants.COPYFILE_EXCL) }];
  },
  *cp(from, to, { recursive = false, force = true, errorOnExist = false, filter, dereference = false } = {}) {
    const [source, target] = [fsPath(from, 'src'), fsPath(to, 'dest')];
    if (filter && !filter(source, target)) return;
    const { value: { kind } } = yield ['fs.stat', { path: source, follow: dereference }];
    if (kind === 'dir') {
      if (!recursive) throw codedError(Error, 'ERR_FS_EISDIR', `Recursive option not enabled, cannot copy a directory: ${source}`);
      yield ['fs.mkdir', { path: target, recursive: true }];
      const { value: entries } = yield ['fs.readdir', { path: source }];
      for (const { name } of entries) {
        yield* fsOperations.cp(`${source}/${name}`, `${target}/${name}`, { recursive, force, errorOnExist, filter, dereference });
      }
      return;
    }
    if (!force || errorOnExist) {
      if (yield* fsOperations.exists(target)) {
        if (errorOnExist) throw codedError(Error, 'ERR_FS_CP_EEXIST', `Target already exists: cp returned EEXIST (${target} already exists) ${target}`);
        return;
      }
    }
    if (kind === 'symlink') yield ['fs.symlink', { target: (yield ['fs.readlink', { path: source }]).value, path: target }];
    else yield ['fs.copyFile', { from: source, to: target, exclusive: false }];
  },
  *symlink(target, path) { yield ['fs.symlink', { target: target instanceof URL ? fsPath(target) : String(target), path: fsPath(path) }]; },
  *readlink(path) { return (yield ['fs.readlink', { path: fsPath(path) }]).value; },
  *realpath(path) { return (yield ['fs.realpath', { path: fsPath(path) }]).value; },
  *chmod(path, mode) { yield ['fs.chmod', { path: fsPath(path), mode: modeOf(mode) }]; },
  *truncate(path, len = 0) { yield ['fs.truncate', { path: fsPath(path), len }]; },
  *utimes(path, atime, mtime) { yield ['fs.utimes', { path: fsPath(path), atimeMs: timeMs(atime), mtimeMs: timeMs(mtime) }]; },
  *mkdtemp(prefix) { return (yield ['fs.mkdtemp', { prefix: fsPath(prefix, 'prefix') + (String(prefix).endsWith('/') ? '/' : '') }]).value; },
};

function* statOf(path, follow, { bigint = false, throwIfNoEntry = true } = {}) {
  try {
    const { value } = yield ['fs.stat', { path: fsPath(path), follow }];
    const stats = new Stats(value);
    return bigint ? bigStats(stats) : stats;
  } catch (error) {
    if (!throwIfNoEntry && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
for (const name of ['chown', 'lchown', 'link', 'lutimes', 'lchmod', 'statfs']) {
  fsOperations[name] = function* unsupported() {
    throw codedError(Error, 'ENOSYS', `ENOSYS: fs.${name}() is not supported here`);
  };
}
