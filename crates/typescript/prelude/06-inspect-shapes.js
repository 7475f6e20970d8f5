// What each kind of object looks like to `inspect`: its braces, what stands before them, and its entries.

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;
const dateValue = Date.prototype.getTime;
const regexpSource = Object.getOwnPropertyDescriptor(RegExp.prototype, 'source').get;
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, 'size').get;
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, 'size').get;
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get;

/** Whether `method` accepts `value` as its receiver: the only sure sign of an internal slot. */
function hasSlot(method, value) {
  try {
    method.call(value);
    return true;
  } catch {
    return false;
  }
}

const isBox = (value) => value instanceof Number || value instanceof String || value instanceof Boolean
  || value instanceof Symbol || value instanceof BigInt;

/** The shape of `value`, or its whole text. */
function inspectShape(cx, value, name, tag, depth) {
  const keys = ownKeys(cx, value);
  if (Array.isArray(value)) return arrayShape(cx, value, name, tag, keys);
  if (typeof value === 'function') return functionShape(cx, value, name, tag, keys);
  if (ArrayBuffer.isView(value)) return viewShape(cx, value, name, tag, keys);
  if (isError(value)) return errorShape(cx, value, name, tag, keys, depth);
  const plain = name === 'Object' && tag === '';
  if (!plain) {
    if (value instanceof Map && hasSlot(mapSize, value)) return mapShape(cx, value, name, tag, keys);
    if (value instanceof Set && hasSlot(setSize, value)) return setShape(cx, value, name, tag, keys);
    if (value instanceof Date && hasSlot(dateValue, value)) {
      const text = isNaN(dateValue.call(value)) ? 'Invalid Date' : Date.prototype.toISOString.call(value);
      return textShape(cx, withPrefix(name, tag, 'Date', text), 'date', keys);
    }
    if (value instanceof RegExp && value !== RegExp.prototype && hasSlot(regexpSource, value)) {
      return textShape(cx, withPrefix(name, tag, 'RegExp', RegExp.prototype.toString.call(value)), 'regexp', keys);
    }
    if (value instanceof Promise) return promiseShape(value, name, tag, keys);
    if (value instanceof WeakMap || value instanceof WeakSet) {
      return { kind: 'object', keys, braces: [`${prefixOf(name, tag, 'WeakMap')}{`, '}'],
        entries: () => [cx.stylize('<items unknown>', 'special')] };
    }
    if (value instanceof ArrayBuffer && hasSlot(bufferLength, value)) return arrayBufferShape(cx, value, name, tag, keys);
    if (isBox(value)) return boxShape(cx, value, name, keys);
    if (tag === 'Module') {
      return { kind: 'object', keys, braces: [`[Module: null prototype] {`, '}'], empty: '[Module: null prototype] {}' };
    }
  }
  if (isArguments(value, tag)) {
    return { kind: 'object', keys, braces: ['[Arguments] {', '}'], empty: '[Arguments] {}' };
  }
  const prefix = plain ? '' : prefixOf(name, tag, 'Object');
  return { kind: 'object', keys, braces: [`${prefix}{`, '}'], empty: `${prefix}{}` };
}

const isIndex = (key) => typeof key === 'string' && /^(0|[1-9]\d{0,9})$/.test(key);

function isArguments(value, tag) {
  return tag === '' && Object.prototype.toString.call(value) === '[object Arguments]';
}

const withPrefix = (name, tag, fallback, text) => {
  const prefix = prefixOf(name, tag, fallback);
  return prefix === `${fallback} ` ? text : `${prefix}${text}`;
};

function textShape(cx, text, style, keys) {
  if (keys.length === 0) return cx.stylize(text, style);
  return { kind: 'object', keys, braces: ['{', '}'], base: text };
}

function more(count) {
  return `... ${count} more item${count > 1 ? 's' : ''}`;
}

function arrayShape(cx, value, name, tag, keys) {
  const prefix = name === 'Array' && tag === '' ? '' : prefixOf(name, tag, 'Array', `(${value.length})`);
  return {
    kind: 'array',
    keys: keys.filter((key) => !isIndex(key)),
    braces: [`${prefix}[`, ']'],
    empty: value.length === 0 ? `${prefix}[]` : undefined,
    entries: value.length === 0 ? undefined : (depth) => arrayEntries(cx, value, depth),
  };
}

