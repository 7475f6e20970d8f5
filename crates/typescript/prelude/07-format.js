// `util.format`: what `console.log` makes of its arguments.

function formatWithOptions(options, ...args) {
  const first = args[0];
  if (args.length === 1) return typeof first === 'string' ? first : inspect(first, options);
  let text = '';
  let next = 0;
  if (typeof first === 'string') {
    next = 1;
    text = first.replace(/%[sdifjoOc%]/g, (mark) => {
      if (mark === '%%') return args.length > 1 ? '%' : mark;
      if (next >= args.length) return mark;
      return formatArgument(mark[1], args[next++], options);
    });
  }
  for (; next < args.length; next++) {
    const item = typeof args[next] === 'string' ? args[next] : inspect(args[next], options);
    text += next === 0 ? item : ` ${item}`;
  }
  return text;
}

function formatArgument(mark, value, options) {
  switch (mark) {
    case 's':
      if (typeof value === 'number') return Object.is(value, -0) ? '-0' : `${value}`;
      if (typeof value === 'bigint') return `${value}n`;
      if (typeof value !== 'object' || value === null || hasOwnText(value)) return String(value);
      return inspect(value, { ...options, depth: 0, colors: false, compact: 3 });
    case 'd':
      if (typeof value === 'bigint') return `${value}n`;
      if (typeof value === 'symbol') return 'NaN';
      return Object.is(Number(value), -0) ? '-0' : `${Number(value)}`;
    case 'i':
      if (typeof value === 'bigint') return `${value}n`;
      if (typeof value === 'symbol') return 'NaN';
      return `${parseInt(value)}`;
    case 'f': return typeof value === 'symbol' ? 'NaN' : `${parseFloat(value)}`;
    case 'j':
      try {
        return JSON.stringify(value) ?? 'undefined';
      } catch (error) {
        if (/circular|cycle/i.test(error.message)) return '[Circular]';
        throw error;
      }
    case 'o': return inspect(value, { ...options, showHidden: true, showProxy: true, depth: 4 });
    case 'O': return inspect(value, options);
    default: return '';
  }
}

/** Whether a class of the program says how its objects read as text. */
function hasOwnText(value) {
  if (isError(value) || value instanceof Date) return value instanceof Date ? false : !isPlainError(value);
  if (typeof value.toString !== 'function') return false;
  if (Object.prototype.hasOwnProperty.call(value, 'toString')) return true;
  let at = value;
  while ((at = Object.getPrototypeOf(at)) !== null) {
    if (Object.prototype.hasOwnProperty.call(at, 'toString')) {
      return !platformClasses.has(at.constructor);
    }
  }
  return false;
}

const isPlainError = (error) => error.toString === Error.prototype.toString;

const platformClasses = new Set([Object, Array, Function, Map, Set, Promise, RegExp, Date, Number, String, Boolean,
  Symbol, BigInt, ArrayBuffer, Object.getPrototypeOf(Uint8Array), Error]);

const format = (...args) => formatWithOptions(undefined, ...args);
