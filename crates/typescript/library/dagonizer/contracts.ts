// What programs implement, and what the library hands to them.
import type { NodeError, StateNote } from './entities.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Keeps checkpoints by key. `load` gives null where there is none; errors of a store come through unchanged. */
export interface CheckpointStore {
  save(key: string, json: string): Promise<void>;
  load(key: string): Promise<string | null>;
  delete(key: string): Promise<void>;
}

/** What a flow works on. `NodeStateBase` is the usual base of it. */
export interface NodeStateInterface {
  readonly lifecycle: Lifecycle;
  readonly metadata: Record<string, unknown>;
  readonly errors: readonly StateNote[];
  readonly warnings: readonly StateNote[];
  clone(): this;
}

/** What a node gives: its port, and what a fan-out collects. */
export interface NodeOutput<TOutput extends string = string> {
  output: TOutput;
  /** In a fan-out: the item's result. Without it, what the node left in the item's place. */
  result?: unknown;
  /** Errors for the state to collect. */
  errors?: readonly NodeError[];
}

/** One ended member or item, for a custom fan-in or combination. */
export interface MemberResult {
  /** The member's name, or the item's index. */
  readonly name: string | number;
  readonly item?: unknown;
  readonly result?: unknown;
  readonly output: string | null;
  readonly error?: unknown;
}

export interface NodeContext<TServices = unknown> {
  readonly dagName: string;
  /** The placement's name. */
  readonly nodeName: string;
  /** The placement's path from the outermost DAG. */
  readonly path: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly services: TServices;
  /** Aborted when the flow is cancelled, or its time or the node's is over. */
  readonly signal: AbortSignal;
  /** In a fan-out: the item and its index. */
  readonly item?: unknown;
  readonly index?: number;
  /** In a custom fan-in or combination. */
  readonly results?: readonly MemberResult[];
}

/** Work with named ports. */
export interface NodeInterface<TState = any, TOutput extends string = string, TServices = any> {
  readonly name: string;
  readonly outputs: readonly TOutput[];
  execute(state: TState, context: NodeContext<TServices>):
    | NodeOutput<TOutput> | TOutput | void | Promise<NodeOutput<TOutput> | TOutput | void>;
}

/** Reads and writes places in a state by their paths. */
export interface StateAccessor {
  get(state: object, path: string): unknown;
  set(state: object, path: string, value: unknown): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface Scheduler {
  /** Calls back once, after this many milliseconds; the result withdraws the call. */
  schedule(callback: () => void, ms: number): () => void;
}

export interface ExecuteOptions {
  signal?: AbortSignal;
  /** The longest that this leg may take, in milliseconds. */
  deadlineMs?: number;
}
