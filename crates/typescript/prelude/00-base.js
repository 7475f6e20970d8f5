'use strict';
// The files of this folder share one function scope, in the order of their names. They are evaluated once, while the
// image is built: nothing here may read the clock, draw a random number or ask the host at evaluation time.

const native = globalThis.__native;
delete globalThis.__native;

/** Kinds of effects, as the engine numbers them. */
const EMIT = 0, CHECKPOINT = 1, ASK = 2, TIMER = 3, SIGNAL = 4, CALL = 5, ABORT = 6;

/** Puts a name into the global object the way the platform does: there, but not listed. */
function defineGlobal(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}

/** Puts a computed name into the global object; an assignment replaces it. */
function defineLazyGlobal(name, get) {
  Object.defineProperty(globalThis, name, {
    get,
    set(value) { defineGlobal(name, value); },
    enumerable: false,
    configurable: true,
  });
}

/** Built-in modules by name without `node:`; each a namespace with `default`. */
const builtinModules = new Map();

/** Modules that files before them need when they are used. */
const platformModules = {};

/** Registers a built-in module. Properties are copied as they are, so that getters stay unread. */
function defineBuiltin(names, exports) {
  const namespace = Object.create(null);
  if (exports !== null && (typeof exports === 'object' || typeof exports === 'function')) {
    for (const key of Object.getOwnPropertyNames(exports)) {
      if (typeof exports === 'function' && ['length', 'name', 'prototype', 'arguments', 'caller'].includes(key)) continue;
      Object.defineProperty(namespace, key, { ...Object.getOwnPropertyDescriptor(exports, key), enumerable: true });
    }
  }
  namespace.default = exports;
  for (const name of [].concat(names)) builtinModules.set(name, namespace);
}

const isObject = (value) => value !== null && typeof value === 'object';

/** Copies methods as the platform defines them: not listed. */
function defineHidden(target, members) {
  for (const key of Reflect.ownKeys(members)) {
    Object.defineProperty(target, key, { ...Object.getOwnPropertyDescriptor(members, key), enumerable: false });
  }
  return target;
}

/** An error with a `code`, as Node's own errors have. */
function codedError(Class, code, message) {
  const error = new Class(message);
  error.code = code;
  return error;
}

/** `Received …` in messages about wrong arguments. */
function received(value) {
  if (value === null || value === undefined) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    return value.constructor?.name ? `Received an instance of ${value.constructor.name}` : `Received ${typeof value}`;
  }
  const text = typeof value === 'string' ? `'${value.length > 25 ? `${value.slice(0, 25)}...` : value}'` : String(value);
  return `Received type ${typeof value} (${text})`;
}

function argumentTypeError(name, expected, value) {
  const kind = name.includes('.') ? 'property' : 'argument';
  return codedError(TypeError, 'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${kind} must be ${expected}. ${received(value)}`);
}

function requireFunction(value, name) {
  if (typeof value !== 'function') throw argumentTypeError(name, 'of type function', value);
  return value;
}

function rangeError(name, range, value) {
  return codedError(RangeError, 'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${typeof value === 'bigint' ? `${value}n` : value}`);
}

/** The prototype chain decides, not the realm: user code may hold errors of `evalScript`. */
function isError(value) {
  return value instanceof Error || Error.isError?.(value) === true;
}
