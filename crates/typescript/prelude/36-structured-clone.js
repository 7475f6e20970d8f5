// structuredClone: copies data with its cycles, and refuses what is no data.

const cloneableErrors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function uncloneable(value) {
  const shown = typeof value === 'symbol' ? String(value) : typeof value === 'function' ? String(value) : `#<${value.constructor?.name ?? 'Object'}>`;
  return new DOMException(`${shown} could not be cloned.`, 'DataCloneError');
}

function cloneValue(value, seen) {
  if (typeof value === 'symbol' || typeof value === 'function') throw uncloneable(value);
  if (value === null || typeof value !== 'object') return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => {
    seen.set(value, copy);
    return copy;
  };
  if (Array.isArray(value)) return cloneFields(value, keep(new Array(value.length)), seen);
  if (value instanceof Date && hasSlot(dateValue, value)) return keep(new Date(dateValue.call(value)));
  if (value instanceof RegExp && hasSlot(regexpSource, value)) return keep(new RegExp(value.source, value.flags));
  if (isBox(value)) {
    const inner = value.valueOf();
    if (typeof inner === 'symbol') throw uncloneable(value);
    return keep(Object(inner));
  }
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) return cloneView(value, keep, seen);
  if (value instanceof Map && hasSlot(mapSize, value)) {
    const copy = keep(new Map());
    for (const [key, item] of [...Map.prototype.entries.call(value)]) copy.set(cloneValue(key, seen), cloneValue(item, seen));
    return copy;
  }
  if (value instanceof Set && hasSlot(setSize, value)) {
    const copy = keep(new Set());
    for (const item of [...Set.prototype.values.call(value)]) copy.add(cloneValue(item, seen));
    return copy;
  }
  if (value instanceof DOMException) return keep(new DOMException(value.message, value.name));
  if (isError(value)) return cloneError(value, keep, seen);
  if (value instanceof File) return keep(new File([value], value.name, { type: value.type, lastModified: value.lastModified }));
  if (value instanceof Blob) return keep(new Blob([value], { type: value.type }));
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef
    || isGenerator(value) || value instanceof EventTarget || value instanceof Event || value instanceof Body || value instanceof ReadableStream) {
    throw uncloneable(value);
  }
  return cloneFields(value, keep({}), seen);
}

function cloneFields(from, into, seen) {
  for (const key of Object.keys(from)) {
    Object.defineProperty(into, key, { value: cloneValue(from[key], seen), writable: true, enumerable: true, configurable: true });
  }
  return into;
}

function cloneView(value, keep, seen) {
  const buffer = cloneValue(value.buffer, seen);
  if (value instanceof DataView) return keep(new DataView(buffer, value.byteOffset, value.byteLength));
  const Class = globalThis[typedArrayTag.call(value)];
  return keep(new Class(buffer, value.byteOffset, value.length));
}

function cloneError(value, keep, seen) {
  const Class = cloneableErrors[value.name] ?? Error;
  const copy = keep(new Class(String(value.message)));
  if (typeof value.stack === 'string') Object.defineProperty(copy, 'stack', { value: value.stack, writable: true, configurable: true });
  if (Object.hasOwn(value, 'cause')) {
    Object.defineProperty(copy, 'cause', { value: cloneValue(value.cause, seen), writable: true, configurable: true });
  }
  return copy;
}

function structuredClone(value, options = undefined) {
  if (arguments.length === 0) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "value" argument must be specified');
  const copy = cloneValue(value, new Map());
  // What is transferred is the receiver's alone.
  for (const item of options?.transfer ?? []) if (item instanceof ArrayBuffer) item.transfer?.(0);
  return copy;
}
defineGlobal('structuredClone', structuredClone);
