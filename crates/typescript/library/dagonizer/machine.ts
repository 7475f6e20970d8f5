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

export class Machine {
  state: Uint8Array;
  readonly #compiled: Compiled;
  #scratch = new Uint32Array(256);
  #used = 0;

  constructor(compiled: Compiled, state: Uint8Array) {
    this.#compiled = compiled;
    this.state = state;
  }

  /** One that has not begun. */
  static fresh(compiled: Compiled, seed: Uint8Array): Machine {
    return new Machine(compiled, new Uint8Array(call(compiled, 'dag.new', seed)[2]!));
  }

  /** Whether events wait for a step. */
  get ready(): boolean {
    return this.#used > 0;
  }

  /** Adds an event to the next step. */
  push(tag: number, site: number, item: number, low: number, high: number, argument: number): void {
    const at = this.#used;
    if (at + WORDS > this.#scratch.length) {
      const wider = new Uint32Array(this.#scratch.length * 2);
      wider.set(this.#scratch);
      this.#scratch = wider;
    }
    const words = this.#scratch;
    words[at] = tag;
    words[at + 1] = site;
    words[at + 2] = item;
    words[at + 3] = low;
    words[at + 4] = high;
    words[at + 5] = argument;
    words[at + 6] = 0;
    words[at + 7] = 0;
    this.#used = at + WORDS;
  }

  /** Gives the waiting events to the dispatcher, then one with a text, if there is one: the actions. */
  step(tag?: number, text?: string | null): Uint32Array {
    let tail: Uint8Array | null = null;
    if (tag !== undefined) {
      tail = text === undefined || text === null ? null : encoder.encode(text);
      this.push(tag, 0, 0, 0, 0, tail === null ? 0 : tail.length + 1);
    }
    const { state } = this;
    const head = this.#used * 4;
    const bytes = new Uint8Array(4 + state.length + head + (tail === null ? 0 : tail.length));
    new Uint32Array(bytes.buffer, 0, 1)[0] = state.length;
    bytes.set(state, 4);
    bytes.set(new Uint8Array(this.#scratch.buffer, 0, head), 4 + state.length);
    if (tail !== null) bytes.set(tail, 4 + state.length + head);
    this.#used = 0;
    const buffer = call(this.#compiled, 'dag.step', bytes)[2]!;
    const length = new Uint32Array(buffer, 0, 1)[0]!;
    this.state = new Uint8Array(buffer, 4, length);
    return new Uint32Array(buffer, 4 + ((length + 3) & ~3));
  }

  look(): Look {
    return JSON.parse(call(this.#compiled, 'dag.look', this.state)[1]);
  }
}
