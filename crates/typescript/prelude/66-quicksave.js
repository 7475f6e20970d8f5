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

/** Arguments of a tool: an object, or nothing. */
function toolArguments(args, what) {
  if (args === undefined || args === null) return {};
  if (!isObject(args) || Array.isArray(args)) throw new TypeError(`${what} takes one object of arguments, and was given ${inspect(args)}`);
  return args;
}

const callTool = (source, tool, args) =>
  perform('tools.call', { source, tool, args: toolArguments(args, `${source}.${tool}()`) });

/** An object that has every method: what there really is shows when one is called. */
const toolNamespace = (source) =>
  namesAsMethods(Object.create(null), (tool) => async (args) => callTool(source, tool, args));

/** Photons and servers as globals of a snippet. What the platform has goes before, and what the snippet declares. */
function defineNamespaces(names) {
  for (const name of names) {
    const global = name.replace(/[^A-Za-z0-9_$]/g, '_').replace(/^(?=\d)/, '_');
    if (!(global in globalThis)) {
      Object.defineProperty(globalThis, global, { value: toolNamespace(name), writable: true, configurable: true, enumerable: false });
    }
  }
}

const toolsNamespace = {
  /** All tools, or those of one photon or server. */
  list: (source) => perform('tools.list', source === undefined ? {} : { source: String(source) }),
  /** `tools.call('github.search_repos', {…})` */
  async call(target, args) {
    const text = String(target);
    const at = text.indexOf('.');
    if (at <= 0 || at === text.length - 1) throw new TypeError(`tools.call(${inspect(text)}): 'name.tool' is needed`);
    return callTool(text.slice(0, at), text.slice(at + 1), args);
  },
  /** The tools of one photon or server as methods: `tools.namespace('github').search_repos({…})`. */
  namespace: (name) => toolNamespace(String(name)),
};
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
defineGlobal('tools', toolsNamespace);
