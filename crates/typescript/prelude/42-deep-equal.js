// Deep equality, strict (`assert.deepStrictEqual`, `util.isDeepStrictEqual`) and loose (`assert.deepEqual`).

function deepEqual(a, b, strict, seen = []) {
  if (a === b) return a !== 0 || !strict || Object.is(a, b);
  if (strict) {
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  } else {
    const plainA = a === null || typeof a !== 'object';
    const plainB = b === null || typeof b !== 'object';
    if (plainA || plainB) {
      // Loose on purpose.
      return plainA && plainB && (a == b || (a !== a && b !== b)) && typeof a !== 'function';
    }
  }
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const kind = sameKind(a, b, strict);
  if (kind === false) return false;
  for (const [x, y] of seen) if (x === a || y === b) return x === a && y === b;
  const inside = [...seen, [a, b]];
  if (a instanceof Map && b instanceof Map) return sameMaps(a, b, strict, inside) && sameFields(a, b, strict, inside);
  if (a instanceof Set && b instanceof Set) return sameSets(a, b, strict, inside) && sameFields(a, b, strict, inside);
  return sameFields(a, b, strict, inside);
}

/** What lies in internal slots: false if it differs. */
function sameKind(a, b, strict) {
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b) && a.lastIndex === b.lastIndex;
  if (isError(a) || isError(b)) {
    return isError(a) && isError(b) && a.message === b.message && a.name === b.name
      && (!strict || deepEqual(a.cause, b.cause, strict)) && deepEqual(a.errors, b.errors, strict);
  }
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) {
    if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b) || a.byteLength !== b.byteLength) return false;
    if (typedArrayTag.call(a)?.startsWith('Float')) return [...a].every((item, i) => (strict ? Object.is(item, b[i]) : item === b[i] || item !== item && b[i] !== b[i]));
    return compareBytes(bytesOf(a), bytesOf(b)) === 0;
  }
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer) return compareBytes(bytesOf(a), bytesOf(b)) === 0;
  if (isBox(a) || isBox(b)) return isBox(a) && isBox(b) && Object.is(a.valueOf(), b.valueOf());
  if (a instanceof Map !== b instanceof Map || a instanceof Set !== b instanceof Set) return false;
  if (strict && (a instanceof WeakMap || a instanceof WeakSet || a instanceof Promise)) return false;
  return undefined;
}

function comparedKeys(value, strict) {
  const view = ArrayBuffer.isView(value);
  const keys = Object.keys(value).filter((key) => !view || !isIndex(key));
  if (!strict) return keys;
  return [...keys, ...Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))];
}

function sameFields(a, b, strict, seen) {
  if (Array.isArray(a) && a.length !== b.length) return false;
  const keys = comparedKeys(a, strict);
  if (keys.length !== comparedKeys(b, strict).length) return false;
  return keys.every((key) => Object.prototype.propertyIsEnumerable.call(b, key) && deepEqual(a[key], b[key], strict, seen));
}

function sameMaps(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const left = new Map(b);
  outer: for (const [key, value] of a) {
    if (left.has(key) && deepEqual(value, left.get(key), strict, seen)) {
      left.delete(key);
      continue;
    }
    if (!strict || (typeof key === 'object' && key !== null)) {
      for (const [other, item] of left) {
        if (deepEqual(key, other, strict, seen) && deepEqual(value, item, strict, seen)) {
          left.delete(other);
          continue outer;
        }
      }
    }
    return false;
  }
  return true;
}

function sameSets(a, b, strict, seen) {
  if (a.size !== b.size) return false;
  const left = new Set(b);
  outer: for (const item of a) {
    if (left.delete(item)) continue;
    if (!strict || (typeof item === 'object' && item !== null)) {
      for (const other of left) {
        if (deepEqual(item, other, strict, seen)) {
          left.delete(other);
          continue outer;
        }
      }
    }
    return false;
  }
  return true;
}
