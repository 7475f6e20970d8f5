// From `start` to the end of the run.

/** Ends the program well. */
function finish(value) {
  if (current.ended) return;
  let json;
  let bytes;
  try {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      bytes = bytesOf(value);
      json = 'null';
    } else {
      warnOfLostNumbers(value);
      json = strictJson(value === undefined ? null : value, 'result');
    }
  } catch (error) {
    failWith(error);
    return;
  }
  const code = Number(processState.exitCode ?? 0);
  if (code !== 0) {
    endWithCode(code);
    return;
  }
  processEvents.emit('exit', 0);
  turnOver();
  current.ended = true;
  pending.clear();
  if (bytes === undefined) native.done(json);
  else native.done(json, bytes);
}

/** JSON writes NaN as null: that is said aloud, and no reason to lose the rest of a result. */
function warnOfLostNumbers(value) {
  let found = typeof value === 'number' && !Number.isFinite(value);
  if (isObject(value)) {
    try {
      JSON.stringify(value, (key, item) => {
        if (typeof item === 'number' && !Number.isFinite(item)) found = true;
        return item;
      });
    } catch {
      return;
    }
  }
  if (found) printLog('warn', 'The result holds NaN or Infinity, which JSON cannot hold: it is null there.');
}

/** Ends the program with what was thrown. */
function failWith(error) {
  if (current.ended) return;
  const failure = { kind: 'error', name: 'Error', message: '' };
  if (isError(error)) {
    try {
      failure.name = String(error.name);
      failure.message = String(error.message);
      failure.stack = stackWithCauses(error);
    } catch (broken) {
      failure.message = errorHeader(broken);
    }
    if (error.code !== undefined && typeof error.code !== 'object') failure.code = String(error.code);
  } else {
    failure.message = typeof error === 'string' ? error : inspect(error);
  }
  end(failure);
}

/** The longest text of an error that is kept: what a program throws may be as large as its memory. */
const ERROR_TEXT = 1 << 16;

const shortened = (_, value) => (typeof value !== 'string' || value.length <= ERROR_TEXT ? value
  : `${value.slice(0, ERROR_TEXT)}… (${value.length} characters)`);

function end(failure) {
  turnOver();
  current.ended = true;
  pending.clear();
  let json;
  try {
    json = JSON.stringify(failure, shortened);
  } catch {
    // Nothing is left to say it with, and it must be said.
    json = '{"kind":"error","name":"InternalError","message":"out of memory"}';
  }
  native.fail(json);
}

function stackWithCauses(error) {
  let text = typeof error.stack === 'string' && error.stack ? error.stack : errorHeader(error);
  let cause = error.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < 8; depth++) {
    text += `\n  [cause]: ${isError(cause) ? (cause.stack || errorHeader(cause)).replaceAll('\n', '\n  ') : inspect(cause)}`;
    cause = isError(cause) ? cause.cause : undefined;
    if (text.length > ERROR_TEXT) break;
  }
  if (Array.isArray(error.errors)) {
    error.errors.slice(0, 8).forEach((inner, i) => {
      text += `\n  [errors][${i}]: ${isError(inner) ? (inner.stack || errorHeader(inner)).replaceAll('\n', '\n  ') : inspect(inner)}`;
    });
  }
  return text;
}

/** `process.exit(code)` with a code that says failure. */
function endWithCode(code) {
  processEvents.emit('exit', code);
  end({ kind: 'error', name: 'ExitError', message: `the program ended itself with exit code ${code}`, code: String(code), exitCode: code });
}

/** An error that nobody caught. */
function uncaught(error) {
  if (error === exitSignal || current.ended) return;
  if (processEvents.listenerCount('uncaughtException') > 0) {
    try {
      processEvents.emit('uncaughtException', error, 'uncaughtException');
      return;
    } catch (again) {
      error = again;
    }
  }
  failWith(error);
}

function unhandled(reasons) {
  for (const reason of reasons) {
    if (current.ended) return;
    if (reason === exitSignal) continue;
    if (processEvents.listenerCount('unhandledRejection') > 0) {
      macrotask(() => processEvents.emit('unhandledRejection', reason, Promise.resolve()));
    } else {
      uncaught(reason);
    }
  }
}

function listTools(names) {
  return names.length ? `It has: ${names.join(', ')}.` : 'It has none.';
}

/** Chooses the method of an instance or object. */
function chooseTool(target, method, what) {
  const tools = toolNames(target);
  if (method !== undefined) {
    if (tools.includes(method)) return method;
    // The platform calls it with an event.
    if (howCalled(method)?.listens && typeof target[method] === 'function') return method;
    const hidden = notTools.has(method) || method.startsWith('_') ? `'${method}' of ${what} is not a tool.`
      : `${what} has no method '${method}'.`;
    throw new TypeError(`${hidden} ${listTools(tools)}`);
  }
  if (tools.length === 1) return tools[0];
  const usual = ['run', 'main'].find((name) => tools.includes(name));
  if (usual) return usual;
  throw new TypeError(tools.length === 0 ? `${what} has no method to run.`
    : `${what} has several methods: say which one to run. ${listTools(tools)}`);
}

