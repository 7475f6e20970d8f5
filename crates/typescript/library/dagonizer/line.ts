// The way that a flow takes from the entrypoint if each of its nodes ends as it mostly does, as the dispatcher foresees
// it. It is asked for once for each DAG; a flow that follows it asks nothing, and one that leaves it says how far it came.
import type { Call, Plan } from './invocation.ts';
import { FINISHED, FORESEEN, Machine, NONE, START, WORDS } from './machine.ts';

/** A node that runs, and how it is foreseen to end. */
export interface Step extends Call {
  path: string;
  /** The port, or null where nothing is foreseen. */
  output: string | null;
  /** What the journal says of that end. */
  label: string;
  /** Whether the flow has then come to its end. */
  last: boolean;
}

export interface Line {
  steps: Step[];
  /** What the dispatcher has to be told of it: the start, then the end of each step. */
  events: Uint32Array;
}

const FLOW_START = 0, NODE_START = 1, RUN = 2, NODE_END = 7, FLOW_END = 11, ENDED = 12;

/** The line of a DAG; null where it begins with anything but a node. */
export function lineOf(plan: Plan): Line | null {
  if (plan.line === undefined) plan.line = read(plan, Machine.foresee(plan.compiled));
  return plan.line;
}

function read(plan: Plan, actions: Uint32Array): Line | null {
  const tag = (at: number): number => actions[at * WORDS] ?? -1;
  // Only what a line consists of: anything else is the dispatcher's.
  if (tag(0) !== FLOW_START || tag(1) !== NODE_START || tag(2) !== RUN) return null;
  if (actions.length > 3 * WORDS && tag(3) !== FORESEEN) return null;
  let step = stepAt(plan, actions, 2 * WORDS);
  if (step === null) return null;
  const steps: Step[] = [step];
  const events = [START, 0, 0, 0, 0, 0, 0, 0];
  for (let at = 3; tag(at) === FORESEEN; at += 4) {
    const begins = tag(at + 2) === NODE_START && tag(at + 3) === RUN, ends = tag(at + 2) === FLOW_END && tag(at + 3) === ENDED;
    if (actions[at * WORDS + 6] !== 3 * WORDS || tag(at + 1) !== NODE_END || !(begins || ends)) break;
    const next: Step | null = begins ? stepAt(plan, actions, (at + 3) * WORDS) : null;
    if (begins && next === null) break;
    const port = actions[at * WORDS + 5]!;
    step.output = plan.compiled.ports[port]!;
    step.label = step.place.labels[port] ??= `${step.path} ${step.output}`;
    step.last = ends;
    events.push(FINISHED, step.site, step.item, step.low, step.high, port, 0, 0);
    if (next === null) break;
    steps.push(next);
    step = next;
  }
  return { steps, events: Uint32Array.from(events) };
}

function stepAt(plan: Plan, actions: Uint32Array, at: number): Step | null {
  const site = actions[at + 1]!, item = actions[at + 2]!, role = actions[at + 6]!;
  const place = plan.places[site]!;
  if (item !== NONE || role !== 0 || place.node === null || place.site.flow !== 0 || place.site.owner !== null) return null;
  return {
    site, item, low: actions[at + 3]!, high: actions[at + 4]!, role, attempt: actions[at + 5]!, place,
    dag: plan.compiled.name, path: place.site.path, output: null, label: '', last: false,
  };
}
