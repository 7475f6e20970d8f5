// The base class of photons, ambient and from `@portel/photon-core`.

/** `file:///x/weekly-report.photon.ts` → `weekly-report`. */
function photonName() {
  if (current.about.photon) return current.about.photon;
  const file = current.entry.slice(current.entry.lastIndexOf('/') + 1);
  return file.replace(/\.photon(?=\.[cm]?[jt]sx?$)/, '').replace(/\.[cm]?[jt]sx?$/, '') || 'main';
}

const instanceName = () => current.instance ?? 'default';

/** The folder of runs, states and data. */
const photonHome = () => processInfo().home ?? platformModules.path.join(processInfo().homedir, '.photon');

const turns = new Map();

/** One after the other within this run; others wait for their turn. */
async function inTurn(what, body) {
  const before = turns.get(what) ?? Promise.resolve();
  const turn = Promise.withResolvers();
  turns.set(what, turn.promise);
  await before;
  try {
    return await body();
  } finally {
    if (turns.get(what) === turn.promise) turns.delete(what);
    turn.resolve();
  }
}

/** Nobody else has the lock while `body` works, in this run or in another. `timeout`: how long to wait for other runs. */
async function withLock(name, body, timeout) {
  requireFunction(body, 'fn');
  const lock = { name: String(name) };
  return inTurn(`lock ${lock.name}`, async () => {
    await perform('lock.take', timeout === undefined ? lock : { ...lock, timeout });
    try {
      return await body();
    } finally {
      await perform('lock.release', lock);
    }
  });
}

/**
 * Changes what is kept in `place`: `change` gets it as an object to change, and nobody else has it meanwhile, in this run
 * or in another. If the run stood still in between and another has changed it, `change` is called again.
 */
function changeState(place, change) {
  return inTurn(`state ${place.photon} ${place.instance}`, async () => {
    for (;;) {
      const { state, version } = await perform('state.load', { ...place, hold: true });
      const all = state ?? {};
      const before = JSON.stringify(all);
      let changed = false;
      let result;
      try {
        result = await change(all);
        changed = JSON.stringify(all) !== before;
      } finally {
        if (!changed) await perform('state.release', place);
      }
      if (!changed) return result;
      try {
        await perform('state.save', { ...place, version, state: all });
        return result;
      } catch (error) {
        if (error.code !== 'ERR_STATE_CHANGED') throw error;
      }
    }
  });
}

/** The state of other instances and the values all photons share have names of their own. */
const memoryScopes = {
  photon: () => ({ photon: photonName(), instance: 'memory' }),
  session: () => ({ photon: photonName(), instance: `memory.session.${instanceName()}` }),
  global: () => ({ photon: '_shared', instance: 'memory' }),
};

