// The rest of `@portel/photon-core`: run logs as files, and generators driven by hand. A photon that runs here needs
// none of it to be durable; it is there for code that manages runs itself.

/** The folder of runs, asked when it is used: the machine knows it. */
const runsFolder = () => posixPath.join(photonHome(), 'runs');

function generateRunId() {
  return `run_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8).padEnd(6, '0')}`;
}

/** A run id names a file: nothing else may be reached by one. */
function runFile(runId, folder) {
  if (typeof runId !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(runId)) {
    throw new TypeError(`${inspect(runId)} is not a run id: 1 to 128 letters, digits, '_' or '-'`);
  }
  return posixPath.join(folder ?? runsFolder(), `${runId}.jsonl`);
}

/** Both forms of the log as the newer one. */
function normalizeEntry(entry) {
  if (entry.t !== undefined || entry.type === undefined) return entry;
  const { type, timestamp, ...rest } = entry;
  return { t: type, ...rest, ts: Date.parse(timestamp) };
}

class StateLog {
  #path;
  constructor(runId, folder) {
    this.#path = runFile(runId, folder);
  }
  async init() { await fsPromises.mkdir(posixPath.dirname(this.#path), { recursive: true }); }
  async append(entry) { await fsPromises.appendFile(this.#path, `${JSON.stringify({ ...entry, ts: Date.now() })}\n`); }
  writeStart(tool, params) { return this.append({ t: 'start', tool, params }); }
  writeEmit(emit, message, data) { return this.append({ t: 'emit', emit, message, data }); }
  writeCheckpoint(id, state) { return this.append({ t: 'checkpoint', id, state }); }
  writeAsk(id, ask, message) { return this.append({ t: 'ask', id, ask, message }); }
  writeAnswer(id, value) { return this.append({ t: 'answer', id, value }); }
  writeReturn(value) { return this.append({ t: 'return', value }); }
  writeError(message, stack) { return this.append({ t: 'error', message, stack }); }
  async readAll() {
    let text;
    try {
      text = await fsPromises.readFile(this.#path, 'utf8');
    } catch (error) {
      if (error.code === 'ENOENT') return [];
      throw error;
    }
    const lines = text.split('\n');
    const entries = [];
    for (const [i, line] of lines.entries()) {
      if (line.trim() === '') continue;
      try {
        entries.push(normalizeEntry(JSON.parse(line)));
      } catch {
        // A crash in the middle of an append leaves a last line that is not whole: it never happened.
        if (i >= lines.length - 2 && !text.endsWith(`${line}\n`)) break;
        throw new SyntaxError(`${this.#path}:${i + 1} is not a log entry`);
      }
    }
    return entries;
  }
  async *stream() { yield* await this.readAll(); }
  getPath() { return this.#path; }
}

async function parseResumeState(runId, folder) {
  const entries = await new StateLog(runId, folder).readAll();
  if (entries.length === 0) return null;
  const state = { tool: '', params: {}, isComplete: false, answers: {}, entries };
  for (const entry of entries) {
    switch (entry.t) {
      case 'start':
        state.tool = entry.tool;
        state.params = entry.params;
        break;
      case 'checkpoint': state.lastCheckpoint = { id: entry.id, state: entry.state, ts: entry.ts }; break;
      case 'answer': state.answers[entry.id] = entry.value; break;
      case 'return':
        state.isComplete = true;
        state.result = entry.value;
        break;
      case 'error':
        state.isComplete = true;
        state.error = entry.message;
        break;
      default:
    }
  }
  return state;
}

async function getRunInfo(runId, folder) {
  const state = await parseResumeState(runId, folder);
  if (!state) return null;
  const first = state.entries[0];
  const last = state.entries[state.entries.length - 1];
  const waiting = () => {
    const asks = state.entries.filter((entry) => entry.t === 'ask').length;
    return asks > state.entries.filter((entry) => entry.t === 'answer').length;
  };
  // An empty message is a failure all the same, and `false` is an answer.
  const status = state.isComplete ? ('error' in state ? 'failed' : 'completed') : waiting() ? 'waiting' : 'running';
  return {
    runId, photon: first.photon ?? '', tool: state.tool, params: state.params, status, startedAt: first.ts, updatedAt: last.ts,
    completedAt: state.isComplete ? last.ts : undefined, result: state.result, error: state.error, lastCheckpoint: state.lastCheckpoint,
  };
}

async function listRuns(folder) {
  let files;
  try {
    files = await fsPromises.readdir(folder ?? runsFolder());
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  const runs = [];
  for (const file of files) {
    const runId = file.replace(/\.jsonl$/, '');
    if (runId === file || !/^[A-Za-z0-9_-]{1,128}$/.test(runId)) continue;
    try {
      const run = await getRunInfo(runId, folder);
      if (run) runs.push(run);
    } catch (error) {
      // One damaged log hides no other.
      if (!(error instanceof SyntaxError)) throw error;
      runs.push({ runId, photon: '', tool: '', params: {}, status: 'corrupt', startedAt: 0, updatedAt: 0, error: error.message });
    }
  }
  return runs.sort((a, b) => b.startedAt - a.startedAt);
}

async function deleteRun(runId, folder) { await fsPromises.unlink(runFile(runId, folder)); }

async function cleanupRuns(maxAge, folder) {
  const before = Date.now() - maxAge;
  let deleted = 0;
  for (const run of await listRuns(folder)) {
    if (['completed', 'failed'].includes(run.status) && run.updatedAt < before) {
      await deleteRun(run.runId, folder);
      deleted += 1;
    }
  }
  return deleted;
}

/**
 * Drives a generator with a log of its own. Resuming runs the generator again up to its last checkpoint, as the
 * ecosystem's function does; occurrences are counted, so that a repeated id (a loop) finds its own.
 */
async function executeStatefulGenerator(makeGenerator, config) {
  const runId = config.runId ?? generateRunId();
  const log = new StateLog(runId, config.runsDir);
  await log.init();
  const before = config.resume ? await parseResumeState(runId, config.runsDir) : null;
  if (before?.isComplete) {
    const failed = 'error' in before;
    return { runId, result: before.result, ...(failed ? { error: before.error } : {}), resumed: true, status: failed ? 'failed' : 'completed' };
  }
  if (!before) await log.append({ t: 'start', tool: config.tool, params: config.params, ...(config.photon ? { photon: config.photon } : {}) });
  const resumed = before !== null;
  try {
    const made = makeGenerator();
    const result = isGenerator(made) ? await driveLogged(made, log, config, before) : await made;
    await log.writeReturn(result === undefined ? null : result);
    return { runId, result, resumed, status: 'completed' };
  } catch (error) {
    const message = isError(error) ? error.message : inspect(error);
    await log.writeError(message, error?.stack);
    return { runId, error: message, resumed, status: 'failed' };
  }
}

async function driveLogged(generator, log, config, before) {
  const past = (before?.entries ?? []).filter((entry) => ['checkpoint', 'ask', 'answer'].includes(entry.t));
  const checkpoints = past.filter((entry) => entry.t === 'checkpoint');
  const answers = past.filter((entry) => entry.t === 'answer');
  let [seenCheckpoints, seenAsks] = [0, 0];
  let replaying = checkpoints.length > 0;
  let step = await generator.next();
  while (!step.done) {
    const value = await step.value;
    let reply;
    if (isCheckpointYield(value)) {
      const { id, state } = checkpointOf(value);
      const recorded = checkpoints[seenCheckpoints];
      const name = id ?? `cp_${seenCheckpoints}`;
      seenCheckpoints += 1;
      if (recorded) reply = recorded.state;
      else {
        await log.writeCheckpoint(name, state);
        reply = state;
      }
      if (seenCheckpoints >= checkpoints.length) replaying = false;
    } else if (isAskYield(value)) {
      const name = value.id ?? `ask_${seenAsks}`;
      const recorded = answers[seenAsks];
      seenAsks += 1;
      if (recorded) reply = recorded.value;
      else {
        await log.writeAsk(name, value.ask, value.message ?? '');
        reply = config.inputProvider ? await config.inputProvider(value) : await askPerson(value);
        await log.writeAnswer(name, reply);
      }
    } else if (isEmitYield(value) && !replaying) {
      await log.writeEmit(value.emit, value.message, value);
      if (config.outputHandler) await config.outputHandler(value);
      else emitYield(value);
    }
    step = await generator.next(reply);
  }
  return step.value;
}

/** Runs a function or generator; with a log if it yields. */
async function maybeStatefulExecute(makeGenerator, config = {}) {
  const made = makeGenerator();
  if (!isGenerator(made)) return { result: await made, resumed: false, isStateful: false, status: 'completed' };
  const outcome = await executeStatefulGenerator(() => made, {
    photon: photonName(), tool: current.method ?? 'run', params: {}, ...config,
  });
  return { ...outcome, isStateful: true };
}

const askHelper = (kind) => (message, options = {}) => ({ ask: kind, message, ...options });
const io = {
  ask: {
    text: askHelper('text'), password: askHelper('password'), confirm: askHelper('confirm'), number: askHelper('number'),
    file: askHelper('file'), date: askHelper('date'),
    select: (message, options, rest = {}) => ({ ask: 'select', message, options, ...rest }),
    form: (message, schema, rest = {}) => ({ ask: 'form', message, schema, ...rest }),
    url: (message, url, rest = {}) => ({ ask: 'url', message, url, ...rest }),
  },
  emit: {
    status: (message, type = 'info') => ({ emit: 'status', message, type }),
    progress: (value, message, rest = {}) => ({ emit: 'progress', value, ...(message === undefined ? {} : { message }), ...rest }),
    stream: (data, final = false) => ({ emit: 'stream', data, final }),
    log: (message, options = {}) => ({ emit: 'log', message, ...(typeof options === 'string' ? { level: options } : { level: 'info', ...options }) }),
    toast: (message, options = {}) => ({ emit: 'toast', message, ...(typeof options === 'string' ? { type: options } : { type: 'info', ...options }) }),
    thinking: (active = true) => ({ emit: 'thinking', active }),
    artifact: (type, options = {}) => ({ emit: 'artifact', type, ...options }),
    ui: (id, options = {}) => ({ emit: 'ui', id, ...options }),
    qr: (message, value, options = {}) => ({ emit: 'qr', message, value, ...options }),
    render: (format, value) => ({ emit: 'render', format, value }),
  },
};

/** Thrown where a generator asks and nobody is there to answer. */
class NeedsInputError extends Error {
  name = 'NeedsInputError';
  constructor(ask) {
    super(`Input is needed: ${ask?.message ?? ask?.ask}`);
    this.ask = ask;
  }
}

/** Answers from a list by id, or by position (`ask_0`); `otherwise` answers the rest. */
function createPrefilledProvider(inputs, otherwise) {
  let asked = 0;
  return async (ask) => {
    const name = ask.id ?? `ask_${asked}`;
    asked += 1;
    if (Object.hasOwn(inputs, name)) return inputs[name];
    if (otherwise) return otherwise(ask);
    if (ask.default !== undefined) return ask.default;
    throw new NeedsInputError(ask);
  };
}

/** Drives a generator; asks and emits go where `config` says, and else where they always go. */
async function executeGenerator(generator, { inputProvider, outputHandler } = {}) {
  let step = await generator.next();
  while (!step.done) {
    const value = await step.value;
    let reply;
    if (isAskYield(value) && inputProvider) reply = await inputProvider(value);
    else if (isEmitYield(value) && outputHandler) reply = void await outputHandler(value);
    else reply = await answerYield(value);
    step = await generator.next(reply);
  }
  return step.value;
}

class PhotonError extends Error {
  constructor(message, code, details, suggestion) {
    super(message);
    Object.assign(this, { name: this.constructor.name, code, details, suggestion });
  }
}
class ValidationError extends PhotonError {
  constructor(message, details, suggestion) { super(message, 'VALIDATION_ERROR', details, suggestion); }
}

const durationUnits = { ms: 1, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000, hr: 3_600_000, d: 86_400_000, day: 86_400_000 };

/** `5m` → milliseconds; a number is milliseconds. */
function parseDuration(text) {
  const [, number, unit] = /^\s*([\d.]+)\s*([a-z]*)\s*$/i.exec(String(text)) ?? [];
  const ms = Number(number) * (unit ? durationUnits[unit.toLowerCase()] : 1);
  if (Number.isNaN(ms)) throw new TypeError(`${inspect(text)} is no time: write a number with ms, s, m, h or d after it`);
  return ms;
}

/** `10/min` → `{count, windowMs}`. */
function parseRate(text) {
  const [, count, unit] = /^\s*(\d+)\s*\/\s*([a-z]+)\s*$/i.exec(String(text)) ?? [];
  const windowMs = durationUnits[unit?.toLowerCase()];
  if (!windowMs) throw new TypeError(`${inspect(text)} is no rate: write a number and a unit, as in 10/min`);
  return { count: Number(count), windowMs };
}

const photonCore = {
  Photon, PhotonMCP: Photon, withPhotonCapabilities, StateLog, generateRunId, parseResumeState, executeStatefulGenerator, maybeStatefulExecute,
  listRuns, getRunInfo, deleteRun, cleanupRuns, isCheckpointYield, isAskYield, isEmitYield,
  isStatefulCheckpointYield: isCheckpointYield, getAskType: (value) => value?.ask, getEmitType: (value) => value?.emit,
  isAsyncGenerator: isGenerator, isAsyncGeneratorFunction: utilTypes.isGeneratorFunction, io, ask: io.ask, emit: io.emit,
  executeGenerator, createPrefilledProvider, NeedsInputError, withLock, parseDuration, parseRate, PhotonError, ValidationError,
  wrapAsGenerator: async function* wrapAsGenerator(make) { return await make(); },
  MemoryProvider: PhotonMemory, ScheduleProvider: PhotonSchedule, ReactiveArray, ReactiveMap, ReactiveSet, Collection,
  Array: ReactiveArray, Map: ReactiveMap, Set: ReactiveSet,
  PhotonUIType, isPhotonUIType, Table, Chart, Stats: PhotonStats, Cards, Progress, Form, Field,
  getFieldValue: memberAt, formatFieldLabel: fieldLabel, renderFieldToText: fieldText,
};
Object.defineProperty(photonCore, 'RUNS_DIR', { get: runsFolder, enumerable: true });
Object.defineProperty(photonCore, 'DEFAULT_PHOTON_DIR', { get: photonHome, enumerable: true });
defineBuiltin('@portel/photon-core', photonCore);

// Ambient, as the base class is: seed programs import nothing.
defineGlobal('io', io);
