// What a flow works with: the plan of its DAG, and the runs of its nodes.
import type { Clock, MemberResult, NodeContext, NodeInterface, Scheduler, StateAccessor } from './contracts.ts';
import type { Line } from './line.ts';
import type { Compiled, Site } from './machine.ts';

/** A compiled DAG with what its places run. */
export interface Plan {
  compiled: Compiled;
  places: Place[];
  ports: Map<string, number>;
  /** Null if there is none, undefined if nobody has asked. */
  line: Line | null | undefined;
}

export interface Place {
  site: Site;
  node: NodeInterface | null;
  /** The node of a custom fan-in, or what combines a group. */
  gather: NodeInterface | null;
  timeoutMs: number;
  wired: ReadonlySet<string>;
  /** What the journal says of its ports, by their numbers; made when first needed. */
  labels: string[];
}

export interface Hooks {
  flowStart: ((dag: string, state: any) => unknown) | null;
  flowEnd: ((dag: string, state: any, result: any) => unknown) | null;
  nodeStart: ((name: string, state: any) => unknown) | null;
  nodeEnd: ((name: string, output: string, state: any) => unknown) | null;
  error: ((name: string, error: unknown, state: any) => unknown) | null;
}

export interface World {
  plan: Plan;
  services: unknown;
  accessor: StateAccessor;
  clock: Clock;
  scheduler: Scheduler;
  hooks: Hooks;
}

/** What the dispatcher wants run, in its numbers. */
export interface Call {
  site: number;
  item: number;
  low: number;
  high: number;
  role: number;
  attempt: number;
  place: Place;
  dag: string;
}

/**
 * One run of a node; it is the context that the node is given. There is one for each run of each node: what few of them
 * have is on the prototype until it is set.
 */
export class Invocation implements NodeContext<any> {
  declare readonly call: Call;
  declare readonly services: unknown;
  declare readonly item?: unknown;
  declare readonly index?: number;
  declare readonly results?: readonly MemberResult[];
  /** The states that it works on, and that gets its notes. */
  declare target: any;
  declare state: any;
  declare error: unknown;
  declare output: string | null;
  declare private controller: AbortController | null;
  declare private aborted: { reason: unknown } | null;

  static {
    Object.assign(this.prototype, { error: undefined, output: null, controller: null, aborted: null });
  }

  constructor(call: Call, services: unknown, state: any) {
    this.call = call;
    this.services = services;
    this.target = this.state = state;
  }

  get attempt(): number {
    return this.call.attempt;
  }

  get dagName(): string {
    return this.call.dag;
  }

  get nodeName(): string {
    return this.call.place.site.name;
  }

  get path(): string {
    return this.call.place.site.path;
  }

  /** Made when somebody asks for it. */
  get signal(): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.aborted !== null) this.controller.abort(this.aborted.reason);
    }
    return this.controller.signal;
  }

  isReason(error: unknown): boolean {
    return this.aborted !== null && (error === this.aborted.reason || (error as Error | null)?.name === 'AbortError');
  }

  abort(reason: unknown): void {
    if (this.aborted !== null) return;
    this.aborted = { reason };
    this.controller?.abort(reason);
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function reasonText(reason: unknown): string {
  return typeof reason === 'string' ? reason : reason instanceof Error || reason instanceof DOMException ? reason.message : String(reason ?? '');
}

/** What a node's signal says: an error, as the platform has it. */
export function abortReason(reason: unknown): unknown {
  return reason instanceof Error || reason instanceof DOMException ? reason : new DOMException(reasonText(reason), 'AbortError');
}

export const isThenable = (value: unknown): value is PromiseLike<any> =>
  value !== null && typeof value === 'object' && typeof (value as any).then === 'function';
