// Values and JSON.
import { ValidationError } from './errors.ts';

/** A deep copy of data; functions, and objects that are more than data, are shared. */
export function copy(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    const made = new Array(value.length);
    for (let i = 0; i < value.length; i++) made[i] = copy(value[i]);
    return made;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    const made: Record<string, unknown> = prototype === null ? Object.create(null) : {};
    for (const key of Object.keys(value)) made[key] = copy((value as Record<string, unknown>)[key]);
    return made;
  }
  if (value instanceof Map || value instanceof Set || value instanceof Date || ArrayBuffer.isView(value)) {
    return structuredClone(value);
  }
  return value;
}

/** The value as plain JSON, or an error that names the first place that JSON cannot hold. */
export function strictJson(value: unknown, where: string): unknown {
  return strict(value, where, []);
}

function refuse(where: string, what: string, help: string): never {
  throw new ValidationError(`${where} is ${what}, which JSON cannot hold; ${help}`, { path: where });
}

function strict(value: unknown, where: string, above: unknown[]): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : refuse(where, String(value), 'store null or a string in its place');
    case 'bigint':
      return refuse(where, 'a bigint', 'store its text: String(value)');
    case 'undefined':
      return refuse(where, 'undefined', 'store null in its place');
    case 'function':
    case 'symbol':
      return refuse(where, `a ${typeof value}`, 'leave it out of snapshotData()');
  }
  if (value === null) return null;
  if (above.includes(value)) return refuse(where, 'a circle', 'store an id in place of the object');
  const inside = [...above, value];
  if (Array.isArray(value)) {
    const list = [];
    for (let i = 0; i < value.length; i++) list.push(strict(value[i], `${where}[${i}]`, inside));
    return list;
  }
  const object = value as Record<string, unknown>;
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    const name = prototype.constructor?.name ?? 'an object';
    const help = value instanceof Date ? 'store its text: date.toISOString()'
      : value instanceof Map || value instanceof Set ? 'store its entries: [...value]' : 'store its fields as a plain object';
    return refuse(where, `of class ${name}`, help);
  }
  const made: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    // A field that is undefined reads the same when it is absent.
    if (object[key] !== undefined) made[key] = strict(object[key], `${where}.${key}`, inside);
  }
  return made;
}
