// The dispatcher, which is the host's: pure functions of bytes. Its state lies here, in the program's memory, so that a
// snapshot of the program holds it. What the words of events and actions mean is said where they are read and written.
import { pure } from 'quicksave:host';
import { ConfigurationError, DAGError, ExecutionError, NotFoundError, ValidationError, type ValidationProblem } from './errors.ts';
import type { DAG } from './entities.ts';

/** No item, no flow. */
export const NONE = 0xffffffff;
/** A port that the DAG wires nowhere. */
export const UNKNOWN_PORT = 0xffff;
/** Words of an event or action. */
export const WORDS = 8;

export interface Site {
  name: string;
  path: string;
  flow: number;
  owner: number | null;
  kind: 'single' | 'parallel' | 'fan-out' | 'deep';
  node?: string;
  members?: number[];
  combine?: string;
  custom?: boolean;
  source?: string;
  itemKey?: string;
  fanIn?: { strategy: 'append'; target: string } | { strategy: 'partition'; partitions: [string, string][] } | { strategy: 'custom'; customNode: string };
  child?: number;
  mapping?: { input: [string, string][]; output: [string, string][] } | null;
}

/** A DAG with its sub-DAGs, made ready to run. */
export interface Compiled {
  handle: string;
  name: string;
  ports: string[];
  sites: Site[];
  flows: { dag: string; parent: number | null }[];
  /** What it was compiled from, for a host that has forgotten it. */
  request: string;
}

export interface Look {
  status: string;
  end: string | null;
  cursor: string | null;
  reason: string;
}

const ERRORS: Record<string, new (message: string, options?: object) => DAGError> = {
  ConfigurationError, ExecutionError, NotFoundError, ValidationError,
};

function fail(json: string): never {
  const { name, message, code } = JSON.parse(json);
  throw new (ERRORS[name] ?? DAGError)(message, code === undefined ? {} : { code });
}

function ask<T>(op: string, request: string): T {
  const [ok, json] = pure(op, request);
  return ok ? JSON.parse(json) : fail(json);
}

export interface Checked {
  problems: ValidationProblem[];
  warnings: ValidationProblem[];
}

/** Everything that is wrong with a document; `ports` are those of the nodes that are known. */
export const check = (document: unknown, ports: Record<string, readonly string[]> = {}): Checked =>
  ask('dag.check', JSON.stringify({ document, ports }));

/** A drawing of a document: a text, or JSON for others' tools. */
export const draw = (document: unknown, format: string): unknown => ask('dag.draw', JSON.stringify({ document, format }));

export function compile(name: string, documents: readonly DAG[]): Compiled {
  const request = JSON.stringify({ name, documents });
  const found = ask<Omit<Compiled, 'request'> & { problems?: ValidationProblem[] }>('dag.compile', request);
  if (found.problems) refuse(name, found.problems);
  return { ...found, request };
}

export function refuse(name: string, problems: readonly ValidationProblem[]): never {
  const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  throw new ValidationError(`The DAG ${JSON.stringify(name)} is not valid:\n${lines.join('\n')}`, { problems, path: problems[0]?.path ?? '' });
}

function call(compiled: Compiled, op: string, bytes: Uint8Array): [boolean, string, ArrayBuffer?] {
  let answer = pure(op, compiled.handle, bytes);
  if (!answer[0] && JSON.parse(answer[1]).code === 'DAG_UNKNOWN') {
    // Another process holds this program now.
    ask('dag.compile', compiled.request);
    answer = pure(op, compiled.handle, bytes);
  }
  return answer[0] ? answer : fail(answer[1]);
}

const encoder = new TextEncoder();

/** Events and the action that are met outside of what a flow does with them. */
export const START = 0, FINISHED = 2, FORESEEN = 14;
/** How many events the dispatcher looks ahead at most: while a flow runs, and from its beginning. */
const AHEAD = 16, LINE = 64;
const NO_ACTIONS = new Uint32Array(0);

/**
 * The dispatcher is asked for more than one event: what it would say if the nodes went on to end as they mostly do. As
 * long as they do, that is done without asking; once they do not, it is asked again, with all that happened.
 */
export class Machine {
  /** What is to be done, from `at` up to `to`. */
  actions: Uint32Array = NO_ACTIONS;
  at = 0;
  to = 0;
  /** Without the events that went as foreseen. */
  #state: Uint8Array;
  readonly #compiled: Compiled;
  /** Events: first those that went as foreseen, then those that wait. */
  #events: Uint32Array;
  #known: number;
  #used: number;
  #ahead = AHEAD;

