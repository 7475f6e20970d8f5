// What the library throws. Each error has a `code` for programs and says what to do for people.

export interface DAGErrorOptions {
  cause?: unknown;
  code?: string;
  /** Where: a JSON path in a document, or the place of a node. */
  path?: string;
}

/** The root of the library's errors. */
export class DAGError extends Error {
  readonly code: string;
  readonly path?: string;

  constructor(message: string, options: DAGErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code ?? 'DAG_ERROR';
    if (options.path !== undefined) this.path = options.path;
  }
}

/** A DAG, a node or an option is not what it must be. */
export class ConfigurationError extends DAGError {
  constructor(message: string, options: DAGErrorOptions = {}) {
    super(message, { code: 'CONFIGURATION_ERROR', ...options });
  }
}

/** A node failed, or a flow cannot go on. */
export class ExecutionError extends DAGError {
  constructor(message: string, options: DAGErrorOptions = {}) {
    super(message, { code: 'EXECUTION_ERROR', ...options });
  }
}

/** No DAG or node of this name is registered, or no place has this name. */
export class NotFoundError extends DAGError {
  constructor(message: string, options: DAGErrorOptions = {}) {
    super(message, { code: 'NOT_FOUND', ...options });
  }
}

/** One thing that is wrong with a document or value. */
export interface ValidationProblem {
  path: string;
  message: string;
}

/** A document, checkpoint or value has another shape than it must have; `problems` lists everything found. */
export class ValidationError extends DAGError {
  readonly problems: readonly ValidationProblem[];

  constructor(message: string, options: DAGErrorOptions & { problems?: readonly ValidationProblem[] } = {}) {
    super(message, { code: 'VALIDATION_ERROR', ...options });
    this.problems = options.problems ?? [];
  }
}

/** A node took longer than its `timeoutMs`. */
export class NodeTimeoutError extends DAGError {
  readonly nodeName: string;
  readonly timeoutMs: number;

  constructor(nodeName: string, timeoutMs: number, options: DAGErrorOptions = {}) {
    super(`The node ${nodeName} took longer than its ${timeoutMs} ms`, { code: 'NODE_TIMEOUT', path: nodeName, ...options });
    this.nodeName = nodeName;
    this.timeoutMs = timeoutMs;
  }
}

/** Somebody else saved the key since this store object read it: read it again before saving. */
export class CheckpointConflictError extends DAGError {
  readonly key: string;

  constructor(key: string, options: DAGErrorOptions = {}) {
    super(`The checkpoint ${JSON.stringify(key)} was changed by another writer since it was read here; load it again`, {
      code: 'CHECKPOINT_CONFLICT', ...options,
    });
    this.key = key;
  }
}
