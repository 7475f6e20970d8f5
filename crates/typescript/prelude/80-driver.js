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

function end(failure) {
  turnOver();
  current.ended = true;
  pending.clear();
  native.fail(JSON.stringify(failure));
}

function stackWithCauses(error) {
  let text = typeof error.stack === 'string' && error.stack ? error.stack : errorHeader(error);
  let cause = error.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < 8; depth++) {
    text += `\n  [cause]: ${isError(cause) ? (cause.stack || errorHeader(cause)).replaceAll('\n', '\n  ') : inspect(cause)}`;
    cause = isError(cause) ? cause.cause : undefined;
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

async function runClass(Class, method, params) {
  const what = `class ${Class.name || '(anonymous)'}`;
  const photon = lendPhoton(new Class());
  const tool = chooseTool(photon, method, what);
  const keepsState = typeof photon.getState === 'function';
  const name = photonName();
  if (keepsState && typeof photon.setState === 'function') {
    const state = await perform('state.load', { photon: name, instance: 'default' });
    if (state !== null) await photon.setState(state);
  }
  const result = await initialized(photon, () => settle(photon[tool](params)));
  if (keepsState) {
    const state = strictJson(await photon.getState(), 'state', 'state');
    await request(CALL, `{"op":"state.save","args":{"photon":${JSON.stringify(name)},"instance":"default","state":${state}}}`,
      { what: { op: 'state.save' } });
  }
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
  return commonjsUntouched(main) ? undefined : main;
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

function start({ method, params, run, entry }) {
  Object.assign(current, { run, entry, method: method ?? undefined, startedAt: native.now() });
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