  /** `state`: what another left, or the 8 bytes of a seed; `known`: events since then whose actions are done. */
  constructor(compiled: Compiled, state: Uint8Array, known: Uint32Array = NO_ACTIONS) {
    this.#compiled = compiled;
    this.#state = state;
    this.#known = this.#used = known.length;
    this.#events = new Uint32Array(known.length + (AHEAD + 2) * WORDS);
    this.#events.set(known);
  }

  /** What a flow that begins at the entrypoint has to do, and what is foreseen from there. */
  static foresee(compiled: Compiled): Uint32Array {
    const machine = new Machine(compiled, new Uint8Array(8));
    machine.push(START, 0, 0, 0, 0, 0);
    machine.#ask(machine.#used, null, LINE);
    return machine.actions;
  }

  get state(): Uint8Array {
    if (this.#known > 0) {
      const { actions, at, to } = this;
      const waiting = this.#events.slice(this.#known, this.#used);
      this.#ask(this.#known, null, 0);
      this.#events.set(waiting);
      this.#used = waiting.length;
      this.actions = actions.subarray(0, to);
      this.at = at;
      this.to = to;
    }
    return this.#state;
  }

  /** Whether events wait for a step. */
  get ready(): boolean {
    return this.#used > this.#known;
  }

  /** Adds an event to the next step. */
  push(tag: number, site: number, item: number, low: number, high: number, argument: number): void {
    const at = this.#used;
    if (at + WORDS > this.#events.length) {
      const wider = new Uint32Array(this.#events.length * 2);
      wider.set(this.#events);
      this.#events = wider;
    }
    const words = this.#events;
    words[at] = tag;
    words[at + 1] = site;
    words[at + 2] = item;
    words[at + 3] = low;
    words[at + 4] = high;
    words[at + 5] = argument;
    this.#used = at + WORDS;
  }

  /** Gives the waiting events to the dispatcher, then one with a text, if there is one; then there are actions. */
  step(tag?: number, text?: string | null): void {
    let tail: Uint8Array | null = null;
    if (tag !== undefined) {
      tail = text === undefined || text === null ? null : encoder.encode(text);
      this.push(tag, 0, 0, 0, 0, tail === null ? 0 : tail.length + 1);
    } else if (this.#foreseen()) return;
    // What is seldom right is not worth its making.
    if (this.to === this.actions.length) this.#ahead = Math.min(AHEAD, this.#ahead * 2 + 1);
    else if (this.#known === 0) this.#ahead >>= 1;
    this.#ask(this.#used, tail, this.#ahead);
  }

  look(): Look {
    return JSON.parse(call(this.#compiled, 'dag.look', this.state)[1]);
  }

  /** Whether the one event that waits was foreseen; its actions are then the next. */
  #foreseen(): boolean {
    const { actions, to } = this;
    const at = this.#known, events = this.#events;
    if (to === actions.length || this.#used !== at + WORDS || actions[to] !== FORESEEN || events[at] !== FINISHED) return false;
    if (events[at + 1] !== actions[to + 1] || events[at + 3] !== actions[to + 3] || events[at + 5] !== actions[to + 5]
      || events[at + 2] !== actions[to + 2] || events[at + 4] !== actions[to + 4]) return false;
    this.#known = this.#used;
    this.at = to + WORDS;
    this.to = this.at + actions[to + 6]!;
    return true;
  }

  #ask(used: number, tail: Uint8Array | null, ahead: number): void {
    const state = this.#state;
    const from = 16 + ((state.length + 3) & ~3), head = used * 4;
    const bytes = new Uint8Array(from + head + (tail === null ? 0 : tail.length));
    const words = new Uint32Array(bytes.buffer, 0, 3);
    words[0] = state.length;
    words[1] = this.#known * 4;
    words[2] = ahead;
    bytes.set(state, 16);
    bytes.set(new Uint8Array(this.#events.buffer, 0, head), from);
    if (tail !== null) bytes.set(tail, from + head);
    const buffer = call(this.#compiled, 'dag.advance', bytes)[2]!;
    const length = new Uint32Array(buffer, 0, 1)[0]!;
    this.#state = new Uint8Array(buffer, 4, length);
    this.#used = this.#known = 0;
    const actions = this.actions = new Uint32Array(buffer, 4 + ((length + 3) & ~3));
    this.at = 0;
    let to = 0;
    while (to < actions.length && actions[to] !== FORESEEN) to += WORDS;
    this.to = to;
  }
}
