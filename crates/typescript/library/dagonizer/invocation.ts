// What a flow works with: the plan of its DAG, and the runs of its nodes.
import type { Clock, MemberResult, NodeContext, NodeInterface, Scheduler, StateAccessor } from './contracts.ts';
import type { Compiled, Site } from './machine.ts';

/** A compiled DAG with what its places run. */
export interface Plan {
  compiled: Compiled;
  places: Place[];
  ports: Map<string, number>;
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

/** One run of a node; it is the context that the node is given. */
export class Invocation implements NodeContext<any> {
  readonly services: unknown;
  readonly attempt: number;
  readonly item?: unknown;
  readonly index?: number;
  readonly results?: readonly MemberResult[];
  /** The states that it works on, and that gets its notes. */
  target: any;
  state: any;
  error: unknown = undefined;
  output: string | null = null;
  #place: Place;
  #dag: string;
  #controller: AbortController | null = null;
  #aborted: { reason: unknown } | null = null;

  constructor(
    readonly siteNumber: number, readonly itemNumber: number, readonly low: number, readonly high: number,
    readonly role: number, place: Place, dag: string, services: unknown, attempt: number,
  ) {
    this.#place = place;
    this.#dag = dag;
    this.services = services;
    this.attempt = attempt;
  }

  get dagName(): string {
    return this.#dag;
  }

  get nodeName(): string {
    return this.#place.site.name;
  }

  get path(): string {
    return this.#place.site.path;
  }

  /** Made when somebody asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#aborted !== null;
  }

  isReason(error: unknown): boolean {
    return this.#aborted !== null && (error === this.#aborted.reason || (error as Error | null)?.name === 'AbortError');
  }

  abort(reason: unknown): void {
    if (this.#aborted !== null) return;
    this.#aborted = { reason };
    this.#controller?.abort(reason);
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