function arrayEntries(cx, value, depth) {
  const output = [];
  const length = value.length;
  const limit = Math.min(Math.max(0, cx.maxArrayLength), length);
  let i = 0;
  while (i < length && output.length < limit) {
    if (Object.prototype.hasOwnProperty.call(value, i)) {
      output.push(inspectProperty(cx, value, String(i), depth, 'item'));
      i += 1;
    } else {
      let end = i;
      while (end < length && !Object.prototype.hasOwnProperty.call(value, end)) end += 1;
      output.push(cx.stylize(`<${end - i} empty item${end - i > 1 ? 's' : ''}>`, 'undefined'));
      i = end;
    }
  }
  if (i < length) output.push(more(length - i));
  return output;
}

function viewShape(cx, value, name, tag, keys) {
  const kind = typedArrayTag.call(value);
  if (kind === undefined) {
    return { kind: 'object', keys, braces: [`${prefixOf(name, tag, 'DataView')}{`, '}'], entries: (depth) =>
      ['byteLength', 'byteOffset', 'buffer'].map((key) => entryLine(cx, key, value[key], depth)) };
  }
  const prefix = prefixOf(name, tag === kind ? '' : tag, kind, `(${value.length})`);
  return {
    kind: 'array',
    keys: keys.filter((key) => !isIndex(key)),
    braces: [`${prefix}[`, ']'],
    empty: value.length === 0 ? `${prefix}[]` : undefined,
    entries: value.length === 0 ? undefined : () => {
      const limit = Math.min(Math.max(0, cx.maxArrayLength), value.length);
      const output = Array.from({ length: limit }, (_, i) => inspectPrimitive(cx, value[i]));
      if (value.length > limit) output.push(more(value.length - limit));
      return output;
    },
  };
}

function entryLine(cx, key, value, depth) {
  cx.indent += 2;
  const text = inspectValue(cx, value, depth);
  cx.indent -= 2;
  return `${key}: ${text}`;
}

