// What leaves the program leaves as JSON. Three ways to write it: `lossy` for what is only looked at, `result` for
// what a program returns, `state` for what will be read back and must come out as it went in.

class NotJson extends Error {}

/** What `value` is, if JSON would lose it; otherwise undefined. */
function unheldByJson(value, mode) {
  switch (typeof value) {
    case 'bigint': return `a BigInt (${value}n)`;
    case 'number':
      return mode === 'state' && !Number.isFinite(value) ? `${value}` : undefined;
    case 'function': return mode === 'state' ? `a function${value.name ? ` (${value.name})` : ''}` : undefined;
    case 'symbol': return mode === 'state' ? `a symbol (${String(value)})` : undefined;
    case 'object':
      if (value === null) return undefined;
      if (value instanceof Map) return `a Map(${value.size})`;
      if (value instanceof Set) return `a Set(${value.size})`;
      if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
        return `a ${value.constructor.name}`;
      }
      if (value instanceof Promise) return 'a Promise: await it first';
      if (value instanceof ArrayBuffer) return `an ArrayBuffer (${value.byteLength} bytes)`;
      if (value instanceof RegExp) return `a regular expression (${value})`;
      if (mode === 'state') {
        if (value instanceof Date) return `a Date (${isNaN(value) ? 'invalid' : value.toISOString()})`;
        if (isError(value)) return `an error (${errorHeader(value)})`;
        if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} (${value.byteLength} bytes)`;
      }
      return undefined;
    default: return undefined;
  }
}

function jsonPath(root, path) {
  return path.reduce((text, key) =>
    typeof key === 'number' ? `${text}[${key}]`
    : /^[A-Za-z_$][\w$]*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`, root);
}

/** Finds the first thing that JSON cannot hold, and says where it is. */
function findUnheld(value, root, mode) {
  const above = new Set();
  const visit = (item, path) => {
    const why = unheldByJson(item, mode);
    if (why) return `${jsonPath(root, path)} is ${why}`;
    if (typeof item !== 'object' || item === null) return undefined;
    if (above.has(item)) return `${jsonPath(root, path)} is a cycle: it refers to an object that it is in`;
    if (typeof item.toJSON === 'function') {
      let form;
      try { form = item.toJSON(path.length ? String(path[path.length - 1]) : ''); } catch { return undefined; }
      return form === item ? undefined : visit(form, path);
    }
    above.add(item);
    const list = Array.isArray(item);
    for (const key of list ? item.keys() : Object.keys(item)) {
      const found = visit(item[key], [...path, key]);
      if (found) return found;
    }
    above.delete(item);
    return undefined;
  };
  return visit(value, []);
}

/** JSON of what a program returns or keeps; a TypeError that names the place if something would be lost. */
function strictJson(value, root, mode = 'result') {
  const refuse = (cause) => {
    const found = findUnheld(value, root, mode);
    const text = found ?? (cause ? `${root}: ${cause.message}` : `${root} cannot be written as JSON`);
    return new TypeError(`${text}${found && !/await it first$/.test(found) ? ', which JSON cannot hold' : ''}`);
  };
  let json;
  try {
    json = JSON.stringify(value, function check(key, item) {
      const original = this[key];
      if (typeof original === 'string' || typeof original === 'boolean') return item;
      if (unheldByJson(original, mode)) throw new NotJson();
      if (mode === 'result' && original !== null && typeof original === 'object') {
        if (isError(original) && original === item) return errorFields(original);
      }
      return item;
    });
  } catch (error) {
    throw error instanceof NotJson || error instanceof TypeError || error instanceof RangeError ? refuse(error) : error;
  }
  return json ?? 'null';
}

/** An error as data: JSON alone would give `{}`. */
function errorFields(error) {
  const fields = { name: String(error.name), message: String(error.message) };
  if (error.code !== undefined) fields.code = error.code;
  if (error.cause !== undefined) fields.cause = error.cause;
  return { ...fields, ...error };
}

/** JSON that never fails, for what is only looked at. */
function lossyJson(value) {
  try {
    const json = JSON.stringify(readableForm(value, [], 0));
    return json === undefined ? 'null' : json;
  } catch {
    return JSON.stringify(inspect(value));
  }
}

const LOSSY_DEPTH = 64;

function readableForm(value, above, depth) {
  switch (typeof value) {
    case 'string': case 'boolean': return value;
    case 'number': return Number.isFinite(value) ? value : String(value);
    case 'bigint': return `${value}n`;
    case 'undefined': return undefined;
    case 'function': case 'symbol': return depth ? undefined : String(inspect(value));
    default:
  }
  if (value === null) return null;
  if (above.includes(value)) return '[Circular]';
  if (depth > LOSSY_DEPTH) return inspect(value, { depth: 0 });
  if (value instanceof Map || value instanceof Set) return inspectTag(value);
  if (value instanceof Promise || value instanceof RegExp || value instanceof ArrayBuffer
    || value instanceof WeakMap || value instanceof WeakSet) return inspect(value, { depth: 0 });
  if (ArrayBuffer.isView(value)) return `[${value.constructor?.name ?? 'bytes'}(${value.byteLength})]`;
  if (isError(value) && typeof value.toJSON !== 'function') value = errorFields(value);
  if (typeof value.toJSON === 'function') {
    try {
      const form = value.toJSON('');
      if (form !== value) return readableForm(form, [...above, value], depth + 1);
    } catch {
      return inspect(value, { depth: 0 });
    }
  }
  const inside = [...above, value];
  if (Array.isArray(value)) return Array.from(value, (item) => readableForm(item, inside, depth + 1) ?? null);
  const form = Object.create(null);
  for (const key of Object.keys(value)) {
    let item;
    try { item = value[key]; } catch (error) { item = `[threw ${errorHeader(error)}]`; }
    form[key] = readableForm(item, inside, depth + 1);
  }
  return form;
}

/** `[Map(2)]`: what is shown for a collection where JSON has no form. */
const inspectTag = (value) => `[${value.constructor?.name ?? 'Object'}(${value.size})]`;
