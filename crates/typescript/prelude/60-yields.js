// The yield protocol: what a generator yields, and what the yield evaluates to.

const isCheckpointYield = (value) => isObject(value) && 'checkpoint' in value
  && value.checkpoint !== false && value.checkpoint !== null && value.checkpoint !== undefined;
const isAskYield = (value) => isObject(value) && typeof value.ask === 'string';
const isEmitYield = (value) => isObject(value) && typeof value.emit === 'string';

const isGenerator = (value) => isObject(value) && typeof value.next === 'function' && typeof value.throw === 'function'
  && (typeof value[Symbol.asyncIterator] === 'function' || typeof value[Symbol.iterator] === 'function');

/** The three shapes of a checkpoint as one: `{id, state}`. */
function checkpointOf(value) {
  const { checkpoint } = value;
  if (checkpoint === true) return { id: value.id, state: value.state ?? null };
  if (typeof checkpoint === 'string') return { id: checkpoint, state: value.data ?? value.state ?? null };
  return { id: value.id, state: checkpoint };
}

/** Records a named place; settles with `state` itself when it is on disk. */
function takeCheckpoint(id, state) {
  const head = id === undefined || id === null ? '{' : `{"id":${JSON.stringify(String(id))},`;
  return request(CHECKPOINT, `${head}"state":${lossyJson(state)}}`, { what: { id }, read: () => state });
}

/** Asks a person; settles with the answer, which is checked against the kind. */
function askPerson(spec, options) {
  const { ask: kind, id } = spec;
  const message = spec.message === undefined || spec.message === null ? '' : String(spec.message);
  const whole = spec.pattern instanceof RegExp ? { ...spec, pattern: spec.pattern.source } : spec;
  const named = id === undefined || id === null ? '' : `"id":${JSON.stringify(String(id))},`;
  const json = `{${named}"kind":${JSON.stringify(kind)},"message":${JSON.stringify(message)},"spec":${lossyJson(whole)}}`;
  return request(ASK, json, { ...options, what: { id, kind, message } });
}

/** Records and shows what an emit yield says. */
function emitYield(value) {
  if (isEmitYield(value)) {
    emitEffect(value.emit, typeof value.message === 'string' ? value.message : undefined, value);
  } else {
    emitEffect('stream', typeof value === 'string' ? value : undefined, { emit: 'stream', data: value });
  }
}

/** Does what a yield asks for; gives what the yield evaluates to. */
function answerYield(value) {
  if (isCheckpointYield(value)) {
    const { id, state } = checkpointOf(value);
    return takeCheckpoint(id, state);
  }
  if (isAskYield(value)) return askPerson(value);
  emitYield(value);
  return undefined;
}

/** Runs a generator to its end; async and plain ones alike. `show`, if there is one, is given the emits instead. */
async function driveGenerator(generator, show) {
  let step = await generator.next();
  while (!step.done) {
    let reply;
    try {
      const value = await step.value;
      reply = show && isEmitYield(value) ? await show(value) : await answerYield(value);
    } catch (error) {
      step = await generator.throw(error);
      continue;
    }
    step = await generator.next(reply);
  }
  return step.value;
}
