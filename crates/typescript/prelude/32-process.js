// `process`: what it says of the machine is asked once, when it is first read, and recorded.

const processState = { info: undefined, argv: undefined, exitCode: undefined, envRead: new Map(), envAll: undefined, cwd: undefined };

/** Thrown to leave the code that called `process.exit`; nothing runs after it. */
const exitSignal = { toString: () => 'process.exit' };

function processInfo() {
  return processState.info ??= performSync('process.info', {}).value;
}

const processEvents = new EventEmitter();

/** Names that packages read to tune themselves: not worth a warning where the environment is withheld. */
const quietNames = /^(NODE_|DEBUG$|CI$|TERM|COLORTERM$|FORCE_COLOR$|NO_COLOR$|HOME$|PATH$|LANG$|LC_|TZ$|npm_)/;

function readEnv(name) {
  const { envRead } = processState;
  if (envRead.has(name)) return envRead.get(name);
  let value;
  if (processState.envAll) return processState.envAll[name];
  try {
    value = performSync('env.get', { name }).value ?? undefined;
  } catch (error) {
    // Reading a variable never throws in Node, and packages count on it; but it is said aloud.
    if (!quietNames.test(name)) printLog('warn', `process.env.${name} is not readable here: ${error.message}`);
  }
  envRead.set(name, value);
  return value;
}

function envNames() {
  if (!processState.envAll) {
    let all = {};
    try {
      all = performSync('env.list', {}).value ?? {};
    } catch (error) {
      printLog('warn', `process.env cannot be listed here: ${error.message}`);
    }
    processState.envAll = all;
  }
  const names = new Set(Object.keys(processState.envAll));
  for (const [name, value] of processState.envRead) {
    if (value === undefined) names.delete(name);
    else names.add(name);
  }
  return [...names];
}

const processEnv = new Proxy({}, {
  get: (target, name) => (typeof name === 'symbol' ? target[name] : readEnv(name) ?? (name === 'hasOwnProperty' || name === 'toString' ? target[name] : undefined)),
  set(target, name, value) {
    if (typeof name === 'symbol') return false;
    processState.envRead.set(name, String(value));
    return true;
  },
  deleteProperty(target, name) {
    if (typeof name !== 'symbol') processState.envRead.set(name, undefined);
    return true;
  },
  has: (target, name) => typeof name !== 'symbol' && readEnv(name) !== undefined,
  ownKeys: () => envNames(),
  getOwnPropertyDescriptor(target, name) {
    const value = typeof name === 'symbol' ? undefined : readEnv(name);
    return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
  },
  defineProperty(target, name, held) {
    processState.envRead.set(String(name), String(held.value));
    return true;
  },
});

function exitProcess(code = processState.exitCode ?? 0) {
  const number = Number(code);
  if (current.ended) throw exitSignal;
  if (number === 0) {
    processState.exitCode = 0;
    finish(undefined);
  } else {
    endWithCode(number);
  }
  throw exitSignal;
}

/** A stream that prints: lines go out as they are, and the host adds no line break of its own. */
function outputStream(fd) {
  return {
    fd,
    isTTY: false,
    writable: true,
    columns: 80,
    write(chunk, encoding, done) {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      emitEffect('stream', text, { emit: 'stream', data: text, fd });
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) nextTick(callback);
      return true;
    },
    end(chunk, ...rest) { if (chunk !== undefined && typeof chunk !== 'function') this.write(chunk, ...rest); },
    on() { return this; },
    once() { return this; },
    off() { return this; },
    emit() { return false; },
    removeListener() { return this; },
    cork() {},
    uncork() {},
    getColorDepth: () => 1,
    hasColors: () => false,
    getWindowSize: () => [80, 24],
  };
}

const startTime = () => current.startedAt;

function hrtime(before) {
  const now = native.now() - startTime();
  let seconds = Math.floor(now / 1000);
  let nanos = Math.floor((now % 1000) * 1e6);
  if (before) {
    seconds -= before[0];
    nanos -= before[1];
    if (nanos < 0) {
      seconds -= 1;
      nanos += 1e9;
    }
  }
  return [seconds, nanos];
}
hrtime.bigint = () => BigInt(Math.floor((native.now() - startTime()) * 1e6));

const noSupport = (what) => () => {
  throw codedError(Error, 'ERR_METHOD_NOT_IMPLEMENTED', `${what} is not there for durable programs`);
};

const nodeVersion = 'v22.12.0';

