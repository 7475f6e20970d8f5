// The base class of photons, ambient and from `@portel/photon-core`.

/** `file:///x/weekly-report.photon.ts` → `weekly-report`. */
function photonName() {
  const file = current.entry.slice(current.entry.lastIndexOf('/') + 1);
  return file.replace(/\.photon(?=\.[cm]?[jt]sx?$)/, '').replace(/\.[cm]?[jt]sx?$/, '') || 'main';
}

const photonLocks = new Map();

/** One after the other within this run; others wait for their turn. */
async function withLock(name, body) {
  requireFunction(body, 'fn');
  const before = photonLocks.get(name) ?? Promise.resolve();
  const turn = Promise.withResolvers();
  photonLocks.set(name, turn.promise);
  await before;
  try {
    return await body();
  } finally {
    if (photonLocks.get(name) === turn.promise) photonLocks.delete(name);
    turn.resolve();
  }
}

function needsDaemon(what, why) {
  return codedError(Error, 'ERR_NEEDS_DAEMON', `${what} needs the daemon: ${why}. Start it with 'quicksave daemon'.`);
}

/** Values that outlive a run, kept beside the photon's state. */
class PhotonMemory {
  #photon;
  #instance;

  constructor(photon, instance) {
    this.#photon = photon;
    this.#instance = instance;
  }

  async #load() {
    return (await perform('state.load', { photon: this.#photon(), instance: this.#instance })) ?? {};
  }
  async #save(all) {
    await perform('state.save', { photon: this.#photon(), instance: this.#instance, state: all });
  }
  /** Changes of one run happen one after the other, so that none is lost. */
  #change(change) {
    return withLock(`memory ${this.#photon()}`, async () => {
      const all = await this.#load();
      const result = await change(all);
      await this.#save(all);
      return result;
    });
  }

  async get(key) {
    const all = await this.#load();
    return Object.hasOwn(all, key) ? all[key] : null;
  }
  async set(key, value) {
    const json = strictJson(value, `memory value ${JSON.stringify(String(key))}`, 'state');
    await this.#change((all) => { all[key] = JSON.parse(json); });
  }
  delete(key) {
    return this.#change((all) => {
      const had = Object.hasOwn(all, key);
      delete all[key];
      return had;
    });
  }
  async has(key) { return Object.hasOwn(await this.#load(), key); }
  async keys() { return Object.keys(await this.#load()); }
  async getAll() { return this.#load(); }
  async clear() { await this.#change((all) => { for (const key of Object.keys(all)) delete all[key]; }); }
  update(key, change) {
    return this.#change(async (all) => {
      const value = await change(Object.hasOwn(all, key) ? all[key] : null);
      all[key] = JSON.parse(strictJson(value, `memory value ${JSON.stringify(String(key))}`, 'state'));
      return value;
    });
  }
}

const scheduleNeedsDaemon = Object.fromEntries(
  ['create', 'list', 'get', 'pause', 'resume', 'cancel', 'update', 'has'].map((method) => [method, async () => {
    throw needsDaemon(`this.schedule.${method}()`, 'schedules are kept and started by it');
  }]));

class Photon {
  #memory;

  /** Publishes an event, or shows an emit of the yield protocol. */
  async emit(event, data) {
    if (typeof event === 'string') emitEffect('event', undefined, { type: event, data });
    else if (isEmitYield(event)) emitYield(event);
    else emitEffect('event', typeof event?.message === 'string' ? event.message : undefined, event);
  }

  /** Calls a method of another photon. */
  async call(target) {
    throw needsDaemon(`this.call('${target}')`, 'other photons are reached through it');
  }

  withLock(name, body) { return withLock(String(name), body); }

  get memory() {
    this.#memory ??= new PhotonMemory(photonName, 'memory');
    return this.#memory;
  }

  get schedule() { return scheduleNeedsDaemon; }

  /** The photon's own folder, made if it is not there. */
  storage(...parts) {
    const { path, fs } = platformModules;
    const folder = path.join(processInfo().homedir, '.photon', 'data', photonName());
    const inside = path.join(folder, ...parts.map(String));
    if (inside !== folder && !inside.startsWith(`${folder}/`)) {
      throw new RangeError(`storage('${parts.join("', '")}') is outside the photon's folder`);
    }
    fs.mkdirSync(inside, { recursive: true });
    return inside;
  }

  async onInitialize() {}
  async onShutdown() {}
}

defineGlobal('Photon', Photon);

/** Never tools, whatever class declares them. */
const notTools = new Set(['constructor', 'getState', 'setState', 'onNotification', 'onInitialize', 'onShutdown',
  'executeTool', 'configure', 'getConfig', 'then', 'toString', 'toJSON', 'valueOf']);

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
