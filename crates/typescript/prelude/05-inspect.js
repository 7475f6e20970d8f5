// `util.inspect`: values as text, laid out as Node does, since that is what people read logs and write tests against.

const INSPECT_CUSTOM = Symbol.for('nodejs.util.inspect.custom');

const inspectDefaults = {
  showHidden: false, depth: 2, colors: false, customInspect: true, showProxy: false, maxArrayLength: 100,
  maxStringLength: 10000, breakLength: 80, compact: 3, sorted: false, getters: false, numericSeparator: false,
};

const inspectStyles = {
  special: 'cyan', number: 'yellow', bigint: 'yellow', boolean: 'yellow', undefined: 'grey', null: 'bold',
  string: 'green', symbol: 'green', date: 'magenta', regexp: 'red', module: 'underline',
};

const ansiCodes = {
  reset: [0, 0], bold: [1, 22], dim: [2, 22], italic: [3, 23], underline: [4, 24], inverse: [7, 27], hidden: [8, 28],
  strikethrough: [9, 29], black: [30, 39], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39],
  magenta: [35, 39], cyan: [36, 39], white: [37, 39], gray: [90, 39], grey: [90, 39], redBright: [91, 39],
  greenBright: [92, 39], yellowBright: [93, 39], blueBright: [94, 39], magentaBright: [95, 39], cyanBright: [96, 39],
  whiteBright: [97, 39], bgBlack: [40, 49], bgRed: [41, 49], bgGreen: [42, 49], bgYellow: [43, 49], bgBlue: [44, 49],
  bgMagenta: [45, 49], bgCyan: [46, 49], bgWhite: [47, 49],
};

const plainStyle = (text) => text;
const colorStyle = (text, style) => {
  const codes = ansiCodes[inspectStyles[style]];
  return codes ? `\x1b[${codes[0]}m${text}\x1b[${codes[1]}m` : text;
};

function inspect(value, options, ...old) {
  const given = typeof options === 'object' && options !== null ? options
    : { showHidden: options, depth: old[0], colors: old[1] };
  const cx = {
    ...inspectDefaults, seen: [], circular: undefined, indent: 0, currentDepth: 0, stylize: plainStyle, budget: 0,
  };
  for (const key of Object.keys(given)) {
    if ((key in inspectDefaults || key === 'stylize') && given[key] !== undefined) cx[key] = given[key];
    else if (!(key in cx)) cx[key] = given[key];
  }
  if (cx.colors && cx.stylize === plainStyle) cx.stylize = colorStyle;
  if (cx.maxArrayLength === null) cx.maxArrayLength = Infinity;
  if (cx.maxStringLength === null) cx.maxStringLength = Infinity;
  return inspectValue(cx, value, 0);
}
inspect.custom = INSPECT_CUSTOM;
inspect.defaultOptions = inspectDefaults;
inspect.colors = ansiCodes;
inspect.styles = inspectStyles;

const escapesInText = /[\x00-\x1f\x27\x5c\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const namedEscapes = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '\\': '\\\\' };