/** Waits for a result, and drives it if it is a generator. */
async function settle(result) {
  const value = await result;
  return isGenerator(value) ? driveGenerator(value) : value;
}

/** The parameters of a method, from the object of its arguments. */
function bound(how, params) {
  if (how?.kind === 'none') return [];
  if (how?.kind === 'object' && how.optional && Object.keys(params).length === 0) return [];
  if (how?.kind !== 'positional') return [params];
  const args = how.params.map((name) => (Object.hasOwn(params, name) ? params[name] : undefined));
  if (how.rest) args.push(...(args.pop() ?? []));
  while (args.length && args[args.length - 1] === undefined) args.pop();
  return args;
}

/** What is known of a method beside its code. */
const howCalled = (method) =>
  (method !== undefined && Object.hasOwn(current.about.methods ?? {}, method) ? current.about.methods[method] : undefined);

/** What the class's constructor is given: configuration, what it has its tools from, and members of its state. */
function injected(state) {
  const values = (current.about.inject ?? []).map(({ name, type, required, injection }) => {
    switch (injection.kind) {
      case 'mcp': return toolServer(injection.name);
      case 'photon': return photonNamed(injection.photon, injection.instance);
      case 'state': return state?.[injection.key];
      default: return configured(name, type, required, injection.variable);
    }
  });
  while (values.length && values[values.length - 1] === undefined) values.pop();
  return values;
}

/** A parameter of the constructor out of the environment; `undefined` for one that may be left out. */
function configured(name, type, required, variable) {
  let text = null;
  try {
    text = performSync('env.get', { name: variable }).value;
  } catch (error) {
    if (required) throw error;
  }
  if (text === null) {
    if (!required) return undefined;
    throw new Error(`the photon needs ${name}: set the environment variable ${variable}, and allow it: --allow-env=${variable}`);
  }
  if (type === 'number') {
    const number = Number(text);
    if (text.trim() === '' || Number.isNaN(number)) throw new TypeError(`the environment variable ${variable} is no number`);
    return number;
  }
  return type === 'boolean' ? /^(1|true|yes|on)$/i.test(text) : text;
}

/** Members of the state that the constructor is given and the instance keeps under the same names. */
const stateKeys = () => (current.about.inject ?? [])
  .filter(({ injection }) => injection.kind === 'state').map(({ injection }) => injection.key);

/** What the photon's state is kept under, and the version that was loaded: nobody else may change it in between. */
class KeptState {
  #place = { photon: photonName(), instance: current.instance };
  #version;

