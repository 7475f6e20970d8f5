// CommonJS at run time. The bundler turns a CommonJS file into an ES module that registers the file's function and
// runs it when it is first required.

/** Modules by name: {exports, loaded, …}. */
const commonjsModules = new Map();

function findBuiltin(name) {
  const bare = name.startsWith('node:') ? name.slice(5) : name;
  return builtinModules.get(bare);
}

const fileOf = (name) => (name.startsWith('file://') ? decodeURIComponent(name.slice(7)) : name);
const folderOf = (file) => file.slice(0, Math.max(1, file.lastIndexOf('/')));

const untouchedExports = new WeakSet();
const commonjsUntouched = (value) => isObject(value) && untouchedExports.has(value) && Reflect.ownKeys(value).length === 0;

/** What Node's `require` gives for an ES module's namespace. */
function requireNamespace(namespace) {
  if (isObject(namespace) && Object.hasOwn(namespace, 'module.exports')) return namespace['module.exports'];
  return namespace;
}
