// What `quicksave inspect` shows of a stopped program.

const effectWords = ['emit', 'checkpoint', 'ask', 'timer', 'signal', 'call', 'abort'];

/** The engine leaves the prelude's own frames out and has mapped the rest. */
const authorFrames = () => native.frames?.() ?? [];

function suspendedPlaces() {
  try {
    return authorFrames().map(({ function: name, file, line, column }) => `${name} (${file}:${line}:${column})`);
  } catch {
    return [];
  }
}

function pendingList() {
  return [...pending].map(([n, { kind, what }]) => {
    const shown = typeof what === 'object' && what !== null ? what : {};
    const { args, ...rest } = shown;
    return { n, kind: effectWords[kind], ...rest, ...(args ? { args } : {}) };
  });
}

/** Evaluates an expression with everything in sight that the suspended code sees. */
function evaluateInRun(expression) {
  const scope = native.scope?.() ?? {};
  const names = Object.keys(scope).filter((name) =>
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) && !reservedWords.has(name));
  const evaluate = new Function(...names, `return (${expression}\n);`);
  return evaluate(...names.map((name) => scope[name]));
}

const reservedWords = new Set(('this default await break case catch class const continue debugger delete do else enum export '
  + 'extends false finally for function if import in instanceof new null return super switch throw true try typeof var '
  + 'void while with yield let static implements interface package private protected public arguments eval').split(' '));

function inspectRun(expression) {
  if (expression !== undefined && expression !== null && expression !== '') {
    try {
      const value = evaluateInRun(expression);
      return `{"value":${lossyJson(value)},"text":${JSON.stringify(inspect(value))}}`;
    } catch (error) {
      return `{"error":${lossyJson(isError(error) ? { name: error.name, message: error.message, stack: error.stack } : inspect(error))}}`;
    }
  }
  const shown = authorFrames().map((frame) => ({
    ...frame,
    locals: Object.fromEntries(Object.entries(frame.locals ?? {}).map(([name, value]) => [name, shownValue(value)])),
  }));
  const exported = {};
  for (const name of Object.keys(current.namespace ?? {})) {
    try { exported[name] = shownValue(current.namespace[name]); } catch { exported[name] = '<not initialised>'; }
  }
  return lossyJson({ run: current.run, entry: current.entry, frames: shown, pending: pendingList(), exports: exported });
}

/** Data as it is; what JSON has no form for as text. */
function shownValue(value) {
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return inspect(value);
  try {
    return JSON.parse(lossyJson(value));
  } catch {
    return inspect(value, { depth: 1 });
  }
}