/** A string as a literal: single quotes unless others need no escape. */
function quoteText(text) {
  let quote = "'";
  if (text.includes("'")) {
    if (!text.includes('"')) quote = '"';
    else if (!text.includes('`') && !text.includes('${')) quote = '`';
  }
  if (!escapesInText.test(text)) return quote + text + quote;
  let out = quote;
  for (const char of text) {
    const code = char.codePointAt(0);
    if (char === quote || char === '\\') out += `\\${char}`;
    else if (namedEscapes[char]) out += namedEscapes[char];
    else if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) out += `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
    else if (code >= 0xd800 && code <= 0xdfff) out += `\\u${code.toString(16).toUpperCase()}`;
    else out += char;
  }
  return out + quote;
}

function inspectNumber(cx, value) {
  if (Object.is(value, -0)) return cx.stylize('-0', 'number');
  let text = `${value}`;
  if (cx.numericSeparator && Number.isFinite(value) && !text.includes('e')) {
    const [whole, part] = text.split('.');
    text = whole.replace(/\B(?=(\d{3})+(?!\d))/g, '_') + (part ? `.${part.replace(/(\d{3})(?=\d)/g, '$1_')}` : '');
  }
  return cx.stylize(text, 'number');
}

function inspectString(cx, value) {
  let rest = '';
  if (value.length > cx.maxStringLength) {
    const more = value.length - cx.maxStringLength;
    value = value.slice(0, cx.maxStringLength);
    rest = `... ${more} more character${more > 1 ? 's' : ''}`;
  }
  if (cx.compact !== true && value.length > 16 && value.length > cx.breakLength - cx.indent - 4) {
    const lines = value.split(/(?<=\n)/);
    return lines.map((line) => cx.stylize(quoteText(line), 'string')).join(` +\n${' '.repeat(cx.indent + 2)}`) + rest;
  }
  return cx.stylize(quoteText(value), 'string') + rest;
}

function inspectPrimitive(cx, value) {
  switch (typeof value) {
    case 'string': return inspectString(cx, value);
    case 'number': return inspectNumber(cx, value);
    case 'bigint': return cx.stylize(`${value}n`, 'bigint');
    case 'boolean': return cx.stylize(`${value}`, 'boolean');
    case 'undefined': return cx.stylize('undefined', 'undefined');
    case 'symbol': return cx.stylize(value.toString(), 'symbol');
    default: return cx.stylize('null', 'null');
  }
}

function inspectValue(cx, value, depth) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return inspectPrimitive(cx, value);
  if (cx.customInspect) {
    const custom = value[INSPECT_CUSTOM];
    if (typeof custom === 'function' && custom !== inspect && !(value.constructor?.prototype === value)) {
      const left = cx.depth === null ? null : cx.depth - depth;
      const { seen, circular, indent, currentDepth, budget, ...options } = cx;
      const shown = custom.call(value, left, { ...options, depth: left }, inspect);
      if (shown !== value) {
        return typeof shown === 'string' ? shown.replaceAll('\n', `\n${' '.repeat(cx.indent)}`)
          : inspectValue(cx, shown, depth);
      }
    }
  }
  if (cx.seen.includes(value)) {
    cx.circular ??= new Map();
    if (!cx.circular.has(value)) cx.circular.set(value, cx.circular.size + 1);
    return cx.stylize(`[Circular *${cx.circular.get(value)}]`, 'special');
  }
  return inspectObject(cx, value, depth);
}

/** The name of the class, or null if no prototype has one. */
function constructorName(value) {
  for (let at = value, hops = 0; at !== null && hops < 64; at = Object.getPrototypeOf(at), hops++) {
    const held = Object.getOwnPropertyDescriptor(at, 'constructor');
    if (held && typeof held.value === 'function' && held.value.name !== '' && isInstance(value, held.value)) {
      return held.value.name;
    }
  }
  return null;
}

function isInstance(value, Class) {
  try {
    return value instanceof Class;
  } catch {
    return false;
  }
}

function prefixOf(name, tag, fallback, size = '') {
  if (name === null) {
    return tag !== '' && tag !== fallback ? `[${fallback}${size}: null prototype] [${tag}] `
      : `[${fallback}${size}: null prototype] `;
  }
  return tag !== '' && tag !== name ? `${name}${size} [${tag}] ` : `${name}${size} `;
}

function ownKeys(cx, value) {
  const symbols = Object.getOwnPropertySymbols(value);
  if (cx.showHidden) return [...Object.getOwnPropertyNames(value), ...symbols];
  let keys;
  try {
    keys = Object.keys(value);
  } catch {
    // A module whose evaluation is not over.
    keys = Object.getOwnPropertyNames(value);
  }
  const listed = symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
  return listed.length ? [...keys, ...listed] : keys;
}

function inspectObject(cx, value, depth) {
  const name = constructorName(value);
  let tag = '';
  try { tag = value[Symbol.toStringTag] ?? ''; } catch { /* a getter that wants another receiver */ }
  if (typeof tag !== 'string' || (tag !== '' && tag === name)) tag = '';
  const shape = inspectShape(cx, value, name, tag, depth);
  if (typeof shape === 'string') return shape;
  const { keys, entries } = shape;
  if (keys.length === 0 && !entries && shape.empty !== undefined) return shape.empty;

  if (cx.depth !== null && depth > cx.depth) {
    const label = prefixOf(name, tag, shape.kind === 'array' ? 'Array' : 'Object').slice(0, -1);
    return cx.stylize(`[${name !== null ? label.replace(/^(\w+) \[(.*)\]$/, '$1 [$2]') : label}]`, 'special');
  }
  depth += 1;
  cx.seen.push(value);
  cx.currentDepth = depth;
  const output = entries ? entries(depth) : [];
  for (const key of keys) output.push(inspectProperty(cx, value, key, depth, shape.kind === 'array' ? 'array' : 'object'));
  if (shape.more) output.push(shape.more);
  cx.seen.pop();
  let base = shape.base ?? '';
  const braces = shape.braces.slice();
  if (cx.circular?.has(value)) {
    const reference = cx.stylize(`<ref *${cx.circular.get(value)}>`, 'special');
    if (cx.compact !== true) base = base === '' ? reference : `${reference} ${base}`;
    else braces[0] = `${reference} ${braces[0]}`;
  }
  if (cx.sorted) {
    const compare = cx.sorted === true ? undefined : cx.sorted;
    if (shape.kind === 'object') output.sort(compare);
    else if (keys.length > 1) output.push(...output.splice(output.length - keys.length).sort(compare));
  }
  return joinParts(cx, output, base, braces, shape.kind, depth, value);
}

function inspectProperty(cx, object, key, depth, kind) {
  const held = Object.getOwnPropertyDescriptor(object, key) ?? { value: object[key], enumerable: true };
  let text;
  if ('value' in held) {
    const indent = cx.compact !== true || kind !== 'object' ? 2 : 3;
    cx.indent += indent;
    text = inspectValue(cx, held.value, depth);
    if (indent === 3 && cx.breakLength < text.length) text = `\n${' '.repeat(cx.indent)}${text}`;
    cx.indent -= indent;
  } else if (held.get !== undefined) {
    const label = held.set !== undefined ? 'Getter/Setter' : 'Getter';
    if (cx.getters && (cx.getters === true || (cx.getters === 'get') === (held.set === undefined))) {
      cx.indent += 2;
      try {
        const got = held.get.call(object);
        text = `${cx.stylize(`[${label}:`, 'special')} ${inspectValue(cx, got, depth)}${cx.stylize(']', 'special')}`;
      } catch (error) {
        text = cx.stylize(`[${label}: <Inspection threw (${error.message})>]`, 'special');
      }
      cx.indent -= 2;
    } else {
      text = cx.stylize(`[${label}]`, 'special');
    }
  } else {
    text = cx.stylize(held.set !== undefined ? '[Setter]' : 'undefined', held.set !== undefined ? 'special' : 'undefined');
  }
  if (kind === 'item') return text;
  let label;
  if (typeof key === 'symbol') label = cx.stylize(`[${key.toString()}]`, 'symbol');
  else if (key === '__proto__') label = "['__proto__']";
  else if (held.enumerable === false) label = `[${key}]`;
  else if (/^[a-zA-Z_][a-zA-Z_0-9]*$/.test(key)) label = cx.stylize(key, 'name');
  else label = cx.stylize(quoteText(key), 'string');
  return `${label}: ${text}`;
}

const visibleLength = (cx, text) => (cx.colors ? stripAnsi(text) : text).length;
const stripAnsi = (text) => text.replace(/\x1b\[[0-9;]*m/g, '');

/** Short lists go on one line, long ones in columns, the rest one entry a line. */
function joinParts(cx, output, base, braces, kind, depth, value) {
  const lead = base ? `${base} ` : '';
  if (cx.compact === true) {
    const start = output.length + cx.indent + braces[0].length + base.length;
    if (fitsOnLine(cx, output, start, base)) {
      return `${braces[0] ? `${braces[0]} ` : ''}${lead}${output.join(', ')} ${braces[1]}`;
    }
    const gap = `\n${' '.repeat(cx.indent)}`;
    const first = base === '' && braces[0].length === 1 ? ' ' : `${base ? ` ${base}` : ''}${gap}  `;
    return `${braces[0]}${first}${output.join(`,${gap}  `)} ${braces[1]}`;
  }
  if (typeof cx.compact === 'number' && cx.compact >= 1) {
    const count = output.length;
    if (kind === 'array' && count > 6) output = inColumns(cx, output, value);
    if (cx.currentDepth - depth < cx.compact && count === output.length) {
      const start = output.length + cx.indent + braces[0].length + base.length + 10;
      if (fitsOnLine(cx, output, start, base)) {
        const joined = output.join(', ');
        if (!joined.includes('\n')) return `${lead}${braces[0]} ${joined} ${braces[1]}`;
      }
    }
  }
  const gap = `\n${' '.repeat(cx.indent)}`;
  return `${lead}${braces[0]}${gap}  ${output.join(`,${gap}  `)}${gap}${braces[1]}`;
}

function fitsOnLine(cx, output, start, base) {
  let length = output.length + start;
  if (length + output.length > cx.breakLength) return false;
  for (const part of output) {
    length += visibleLength(cx, part);
    if (length > cx.breakLength) return false;
  }
  return base === '' || !base.includes('\n');
}

function inColumns(cx, output, value) {
  const extra = cx.maxArrayLength < output.length ? 1 : 0;
  const count = output.length - extra;
  const gap = 2;
  const lengths = [];
  let total = 0;
  let longest = 0;
  for (let i = 0; i < count; i++) {
    lengths[i] = visibleLength(cx, output[i]);
    total += lengths[i] + gap;
    longest = Math.max(longest, lengths[i]);
  }
  const widest = longest + gap;
  if (widest * 3 + cx.indent >= cx.breakLength || !(total / widest > 5 || longest <= 6)) return output;
  // About two and a half columns for each row, so that the block looks square; less where widths differ much.
  const bias = Math.sqrt(widest - total / output.length);
  const width = Math.max(widest - 3 - bias, 1);
  const columns = Math.min(
    Math.round(Math.sqrt(2.5 * width * count) / width),
    Math.floor((cx.breakLength - cx.indent) / widest),
    cx.compact * 4,
    15,
  );
  if (columns <= 1) return output;
  const widths = [];
  for (let c = 0; c < columns; c++) {
    let most = 0;
    for (let i = c; i < count; i += columns) most = Math.max(most, lengths[i]);
    widths.push(most + gap);
  }
  const numeric = value !== undefined && typeof value.length === 'number'
    && Array.prototype.every.call(Array.prototype.slice.call(value, 0, count), (item) => typeof item === 'number' || typeof item === 'bigint');
  const rows = [];
  for (let i = 0; i < count; i += columns) {
    const end = Math.min(i + columns, count);
    let row = '';
    for (let j = i; j < end; j++) {
      const hidden = output[j].length - lengths[j];
      const last = j === end - 1;
      if (numeric) row += (last ? output[j] : `${output[j]}, `).padStart(widths[j - i] + hidden - (last ? gap : 0));
      else row += last ? output[j] : `${output[j]}, `.padEnd(widths[j - i] + hidden);
    }
    rows.push(row);
  }
  if (extra) rows.push(output[count]);
  return rows;
}
