// The shapes of documents, results and checkpoints.

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** Port → the placement that follows, or null for the end. */
export type Outputs = Record<string, string | null>;

export interface RetryOptions {
  /** How often the node is tried in all. */
  attempts: number;
  backoff?: 'constant' | 'linear' | 'exponential' | 'decorrelated-jitter';
  baseMs?: number;
  maxMs?: number;
  jitter?: number | boolean;
}

export interface PlacementBase {
  '@id'?: string;
  name: string;
  outputs: Outputs;
  timeoutMs?: number;
  retry?: RetryOptions;
}

export interface SingleNode extends PlacementBase {
  '@type': 'SingleNode';
  node: string;
}

export interface ParallelNode extends PlacementBase {
  '@type': 'ParallelNode';
  nodes: string[];
  combine: 'all-success' | 'any-success' | 'collect' | (string & {});
}

export type FanIn =
  | { strategy: 'append'; target: string }
  | { strategy: 'partition'; partitions: Record<string, string> }
  | { strategy: 'custom'; customNode: string };

export interface FanOutNode extends PlacementBase {
  '@type': 'FanOutNode';
  node: string;
  source: string;
  itemKey?: string;
  concurrency?: number;
  fanIn: FanIn;
}

export interface StateMapping {
  /** Path in the sub-DAG's state → path in the outer state. */
  input?: Record<string, string>;
  /** Path in the outer state → path in the sub-DAG's state. */
  output?: Record<string, string>;
}

export interface DeepDAGNode extends PlacementBase {
  '@type': 'DeepDAGNode';
  dag: string;
  stateMapping?: StateMapping;
}

export type Placement = SingleNode | ParallelNode | FanOutNode | DeepDAGNode;

export interface DAG {
  '@context'?: JsonValue;
  '@id'?: string;
  '@type': 'DAG';
  name: string;
  version: string;
  entrypoint: string;
  nodes: Placement[];
}

/** What a flow gives, however it ended. */
export interface ExecutionResult<TState> {
  /** Where to go on, or null if the flow came to its end. */
  readonly cursor: string | null;
  /** The placements that have ended, over all legs; those of sub-DAGs by their paths. */
  readonly executedNodes: readonly string[];
  /** The placements that had nothing to do. */
  readonly skippedNodes: readonly string[];
  readonly state: TState;
}

/** A placement that has ended, as an iteration over a flow gives it. */
export interface NodeResult<TState> {
  /** The placement's path. */
  readonly nodeName: string;
  readonly output: string;
  readonly skipped: boolean;
  readonly state: TState;
}

/** An error or warning that a state collects. */
export interface StateNote {
  code: string;
  message: string;
  nodeName?: string;
  timestamp?: string;
  recoverable?: boolean;
  context?: JsonObject;
}
export type NodeError = StateNote;
export type NodeWarning = StateNote;

export interface CheckpointData {
  readonly version: '1';
  readonly dagName: string;
  readonly cursor: string;
  readonly state: JsonObject;
  readonly executedNodes: string[];
  readonly skippedNodes: string[];
}

export interface RecalledCheckpoint<TState> {
  readonly dagName: string;
  readonly cursor: string;
  readonly state: TState;
  readonly executedNodes: readonly string[];
  readonly skippedNodes: readonly string[];
}
