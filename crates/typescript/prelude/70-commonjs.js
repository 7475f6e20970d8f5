// CommonJS at run time. The bundler turns a CommonJS file into a module that registers it, with links for everything
// that it may require, and one that runs it; `bundler::commonjs` describes both.

/** Registered files by name: {name, links, source, module}. */
const commonjsFiles = new Map();

function findBuiltin(name) {
  const bare = name.startsWith('node:') ? name.slice(5) : name;
  return builtinModules.get(bare);
}

const fileOf = (name) => (name.startsWith('file://') ? percentDecode(name.slice(7).replace(/[?#].*$/, '')) : name);

/** The `module` of a file. */
class Module {
  constructor(id = '', parent = undefined) {
    this.id = id;
    this.path = posixPath.dirname(fileOf(id));
    this.exports = {};
    this.filename = fileOf(id);
    this.loaded = false;
    this.children = [];
    this.paths = [];
    Object.defineProperty(this, 'parent', { value: parent, configurable: true });
  }
  require(specifier) { return requireFrom(commonjsFiles.get(this.id), specifier); }
}

function __commonjs(name, links, source) {
  if (!commonjsFiles.has(name)) commonjsFiles.set(name, { name, links, source, module: null });
}

function __require(name, parent = undefined) {
  const file = commonjsFiles.get(name);
  if (!file) throw moduleNotFound(name);
  // A file that is being run gives what it exports so far: that is how circles end.
  if (file.module) return file.module.exports;
  const module = new Module(name, parent);
  file.module = module;
  try {
    const body = native.evalScript(file.source, name);
    body.call(module.exports, module.exports, requireOf(file), module, module.filename, module.path);
    module.loaded = true;
  } catch (error) {
    // It is run again when it is required again.
    file.module = null;
    throw error;
  }
  parent?.children.push(module);
  return module.exports;
}

function moduleNotFound(specifier, name = '') {
  const error = codedError(Error, 'MODULE_NOT_FOUND', `Cannot find module '${specifier}'${name ? `\nRequire stack:\n- ${fileOf(name)}` : ''}`);
  error.requireStack = name ? [fileOf(name)] : [];
  return error;
}

const hasLink = (file, specifier) => file !== undefined && Object.hasOwn(file.links, specifier);

function requireFrom(file, specifier) {
  if (typeof specifier !== 'string') throw argumentTypeError('id', 'of type string', specifier);
  if (hasLink(file, specifier)) {
    const link = file.links[specifier];
    if (typeof link === 'function') return requiredValue(link());
    if (commonjsFiles.has(link)) return __require(link, file.module);
    const found = findBuiltin(link);
    if (found) return found.default;
    throw moduleNotFound(specifier, file.name);
  }
  const found = findBuiltin(specifier);
  if (found) return found.default;
  throw moduleNotFound(specifier, file?.name);
}

/** What Node's `require` gives for an ES module. */
function requiredValue(value) {
  if (isObject(value) && value[Symbol.toStringTag] === 'Module' && Object.hasOwn(value, 'module.exports')) return value['module.exports'];
  return value;
}

function requireOf(file) {
  const require = (specifier) => requireFrom(file, specifier);
  require.resolve = (specifier) => {
    const link = hasLink(file, specifier) ? file.links[specifier] : undefined;
    if (typeof link === 'string') return fileOf(link);
    if (findBuiltin(specifier)) return specifier;
    if (typeof link === 'function') return specifier.startsWith('.') ? posixPath.resolve(posixPath.dirname(fileOf(file.name)), specifier) : specifier;
    throw moduleNotFound(specifier, file?.name);
  };
  require.resolve.paths = () => [];
  require.cache = requireCache;
  require.extensions = {};
  require.main = commonjsFiles.get(current.entry)?.module ?? undefined;
  return require;
}

/** `require.cache`: reading tells what is loaded, deleting forgets it. */
const requireCache = new Proxy({}, {
  get: (target, path) => [...commonjsFiles.values()].find((file) => fileOf(file.name) === path)?.module ?? undefined,
  has: (target, path) => [...commonjsFiles.values()].some((file) => file.module && fileOf(file.name) === path),
  deleteProperty(target, path) {
    for (const file of commonjsFiles.values()) if (fileOf(file.name) === path) file.module = null;
    return true;
  },
  ownKeys: () => [...commonjsFiles.values()].filter((file) => file.module).map((file) => fileOf(file.name)),
  getOwnPropertyDescriptor: (target, path) => ({ value: requireCache[path], enumerable: true, configurable: true, writable: true }),
});

defineGlobal('__commonjs', __commonjs);
defineGlobal('__require', __require);

const listedModules = () => [...builtinModules.keys()].filter((name) => !name.startsWith('@') && !name.startsWith('quicksave')).sort();
defineBuiltin('module', Object.assign(Module, {
  Module,
  createRequire(from) {
    const name = from instanceof URL || String(from).startsWith('file:') ? String(from) : `file://${from}`;
    return requireOf(commonjsFiles.get(name) ?? { name, links: {}, module: null });
  },
  isBuiltin: (name) => findBuiltin(name) !== undefined,
  builtinModules: [],
  findSourceMap: () => undefined,
  register() {},
  wrap: (source) => `(function (exports, require, module, __filename, __dirname) { ${source}\n});`,
  _extensions: {}, _cache: requireCache, _load: (specifier) => requireFrom(undefined, specifier),
  _resolveFilename: (specifier) => specifier, _nodeModulePaths: () => [],
}));

/** Exports that nobody touched: the file's evaluation is the program. */
function commonjsUntouched(value) {
  const file = commonjsFiles.get(current.entry);
  return file?.module?.exports === value && isObject(value) && Object.getPrototypeOf(value) === Object.prototype && Reflect.ownKeys(value).length === 0;
}
