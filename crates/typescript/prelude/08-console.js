// Each call is one `log` emit: recorded, shown once, and not again on replay.

const printLog = (level, text) => emitEffect('log', text, { level });

class Console {
  #indent = '';
  #counts = new Map();
  #timers = new Map();

  constructor() {
    // Methods are used unbound (`promise.then(console.log)`).
    for (const name of Object.getOwnPropertyNames(Console.prototype)) {
      if (name !== 'constructor') this[name] = Console.prototype[name].bind(this);
    }
  }

  #print(level, args) {
    let text = formatWithOptions(undefined, ...args);
    if (args.length === 0) text = '';
    if (this.#indent) text = this.#indent + text.replaceAll('\n', `\n${this.#indent}`);
    printLog(level, text);
  }

  log(...args) { this.#print('info', args); }
  info(...args) { this.#print('info', args); }
  warn(...args) { this.#print('warn', args); }
  error(...args) { this.#print('error', args); }
  debug(...args) { this.#print('debug', args); }

  trace(...args) {
    const lines = (new Error('trace').stack ?? '').split('\n').slice(1).join('\n');
    const text = args.length ? `Trace: ${formatWithOptions(undefined, ...args)}` : 'Trace';
    this.#print('error', [lines ? `${text}\n${lines}` : text].map((line) => line.replaceAll('%', '%%')));
  }

  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === 'string') this.#print('error', [`Assertion failed: ${args[0]}`, ...args.slice(1)]);
    else this.#print('error', ['Assertion failed', ...args]);
  }

  dir(value, options) { this.#print('info', [inspect(value, { customInspect: false, ...options }).replaceAll('%', '%%')]); }
  dirxml(...args) { this.#print('info', args); }

  group(...args) {
    if (args.length) this.#print('info', args);
    this.#indent += '  ';
  }
  groupCollapsed(...args) { this.group(...args); }
  groupEnd() { this.#indent = this.#indent.slice(2); }

  count(label = 'default') {
    const count = (this.#counts.get(`${label}`) ?? 0) + 1;
    this.#counts.set(`${label}`, count);
    this.#print('info', ['%s: %d', `${label}`, count]);
  }
  countReset(label = 'default') { this.#counts.delete(`${label}`); }

  time(label = 'default') {
    if (this.#timers.has(`${label}`)) {
      this.#print('warn', [`Warning: Label '${label}' already exists for console.time()`]);
      return;
    }
    this.#timers.set(`${label}`, native.now());
  }
  timeLog(label = 'default', ...args) { this.#elapsed('timeLog', label, args); }
  timeEnd(label = 'default') {
    this.#elapsed('timeEnd', label, []);
    this.#timers.delete(`${label}`);
  }
  #elapsed(method, label, args) {
    const since = this.#timers.get(`${label}`);
    if (since === undefined) {
      this.#print('warn', [`Warning: No such label '${label}' for console.${method}()`]);
      return;
    }
    this.#print('info', ['%s: %s', `${label}`, formatDuration(native.now() - since), ...args]);
  }
  timeStamp() {}
  profile() {}
  profileEnd() {}

  table(data, columns) {
    if (data === null || typeof data !== 'object') {
      this.#print('info', [data]);
      return;
    }
    this.#print('info', ['%s', tableText(data, columns)]);
  }
}

function formatDuration(ms) {
  if (ms < 1000) return `${Number(ms.toFixed(3))}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(3)}s`;
  const two = (value) => String(Math.floor(value)).padStart(2, '0');
  const seconds = ms / 1000;
  if (ms < 3_600_000) return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(3).padStart(6, '0')} (m:ss.mmm)`;
  return `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)} (h:mm:ss)`;
}

/** Rows and columns as a box of lines. */
function tableText(data, columns) {
  const cell = (value) => inspect(value, { depth: value !== null && typeof value === 'object' && !Array.isArray(value)
    && Object.keys(value).length > 2 ? -1 : 0, maxArrayLength: 3, breakLength: Infinity });
  const keyed = data instanceof Map;
  const listed = keyed || data instanceof Set;
  const rows = keyed ? [...data].map(([key, value], i) => [i, value, key])
    : listed ? [...data].map((value, i) => [i, value]) : Object.keys(data).map((key) => [key, data[key]]);
  const heads = [];
  let values = false;
  const lines = rows.map(([label, row, key]) => {
    const line = new Map();
    const composite = row !== null && (typeof row === 'object' || typeof row === 'function') && !listed;
    if (composite) {
      for (const head of columns ?? Object.keys(row)) {
        if (!heads.includes(head)) heads.push(head);
        if (Object.prototype.hasOwnProperty.call(row, head)) line.set(head, cell(row[head]));
      }
    } else {
      values = true;
    }
    return { label: String(label), line, value: composite ? '' : cell(row), key: keyed ? cell(key) : undefined };
  });
  const titles = [listed ? '(iteration index)' : '(index)', ...(keyed ? ['Key'] : []), ...heads.map(String), ...(values ? ['Values'] : [])];
  const body = lines.map(({ label, line, value, key }) => [
    label, ...(keyed ? [key] : []), ...heads.map((head) => line.get(head) ?? ''), ...(values ? [value] : []),
  ]);
  const widths = titles.map((title, i) => Math.max(title.length, ...body.map((row) => row[i].length)) + 2);
  const center = (text, width) => {
    const left = Math.floor((width - text.length) / 2);
    return `${' '.repeat(left)}${text}${' '.repeat(width - text.length - left)}`;
  };
  const rule = (left, mid, right) => left + widths.map((width) => '─'.repeat(width)).join(mid) + right;
  const row = (cells) => `│${cells.map((text, i) => center(text, widths[i])).join('│')}│`;
  return [rule('┌', '┬', '┐'), row(titles), rule('├', '┼', '┤'), ...body.map(row), rule('└', '┴', '┘')].join('\n');
}

const platformConsole = new Console();
Object.defineProperty(platformConsole, Symbol.toStringTag, { value: 'console', configurable: true });
defineGlobal('console', platformConsole);
defineBuiltin('console', Object.assign(platformConsole, { Console }));