  async load() {
    const loaded = await perform('state.load', { ...this.#place, hold: true });
    this.#version = loaded.version;
    return loaded.state;
  }
  async save(state) {
    const place = { ...this.#place, ...(this.#version === undefined ? {} : { version: this.#version }) };
    const json = strictJson(state, 'state', 'state');
    await request(CALL, `{"op":"state.save","args":${JSON.stringify(place).slice(0, -1)},"state":${json}}}`,
      { what: { op: 'state.save' } });
  }
}

const settingsPlace = () => ({ photon: photonName(), instance: `${current.instance}.settings` });

/** Puts what a person has set in the place of what the class says. */
async function loadSettings(settings) {
  const saved = (await perform('state.load', settingsPlace())) ?? {};
  for (const name of Object.keys(settings)) if (Object.hasOwn(saved, name)) settings[name] = saved[name];
}

/** The tool `settings`: keeps what is given, and shows all of them. */
async function changeSettings(settings, changes) {
  if (Object.keys(changes).length > 0) {
    Object.assign(settings, changes);
    await changeState(settingsPlace(), (saved) => Object.assign(saved, changes));
  }
  return settings;
}

async function runClass(Class, method, params) {
  const what = `class ${Class.name || '(anonymous)'}`;
  const how = howCalled(method);
  if (how?.static) return settle(Class[method](...bound(how.args, params)));
  const keys = stateKeys();
  const kept = new KeptState();
  const early = keys.length ? await kept.load() : null;
  const photon = lendPhoton(new Class(...injected(early)));
  if (current.about.settings && isObject(photon.settings)) {
    await loadSettings(photon.settings);
    if (method === 'settings') return changeSettings(photon.settings, params ?? {});
  }
  const tool = chooseTool(photon, method, what);
  const keepsState = typeof photon.getState === 'function';
  if (keepsState && typeof photon.setState === 'function') {
    const state = keys.length ? early : await kept.load();
    if (state !== null) await photon.setState(state);
  }
  const args = bound(howCalled(tool)?.args, params);
  const result = await initialized(photon, () => settle(photon[tool](...args)));
  if (keepsState) await kept.save(await photon.getState());
  else if (keys.length) await kept.save(Object.fromEntries(keys.map((key) => [key, photon[key] ?? null])));
  await photon.onShutdown?.();
  return result;
}

/** `onInitialize`, then `work`; if that fails, `onShutdown` is called as well, and the first error counts. */
async function initialized(photon, work) {
  try {
    await photon.onInitialize?.();
    return await work();
  } catch (error) {
    if (error !== exitSignal) {
      try {
        await photon.onShutdown?.();
      } catch (second) {
        printLog('warn', `onShutdown failed after the method had failed: ${isError(second) ? errorHeader(second) : inspect(second)}`);
      }
    }
    throw error;
  }
}

/** Runs the function, class or object that the entry module exports. */
async function runExports(namespace, method, params) {
  const main = entryExport(namespace);
  const named = method !== undefined && Object.hasOwn(namespace, method) && method !== 'default' ? namespace[method] : undefined;
  if (isClass(main)) return runClass(main, method, params);
  if (typeof main === 'function') {
    if (method === undefined || [main.name, 'default', 'run', 'main'].includes(method)) return settle(main(params));
    if (typeof named === 'function') return settle(named(params));
    throw new TypeError(`the program has no method '${method}'. ${listTools([main.name || 'default', ...exportedFunctions(namespace)])}`);
  }
  if (isObject(main) && !(main instanceof Promise)) {
    if (toolNames(main).length || method !== undefined) {
      const tool = chooseTool(main, method, 'the default export');
      return settle(main[tool](params));
    }
    return main;
  }
  if (main !== undefined) return settle(main);
  if (method !== undefined) {
    if (typeof named === 'function') return isClass(named) ? runClass(named, undefined, params) : settle(named(params));
    throw new TypeError(`the program has no method '${method}'. ${listTools(exportedFunctions(namespace))}`);
  }
  for (const name of ['main', 'run']) {
    if (Object.hasOwn(namespace, name) && typeof namespace[name] === 'function') return settle(namespace[name](params));
  }
  return NO_EXPORT;
}

const NO_EXPORT = Symbol('the evaluation of the module is the program');

/** A CommonJS entry has its exports as `default`. */
function entryExport(namespace) {
  const main = Object.hasOwn(namespace, 'default') ? namespace.default : undefined;
  if (isObject(main) && main.__esModule === true && main.default !== undefined) return main.default;
  // `module.exports` that nobody touched is no export.
  if (main !== undefined && !commonjsUntouched(main)) return main;
  // A photon may export its class by name only.
  const named = current.about.class;
  return named !== undefined && Object.hasOwn(namespace, named) ? namespace[named] : undefined;
}

const exportedFunctions = (namespace) => Object.keys(namespace).filter((name) => typeof namespace[name] === 'function' && name !== 'default');

async function runProgram({ method, params, entry }) {
  const namespace = await native.importModule(entry);
  current.namespace = namespace;
  if (testsRegistered()) await runTests();
  const result = await runExports(namespace, method, params ?? {});
  if (result !== NO_EXPORT) return { result };
  return { evaluated: true };
}

function start({ method, params, run, entry, instance = 'default', about = {} }) {
  Object.assign(current, { run, entry, method: method ?? undefined, instance, about, startedAt: native.now() });
  defineNamespaces(about.namespaces ?? []);
  runProgram({ method: current.method, params, entry }).then(
    (outcome) => {
      if (outcome.evaluated) current.evaluated = true;
      else finish(outcome.result);
    },
    (error) => {
      if (error !== exitSignal) failWith(error);
    },
  );
  drainTicks();
}

const somethingHolds = () => [...pending.values()].some((waiting) => !waiting.idle);

/** The turn is over: a program that is its module's evaluation ends when nothing is left to wait for. */
function idle() {
  if (current.ended) return;
  turnOver();
  if (current.evaluated) {
    if (somethingHolds()) return;
    processEvents.emit('beforeExit', 0);
    if (!somethingHolds()) finish(undefined);
    return;
  }
  if (pending.size > 0) return;
  const where = suspendedPlaces();
  end({
    kind: 'deadlock', name: 'Error',
    message: 'The program waits for something that will never happen: no timer, call, question or signal is open'
      + `${where.length ? `. It waits at ${where.slice(0, 3).join(', ')}` : ''}.`,
  });
}

/** A fork has its own id; the rest goes on. */
function reseed(run) {
  current.run = run;
}
