// node:util.

const PROMISIFY_CUSTOM = Symbol.for('nodejs.util.promisify.custom');

function promisify(original) {
  requireFunction(original, 'original');
  if (original[PROMISIFY_CUSTOM] !== undefined) {
    return Object.defineProperty(requireFunction(original[PROMISIFY_CUSTOM], 'util.promisify.custom'), PROMISIFY_CUSTOM, {
      value: original[PROMISIFY_CUSTOM], configurable: true,
    });
  }
  function promisified(...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, ...values) => {
        if (error) reject(error);
        else resolve(values[0]);
      });
    });
  }
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original));
  Object.defineProperty(promisified, PROMISIFY_CUSTOM, { value: promisified, configurable: true });
  return Object.defineProperties(promisified, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = PROMISIFY_CUSTOM;
Object.defineProperty(setTimeout, PROMISIFY_CUSTOM, { value: timersPromises.setTimeout });
Object.defineProperty(setImmediate, PROMISIFY_CUSTOM, { value: timersPromises.setImmediate });

function callbackify(original) {
  requireFunction(original, 'original');
  return function callbackified(...args) {
    const callback = requireFunction(args.pop(), 'last argument');
    Reflect.apply(original, this, args).then(
      (value) => nextTick(callback, null, value),
      (reason) => {
        if (!reason) {
          const error = codedError(Error, 'ERR_FALSY_VALUE_REJECTION', 'Promise was rejected with a falsy value');
          error.reason = reason;
          reason = error;
        }
        nextTick(callback, reason);
      },
    );
  };
}

function inherits(Class, Parent) {
  requireFunction(Class, 'ctor');
  requireFunction(Parent, 'superCtor');
  Object.defineProperty(Class, 'super_', { value: Parent, writable: true, configurable: true });
  Object.setPrototypeOf(Class.prototype, Parent.prototype);
}

function deprecate(original, message, code) {
  let told = false;
  function deprecated(...args) {
    if (!told) {
      told = true;
      printLog('warn', `${code ? `[${code}] ` : ''}DeprecationWarning: ${message}`);
    }
    return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
  }
  Object.setPrototypeOf(deprecated, original);
  if (original.prototype) deprecated.prototype = original.prototype;
  return deprecated;
}

function debuglog(section) {
  const log = (...args) => {
    if (!log.enabled) return;
    printLog('debug', `${section.toUpperCase()}: ${format(...args)}`);
  };
  Object.defineProperty(log, 'enabled', {
    get: () => new RegExp(`(^|,)(${section}|\\*)(,|$)`, 'i').test(readEnv('NODE_DEBUG') ?? ''),
  });
  return log;
}

function styleText(styles, text, { validateStream = true, stream = platformProcess.stdout } = {}) {
  let [before, after] = ['', ''];
  for (const style of [].concat(styles)) {
    if (style === 'none') continue;
    const codes = ansiCodes[style];
    if (!codes) {
      throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'format' must be one of: ${Object.keys(ansiCodes).map((name) => `'${name}'`).join(', ')}. Received '${style}'`);
    }
    before += `\x1b[${codes[0]}m`;
    after = `\x1b[${codes[1]}m${after}`;
  }
  return validateStream && !stream?.isTTY ? `${text}` : `${before}${text}${after}`;
}

const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
const isView = (kind) => (value) => ArrayBuffer.isView(value) && typedArrayTag.call(value) === kind;
const functionKind = (value) => (typeof value === 'function' ? tagOf(value) : '');

const utilTypes = {
  isDate: (value) => value instanceof Date,
  isRegExp: (value) => value instanceof RegExp,
  isMap: (value) => isObject(value) && hasSlot(mapSize, value),
  isSet: (value) => isObject(value) && hasSlot(setSize, value),
  isWeakMap: (value) => value instanceof WeakMap,
  isWeakSet: (value) => value instanceof WeakSet,
  isPromise: (value) => value instanceof Promise,
  isNativeError: (value) => Error.isError?.(value) ?? value instanceof Error,
  isArrayBuffer: (value) => value instanceof ArrayBuffer,
  isSharedArrayBuffer: (value) => value instanceof SharedArrayBuffer,
  isAnyArrayBuffer: (value) => value instanceof ArrayBuffer || value instanceof SharedArrayBuffer,
  isArrayBufferView: (value) => ArrayBuffer.isView(value),
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isDataView: (value) => value instanceof DataView,
  isAsyncFunction: (value) => /^Async(Generator)?Function$/.test(functionKind(value)),
  isGeneratorFunction: (value) => /^(Async)?GeneratorFunction$/.test(functionKind(value)),
  isGeneratorObject: (value) => /^(Async)?Generator$/.test(tagOf(value)),
  isArgumentsObject: (value) => tagOf(value) === 'Arguments',
  isModuleNamespaceObject: (value) => tagOf(value) === 'Module',
  isBoxedPrimitive: isBox,
  isNumberObject: (value) => value instanceof Number,
  isStringObject: (value) => value instanceof String,
  isBooleanObject: (value) => value instanceof Boolean,
  isBigIntObject: (value) => value instanceof BigInt,
  isSymbolObject: (value) => value instanceof Symbol,
  isMapIterator: (value) => tagOf(value) === 'Map Iterator',
  isSetIterator: (value) => tagOf(value) === 'Set Iterator',
  isProxy: () => false,
  isExternal: () => false,
  isKeyObject: (value) => value instanceof KeyObject,
  isCryptoKey: (value) => value instanceof CryptoKey,
};
for (const kind of ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array', 'Int8Array', 'Int16Array',
  'Int32Array', 'Float16Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array']) {
  utilTypes[`is${kind}`] = isView(kind);
}

const platformUtil = {
  inspect, format, formatWithOptions, promisify, callbackify, inherits, deprecate, debuglog, debug: debuglog, styleText, parseArgs,
  types: utilTypes, TextEncoder, TextDecoder,
  isDeepStrictEqual: (a, b) => deepEqual(a, b, true),
  stripVTControlCharacters: stripAnsi,
  toUSVString: (text) => String(text).toWellFormed(),
  isArray: Array.isArray,
  isError,
  isRegExp: utilTypes.isRegExp,
  isDate: utilTypes.isDate,
  isString: (value) => typeof value === 'string',
  isFunction: (value) => typeof value === 'function',
  isObject,
  getSystemErrorName: (number) => Object.keys(systemErrors).find((name) => systemErrors[name] === number),
  getSystemErrorMap: () => new Map(Object.entries(systemErrors).map(([name, number]) => [number, [name, name]])),
  aborted: (signal) => new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  }),
  transferableAbortController: () => new AbortController(),
  transferableAbortSignal: (signal) => signal,
};
/** Linux's numbers, which Node gives as `errno`. */
const systemErrors = {
  EPERM: -1, ENOENT: -2, EINTR: -4, EIO: -5, EBADF: -9, EAGAIN: -11, ENOMEM: -12, EACCES: -13, EBUSY: -16, EEXIST: -17,
  EXDEV: -18, ENOTDIR: -20, EISDIR: -21, EINVAL: -22, EMFILE: -24, EFBIG: -27, ENOSPC: -28, EROFS: -30, EPIPE: -32,
  ENAMETOOLONG: -36, ENOTEMPTY: -39, ELOOP: -40, ENOTSUP: -95, ETIMEDOUT: -110, ECONNREFUSED: -111,
};
defineBuiltin(['util', 'sys'], platformUtil);
defineBuiltin('util/types', utilTypes);

/** `util.parseArgs`. */
function parseArgs({ args = platformProcess.argv.slice(2), options = {}, strict = true, allowPositionals = !strict, allowNegative = false, tokens = false } = {}) {
  const values = Object.create(null);
  const positionals = [];
  const found = [];
  const wrong = (code, message) => codedError(TypeError, `ERR_PARSE_ARGS_${code}`, message);
  const store = (name, value) => {
    if (options[name]?.multiple) (values[name] ??= []).push(value);
    else values[name] = value;
  };
  const take = (name, rawName, value, inlineValue, index) => {
    let negated = false;
    if (!Object.hasOwn(options, name) && allowNegative && name.startsWith('no-') && options[name.slice(3)]?.type === 'boolean') {
      negated = true;
      name = name.slice(3);
    }
    const type = options[name]?.type;
    if (strict && type === undefined) throw wrong('UNKNOWN_OPTION', `Unknown option '${rawName}'`);
    if (strict && type === 'string' && value === undefined) throw wrong('INVALID_OPTION_VALUE', `Option '${rawName} <value>' argument missing`);
    if (strict && type === 'boolean' && inlineValue) throw wrong('INVALID_OPTION_VALUE', `Option '${rawName}' does not take an argument`);
    found.push({ kind: 'option', name, rawName, index, value, inlineValue });
    store(name, negated ? false : value ?? true);
  };
  const list = [...args];
  for (let i = 0; i < list.length; i++) {
    const arg = list[i];
    if (arg === '--') {
      found.push({ kind: 'option-terminator', index: i });
      for (const [at, rest] of list.slice(i + 1).entries()) {
        positionals.push(rest);
        found.push({ kind: 'positional', index: i + 1 + at, value: rest });
      }
      if (!allowPositionals && positionals.length) throw wrong('UNEXPECTED_POSITIONAL', `Unexpected argument '${positionals[0]}'. This command does not take positional arguments`);
      break;
    }
    if (arg.startsWith('--')) {
      const at = arg.indexOf('=');
      const name = at > 0 ? arg.slice(2, at) : arg.slice(2);
      if (at > 0) take(name, `--${name}`, arg.slice(at + 1), true, i);
      else if (options[name]?.type === 'string' && i + 1 < list.length && (!strict || !list[i + 1].startsWith('-') || list[i + 1] === '-')) take(name, arg, list[++i], false, i - 1);
      else take(name, arg, undefined, undefined, i);
    } else if (/^-[^-]/.test(arg)) {
      const shorts = arg.slice(1);
      for (let j = 0; j < shorts.length; j++) {
        const name = Object.keys(options).find((key) => options[key].short === shorts[j]) ?? shorts[j];
        if (options[name]?.type === 'string') {
          const inline = j + 1 < shorts.length;
          take(name, `-${shorts[j]}`, inline ? shorts.slice(j + 1) : list[++i], inline, i);
          break;
        }
        take(name, `-${shorts[j]}`, undefined, undefined, i);
      }
    } else {
      if (!allowPositionals) throw wrong('UNEXPECTED_POSITIONAL', `Unexpected argument '${arg}'. This command does not take positional arguments`);
      positionals.push(arg);
      found.push({ kind: 'positional', index: i, value: arg });
    }
  }
  for (const [name, option] of Object.entries(options)) {
    if (option.default !== undefined && values[name] === undefined) values[name] = option.default;
  }
  return tokens ? { values, positionals, tokens: found } : { values, positionals };
}