const platformProcess = Object.assign(processEvents, {
  title: 'quicksave',
  execArgv: [],
  execPath: 'quicksave',
  exitCode: undefined,
  version: nodeVersion,
  release: { name: 'quicksave' },
  features: { inspector: false, typescript: 'strip' },
  config: { target_defaults: {}, variables: {} },
  env: processEnv,
  stdout: outputStream(1),
  stderr: outputStream(2),
  stdin: Object.assign(new EventEmitter(), { fd: 0, isTTY: false, setEncoding() { return this; }, resume() { return this; }, pause() { return this; } }),
  cwd: () => processState.cwd ?? processInfo().cwd,
  chdir(folder) { processState.cwd = platformModules.path.resolve(String(folder)); },
  exit: exitProcess,
  abort: () => exitProcess(134),
  nextTick,
  hrtime,
  uptime: () => (native.now() - startTime()) / 1000,
  memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), { rss: () => 0 }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  resourceUsage: () => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0 }),
  emitWarning(warning, options) {
    const name = typeof options === 'string' ? options : options?.type ?? (isError(warning) ? warning.name : 'Warning');
    printLog('warn', isError(warning) ? errorHeader(warning) : `${name}: ${warning}`);
  },
  umask: () => 0o22,
  getuid: () => 0,
  geteuid: () => 0,
  getgid: () => 0,
  getegid: () => 0,
  kill: noSupport('process.kill()'),
  binding: noSupport('process.binding()'),
  setUncaughtExceptionCaptureCallback() {},
  hasUncaughtExceptionCaptureCallback: () => false,
  getBuiltinModule: (name) => findBuiltin(name)?.default,
  permission: { has: () => true },
});
for (const [name, get] of Object.entries({
  argv: () => processState.argv ??= [...processInfo().argv],
  argv0: () => processInfo().argv[0],
  platform: () => processInfo().platform,
  arch: () => processInfo().arch,
  pid: () => processInfo().pid,
  ppid: () => 1,
  versions: () => ({ node: nodeVersion.slice(1), ...processInfo().versions }),
})) {
  Object.defineProperty(platformProcess, name, {
    get,
    set(value) { Object.defineProperty(platformProcess, name, { value, writable: true, enumerable: true, configurable: true }); },
    enumerable: true,
    configurable: true,
  });
}
Object.defineProperty(platformProcess, 'exitCode', {
  get: () => processState.exitCode,
  set(value) { processState.exitCode = value; },
  enumerable: true,
  configurable: true,
});
Object.defineProperty(platformProcess, Symbol.toStringTag, { value: 'process', configurable: true });
// Printing `process` must not ask the host for everything it could tell.
Object.defineProperty(platformProcess, INSPECT_CUSTOM, { value: () => 'process {}', configurable: true });
for (const name of ['_events', '_eventsCount']) Object.defineProperty(platformProcess, name, { enumerable: false });

defineGlobal('process', platformProcess);
defineGlobal('global', globalThis);
defineGlobal('queueMicrotask', function queueMicrotask(callback) {
  requireFunction(callback, 'callback');
  Promise.resolve().then(() => {
    try {
      callback();
    } catch (error) {
      uncaught(error);
    }
  });
});
defineBuiltin('process', platformProcess);

class Performance extends EventTarget {
  #entries = [];
  get timeOrigin() { return current.startedAt; }
  now() { return native.now() - current.startedAt; }
  mark(name, { startTime: at = this.now(), detail = null } = {}) {
    const entry = { name: String(name), entryType: 'mark', startTime: at, duration: 0, detail };
    this.#entries.push(entry);
    return entry;
  }
  measure(name, from, to) {
    const options = typeof from === 'object' && from !== null ? from : { start: from, end: to };
    const at = (mark, fallback) => (mark === undefined ? fallback : typeof mark === 'number' ? mark
      : this.#entries.findLast((entry) => entry.name === mark)?.startTime ?? fallback);
    const start = at(options.start, 0);
    const entry = { name: String(name), entryType: 'measure', startTime: start, duration: at(options.end, this.now()) - start, detail: options.detail ?? null };
    this.#entries.push(entry);
    return entry;
  }
  getEntries() { return [...this.#entries]; }
  getEntriesByName(name) { return this.#entries.filter((entry) => entry.name === name); }
  getEntriesByType(type) { return this.#entries.filter((entry) => entry.entryType === type); }
  clearMarks(name) { this.#entries = this.#entries.filter((entry) => entry.entryType !== 'mark' || (name !== undefined && entry.name !== name)); }
  clearMeasures(name) { this.#entries = this.#entries.filter((entry) => entry.entryType !== 'measure' || (name !== undefined && entry.name !== name)); }
  timerify(callback) { return callback; }
  eventLoopUtilization() { return { idle: 0, active: 0, utilization: 0 }; }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}
const platformPerformance = new Performance();
defineGlobal('performance', platformPerformance);
defineGlobal('Performance', Performance);
defineBuiltin('perf_hooks', {
  performance: platformPerformance, Performance, constants: {},
  PerformanceObserver: class PerformanceObserver { observe() {} disconnect() {} },
});

defineLazyGlobal('navigator', () => ({
  userAgent: 'Quicksave/1', platform: processInfo().platform, language: 'en-US', languages: ['en-US'], hardwareConcurrency: 1, onLine: true,
}));