function arrayBufferShape(cx, value, name, tag, keys) {
  return {
    kind: 'object', keys, braces: [`${prefixOf(name, tag, 'ArrayBuffer')}{`, '}'],
    entries: () => {
      const limit = Math.min(Math.max(0, cx.maxArrayLength), 50, value.byteLength);
      const bytes = Array.from(new Uint8Array(value, 0, limit), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const rest = value.byteLength - limit;
      return [
        `${cx.stylize('[Uint8Contents]', 'special')}: <${bytes}${rest > 0 ? ` ... ${rest} more byte${rest > 1 ? 's' : ''}` : ''}>`,
        `byteLength: ${cx.stylize(`${value.byteLength}`, 'number')}`,
      ];
    },
  };
}

function mapShape(cx, value, name, tag, keys) {
  const size = mapSize.call(value);
  const prefix = prefixOf(name, tag, 'Map', `(${size})`);
  return {
    kind: 'object', keys, braces: [`${prefix}{`, '}'], empty: size === 0 ? `${prefix}{}` : undefined,
    entries: size === 0 ? undefined : (depth) => {
      cx.indent += 2;
      const output = [];
      for (const [key, item] of Map.prototype.entries.call(value)) {
        if (output.length >= cx.maxArrayLength) {
          output.push(more(size - output.length));
          break;
        }
        output.push(`${inspectValue(cx, key, depth)} => ${inspectValue(cx, item, depth)}`);
      }
      cx.indent -= 2;
      return output;
    },
  };
}

function setShape(cx, value, name, tag, keys) {
  const size = setSize.call(value);
  const prefix = prefixOf(name, tag, 'Set', `(${size})`);
  return {
    kind: 'object', keys, braces: [`${prefix}{`, '}'], empty: size === 0 ? `${prefix}{}` : undefined,
    entries: size === 0 ? undefined : (depth) => {
      cx.indent += 2;
      const output = [];
      for (const item of Set.prototype.values.call(value)) {
        if (output.length >= cx.maxArrayLength) {
          output.push(more(size - output.length));
          break;
        }
        output.push(inspectValue(cx, item, depth));
      }
      cx.indent -= 2;
      return output;
    },
  };
}

/** A promise's state is the engine's secret, unless the engine tells it. */
function promiseShape(value, name, tag, keys) {
  const prefix = prefixOf(name, tag, 'Promise');
  return { kind: 'object', keys, braces: [`${prefix}{`, '}'], empty: `${prefix}{}` };
}

function boxShape(cx, value, name, keys) {
  const inner = value.valueOf();
  const kind = { number: 'Number', string: 'String', boolean: 'Boolean', symbol: 'Symbol', bigint: 'BigInt' }[typeof inner];
  const own = typeof inner === 'string' ? keys.filter((key) => !isIndex(key) && key !== 'length') : keys;
  const label = `[${kind}${name !== kind ? (name === null ? ' (null prototype)' : ` (${name})`) : ''}: ${inspectPrimitive({ ...cx, stylize: plainStyle }, inner)}]`;
  if (own.length === 0) return cx.stylize(label, typeof inner);
  return { kind: 'object', keys: own, braces: ['{', '}'], base: label };
}

function functionShape(cx, value, name, tag, keys) {
  const base = functionLabel(value, name, tag);
  if (keys.length === 0) return cx.stylize(base, 'special');
  return { kind: 'object', keys, braces: ['{', '}'], base };
}

function functionLabel(value, name, tag) {
  let source = '';
  try { source = Function.prototype.toString.call(value); } catch { /* a proxy */ }
  if (/^class\b/.test(source)) {
    const own = Object.prototype.hasOwnProperty.call(value, 'name') && value.name;
    let label = `class ${own || '(anonymous)'}`;
    if (name !== 'Function' && name !== null) label += ` [${name}]`;
    if (tag !== '' && tag !== name) label += ` [${tag}]`;
    const parent = name === null ? null : Object.getPrototypeOf(value);
    if (name === null) label += ' extends [null prototype]';
    else if (parent && parent.name) label += ` extends ${parent.name}`;
    return `[${label}]`;
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const type = /^(Async|Generator|AsyncGenerator)Function$/.test(kind) ? kind : 'Function';
  let label = `[${type}`;
  if (name === null) label += ' (null prototype)';
  label += value.name === '' || value.name === undefined ? ' (anonymous)' : `: ${String(value.name)}`;
  label += ']';
  if (name !== type && name !== null && name !== 'Function') label += ` ${name}`;
  if (tag !== '' && name !== tag && tag !== type) label += ` [${tag}]`;
  return label;
}

const errorOwn = new Set(['name', 'message', 'stack']);

function errorShape(cx, value, name, tag, keys, depth) {
  let stack;
  try { stack = value.stack; } catch { stack = undefined; }
  stack = typeof stack === 'string' && stack !== '' ? stack : errorHeader(value);
  stack = nameInStack(stack, value, name);
  const shown = keys.filter((key) => {
    if (!errorOwn.has(key)) return true;
    const own = value[key];
    return typeof own !== 'string' || !stack.includes(own);
  });
  const hidden = (key) => Object.prototype.hasOwnProperty.call(value, key) && !shown.includes(key);
  if (hidden('cause')) shown.push('cause');
  if (Array.isArray(value.errors) && hidden('errors')) shown.push('errors');
  // Without frames the text is put in brackets, so that it is seen to be an error.
  const lines = stack.indexOf('\n    at');
  if (lines === -1) stack = `[${stack}]`;
  else if (cx.indent !== 0) stack = stack.replaceAll('\n', `\n${' '.repeat(cx.indent)}`);
  void depth;
  void tag;
  if (shown.length === 0) return stack;
  return { kind: 'object', keys: shown, braces: ['{', '}'], base: stack };
}

/** The class's name belongs in the header, whatever `name` says. */
function nameInStack(stack, error, className) {
  if (error instanceof DOMException) return stack.replace(/^\w+/, (word) => `DOMException [${word}]`);
  let name = 'Error';
  try { name = error.name === undefined ? 'Error' : String(error.name); } catch { /* a throwing getter */ }
  const wanted = className ?? name;
  if (wanted === name || !/Error$|Exception$/.test(wanted)) return stack;
  return stack.startsWith(name) && /^(:|\n|$| \[)/.test(stack.slice(name.length))
    ? wanted + stack.slice(name.length) : stack;
}
