// The module `quicksave`: the yield protocol for code that is no generator, and what only durable runs have. And the
// names that a script of code mode finds ready: `code` and `ncp`.

/** When to wake: milliseconds from now, a Date, or an ISO date. */
function wakeTime(when) {
  if (typeof when === 'number') {
    if (Number.isNaN(when)) throw new TypeError('sleep(NaN): a number of milliseconds, a Date or an ISO date is needed');
    return native.now() + Math.max(0, when);
  }
  const time = when instanceof Date ? when.getTime() : Date.parse(String(when));
  if (Number.isNaN(time)) throw new TypeError(`sleep(${inspect(when)}): a number of milliseconds, a Date or an ISO date is needed`);
  return time;
}

const quicksave = {
  /** Waits for a message from outside; gives its value. */
  signal(name, { signal } = {}) {
    if (typeof name !== 'string' || name === '') throw argumentTypeError('name', 'a non-empty string', name);
    return request(SIGNAL, { name }, { signal, what: { name } });
  },
  /** Asks a person; gives the checked answer. */
  ask(spec, options) {
    const whole = typeof spec === 'string' ? { ask: 'text', message: spec } : spec;
    if (!isAskYield(whole)) throw argumentTypeError('spec', "an object like {ask: 'text', message: '…'}", spec);
    return askPerson(whole, options);
  },
  /** Shows something: `emit('status', 'working')` or the object of the yield protocol. */
  emit(kind, message, data) {
    if (typeof kind === 'string') emitYield({ emit: kind, ...(message === undefined ? {} : { message }), ...data });
    else emitYield(kind);
  },
  /** Marks a named place: `checkpoint(state)` or `checkpoint('label', state)`; gives the state when it is on disk. */
  checkpoint(label, state) {
    return typeof label === 'string' ? takeCheckpoint(label, state ?? null) : takeCheckpoint(undefined, label ?? null);
  },
  /** Sleeps, through crashes and for as long as it takes. */
  sleep(when, { signal } = {}) { return waitUntil(wakeTime(when), undefined, signal); },
};
Object.defineProperty(quicksave, 'runId', { get: () => current.run, enumerable: true });
defineBuiltin('quicksave', quicksave);

const codeNamespace = {
  list_runs: (options = {}) => perform('runs.list', { ...options }),
  get_run: ({ runId } = {}) => perform('runs.get', { runId }),
  delete_run: ({ runId } = {}) => perform('runs.delete', { runId }),
};
const ncpNamespace = {
  find: (query) => perform('ncp.find', isObject(query) ? query : { query: String(query ?? '') }),
  run: (tool, params = {}) => perform('ncp.run', { tool: String(tool), params }),
};
defineGlobal('code', codeNamespace);
defineGlobal('ncp', ncpNamespace);