/** `object[name] = value`, for any name. */
function setOwn(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Values that outlive a run, kept beside the photon's state. */
class PhotonMemory {
  static #place(scope = 'photon') {
    if (!Object.hasOwn(memoryScopes, scope)) throw new RangeError(`memory has the scopes photon, session and global, not ${inspect(scope)}`);
    return memoryScopes[scope]();
  }

  static async #load(scope) {
    return (await perform('state.load', PhotonMemory.#place(scope))) ?? {};
  }
  static #change(scope, change) { return changeState(PhotonMemory.#place(scope), change); }

  async get(key, scope) {
    const all = await PhotonMemory.#load(scope);
    return Object.hasOwn(all, key) ? all[key] : null;
  }
  async set(key, value, scope) {
    const json = strictJson(value, `memory value ${JSON.stringify(String(key))}`, 'state');
    await PhotonMemory.#change(scope, (all) => setOwn(all, key, JSON.parse(json)));
  }
  async delete(key, scope) {
    return PhotonMemory.#change(scope, (all) => {
      const had = Object.hasOwn(all, key);
      delete all[key];
      return had;
    });
  }
  async has(key, scope) { return Object.hasOwn(await PhotonMemory.#load(scope), key); }
  async keys(scope) { return Object.keys(await PhotonMemory.#load(scope)); }
  async getAll(scope) { return PhotonMemory.#load(scope); }
  async clear(scope) { await PhotonMemory.#change(scope, (all) => { for (const key of Object.keys(all)) delete all[key]; }); }
  async update(key, change, scope) {
    return PhotonMemory.#change(scope, async (all) => {
      const value = await change(Object.hasOwn(all, key) ? all[key] : null);
      setOwn(all, key, JSON.parse(strictJson(value, `memory value ${JSON.stringify(String(key))}`, 'state')));
      return value;
    });
  }
}

/** Tasks that the daemon starts when their time has come. They belong to the photon. */
class PhotonSchedule {
  static #ask(op, args) { return perform(`schedule.${op}`, { photon: photonName(), ...args }); }

  create(options) { return PhotonSchedule.#ask('create', options); }
  get(id) { return PhotonSchedule.#ask('get', { id }); }
  async getByName(name) { return (await this.list()).find((task) => task.name === name) ?? null; }
  list(status) { return PhotonSchedule.#ask('list', status === undefined ? {} : { status }); }
  update(id, updates) { return PhotonSchedule.#ask('update', { id, ...updates }); }
  pause(id) { return PhotonSchedule.#ask('pause', { id }); }
  resume(id) { return PhotonSchedule.#ask('resume', { id }); }
  cancel(id) { return PhotonSchedule.#ask('cancel', { id }); }
  async cancelByName(name) {
    const task = await this.getByName(name);
    return task ? this.cancel(task.id) : false;
  }
  has(name) { return PhotonSchedule.#ask('has', { name }); }
  async cancelAll() {
    let cancelled = 0;
    for (const task of await this.list()) if (await this.cancel(task.id)) cancelled += 1;
    return cancelled;
  }
}

/** `billing.generate` → the photon and its method. */
function callTarget(target) {
  const dot = typeof target === 'string' ? target.lastIndexOf('.') : -1;
  if (dot < 1 || dot === target.length - 1) {
    throw new TypeError(`call() takes 'photon.method', as in 'billing.generate', not ${inspect(target)}`);
  }
  return { photon: target.slice(0, dot), method: target.slice(dot + 1) };
}

/** Runs a method of another photon as a run of its own, below this one. */
async function callPhoton(target, params = {}, instance) {
  return perform('photon.call', { ...callTarget(target), params, ...(instance === undefined ? {} : { instance }) });
}

/** Another photon: each of its methods by its name. */
const photonNamed = (name, instance) =>
  namesAsMethods({ name }, (method) => (params) => callPhoton(`${name}.${method}`, params, instance));

/** An object each of whose names is a function: `make(name)` performs it. */
function namesAsMethods(own, make) {
  return new Proxy(own, {
    get(target, name) {
      // What is awaited is asked for `then`.
      if (typeof name === 'symbol' || name === 'then' || name === 'toJSON' || Object.hasOwn(target, name)) return target[name];
      return make(name);
    },
    has: (target, name) => typeof name === 'string' || name in target,
  });
}

/** The tools of an MCP server: `call(tool, args)`, or each tool by its name. */
function toolServer(server) {
  const listed = async () => (await perform('tools.list', { source: server })) ?? [];
  const call = (tool, args = {}) => perform('tools.call', { source: server, tool, args });
  return namesAsMethods({
    name: server,
    call,
    list: listed,
    async find(query) {
      const wanted = String(query).toLowerCase();
      return (await listed()).filter((tool) => `${tool.name} ${tool.description ?? ''}`.toLowerCase().includes(wanted));
    },
  }, (tool) => (args) => call(tool, args));
}

/** `HTTPServerMCP` → `http-server`. */
const kebabName = (name) => name.replace(/MCP$/, '').replace(/([a-z0-9])([A-Z])|([A-Z]+)(?=[A-Z][a-z])/g, '$1$3-$2').replace(/-$/, '').toLowerCase();

const nobodyHolds = { holder: null };

/** Where it is kept who holds which lock. */
const lockHolders = () => ({ photon: photonName(), instance: `memory.holders.${instanceName()}` });

const heldNow = (all, name, now) => (Object.hasOwn(all, name) && all[name].expiresAt > now ? all[name] : nobodyHolds);

const anonymousCaller = { id: 'anonymous', anonymous: true };

class Photon {
  #memory;
  #schedule;

  static getMCPName() { return kebabName(this.name); }
  static getToolMethods() { return toolNames(this.prototype); }

  /** Who calls, as the run's beginning says: a client names itself, and only a token makes it more than anonymous. */
  get caller() { return { ...(current.caller ??= performSync('run.caller', {}).value ?? anonymousCaller) }; }
  /** Which of the photon's states this run uses. */
  get instanceName() { return instanceName(); }
  /** Other photons: `await this.photon.use('name', 'instance')`, then its methods. */
  get photon() {
    return {
      use: async (name, instance) => photonNamed(name, instance),
    };
  }

  /** Publishes an event, or shows an emit of the yield protocol. */
  async emit(event, data) {
    if (typeof event === 'string') {
      emitEffect('event', undefined, { type: event, data });
    } else if (isEmitYield(event)) {
      emitYield(event);
    } else if (typeof event?.channel === 'string') {
      const channel = event.channel.includes(':') ? event.channel : `${photonName()}:${event.channel}`;
      emitEffect('event', undefined, { ...event, type: event.type ?? event.event ?? 'message', channel, data: event.data ?? event });
    } else {
      emitEffect('event', typeof event?.message === 'string' ? event.message : undefined, event);
    }
  }
  /** Shows a value in a format; without arguments takes away what was shown. */
  render(format, value) { emitYield(format === undefined ? { emit: 'render:clear' } : { emit: 'render', format, value }); }

  /** Asks a person: yes or no; or what a yield of `{ ask: … }` asks. */
  confirm(message, options) { return askPerson({ ...options, ask: 'confirm', message }); }
  elicit(spec) {
    if (!isAskYield(spec)) throw argumentTypeError('spec', "an object like {ask: 'text', message: '…'}", spec);
    return askPerson(spec);
  }
  async sample() {
    throw codedError(Error, 'ERR_NOT_SUPPORTED', 'this.sample() is not there: no client lends its model to runs. '
      + "Ask a model by fetch() and grant its address (--allow-net), or call a tool of an MCP server: this.mcp('name')");
  }

  /** Calls a method of another photon: `this.call('billing.generate', { id })`. */
  call(target, params, options) { return callPhoton(target, params, options?.instance); }

  /** The tools of a configured MCP server. */
  mcp(server) { return toolServer(String(server)); }
  hasMCPAccess() { return true; }
  async listMCPServers() { return [...new Set(((await perform('tools.list', {})) ?? []).map((tool) => tool.source))]; }
  setMCPFactory() { throw new Error('setMCPFactory() has no meaning here: MCP servers come from the configuration'); }

  withLock(name, body, timeout) { return withLock(name, body, timeout); }
  /** Locks with a holder by name, for a time. They outlive runs, as the memory does. */
  acquireLock(name, holder = this.caller.id, timeout = 30_000) {
    return Photon.#changeLock(name, (held, now) => {
      if (held.holder !== null && held.holder !== String(holder)) return null;
      return { holder: String(holder), acquiredAt: held.acquiredAt ?? now, expiresAt: now + timeout };
    });
  }
  transferLock(name, to, from = this.caller.id) {
    return Photon.#changeLock(name, (held, now) => (held.holder !== String(from) ? null
      : { ...held, holder: String(to), expiresAt: now + (held.expiresAt - held.acquiredAt) }));
  }
  releaseLock(name, holder = this.caller.id) {
    return Photon.#changeLock(name, (held) => (held.holder !== String(holder) ? null : nobodyHolds));
  }
  async getLock(name) { return { ...heldNow((await perform('state.load', lockHolders())) ?? {}, String(name), Date.now()) }; }

  /** What `change` makes of a lock is kept; with null it stays as it is, and the answer is false. */
  static #changeLock(name, change) {
    return changeState(lockHolders(), (all) => {
      const now = Date.now();
      const next = change(heldNow(all, String(name), now), now);
      if (next === null) return false;
      for (const other of Object.keys(all)) if (heldNow(all, other, now) === nobodyHolds) delete all[other];
      delete all[String(name)];
      if (next !== nobodyHolds) setOwn(all, String(name), next);
      return true;
    });
  }

  get memory() { return this.#memory ??= new PhotonMemory(); }
  get schedule() { return this.#schedule ??= new PhotonSchedule(); }

  /** The photon's own folder, or one in it; made if it is not there. */
  storage(...parts) {
    const inside = belowFolder('storage', platformModules.path.join(photonHome(), 'data', photonName()), parts);
    platformModules.fs.mkdirSync(inside, { recursive: true, mode: 0o700 });
    return inside;
  }
  /** Files that come with the photon: `{its folder}/{its name}/assets`. */
  assets(...parts) {
    const { path } = platformModules;
    const file = current.entry.startsWith('file:') ? builtinModules.get('url').fileURLToPath(current.entry) : current.entry;
    return belowFolder('assets', path.join(path.dirname(file), photonName(), 'assets'), parts);
  }
  assetUrl(part = '') { return `/api/assets/${encodeURIComponent(photonName())}/${part}`; }

  /** Runs one of the photon's methods by its name; a generator is driven to its end. */
  async executeTool(name, params, { outputHandler } = {}) {
    if (!toolNames(this).includes(name)) throw new TypeError(`there is no tool '${name}'. ${listTools(toolNames(this))}`);
    const result = await this[name](params);
    return isGenerator(result) ? driveGenerator(result, outputHandler) : result;
  }

  async onInitialize() {}
  async onShutdown() {}
}

/** A path in a folder, and never out of it. */
function belowFolder(what, folder, parts) {
  const inside = platformModules.path.join(folder, ...parts.map(String));
  if (inside !== folder && !inside.startsWith(`${folder}/`)) {
    throw new RangeError(`${what}('${parts.join("', '")}') is outside the photon's folder`);
  }
  return inside;
}

defineGlobal('Photon', Photon);
defineGlobal('PhotonMCP', Photon);

/** Classes that extend nothing get what they use of `Photon` as well; their own members go first. */
function lendPhoton(instance) {
  if (instance instanceof Photon) return instance;
  const lender = new Photon();
  for (const name of Object.getOwnPropertyNames(Photon.prototype)) {
    if (['constructor', 'onInitialize', 'onShutdown'].includes(name) || name in instance) continue;
    const { get } = Object.getOwnPropertyDescriptor(Photon.prototype, name);
    Object.defineProperty(instance, name, {
      get: get ? () => lender[name] : () => Photon.prototype[name].bind(lender),
      set(value) { Object.defineProperty(instance, name, { value, writable: true, enumerable: true, configurable: true }); },
      enumerable: false,
      configurable: true,
    });
  }
  return instance;
}

/** A class with what `Photon` has, for one that extends another. */
const withPhotonCapabilities = (Base) => class extends Base {
  constructor(...args) {
    super(...args);
    lendPhoton(this);
  }
};

/** Never tools, whatever class declares them. */
const notTools = new Set(['constructor', 'getState', 'setState', 'onNotification', 'onInitialize', 'onShutdown',
  'executeTool', 'configure', 'getConfig', 'setMCPFactory', 'then', 'toString', 'toJSON', 'valueOf']);

/** The names of the methods that can be run, in the order of their declaration. */
function toolNames(target) {
  const names = [];
  const consider = (holder) => {
    for (const name of Object.getOwnPropertyNames(holder)) {
      if (notTools.has(name) || name.startsWith('_') || names.includes(name)) continue;
      const held = Object.getOwnPropertyDescriptor(holder, name);
      if (typeof held.value === 'function' && !isClass(held.value)) names.push(name);
    }
  };
  for (let at = target; at !== null && at !== Object.prototype && at !== Photon.prototype; at = Object.getPrototypeOf(at)) {
    consider(at);
  }
  return names;
}

const isClass = (value) => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
