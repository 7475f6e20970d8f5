// The base of states: what a flow notes in them, and how they become JSON and come back.
import type { NodeStateInterface } from './contracts.ts';
import type { JsonObject, NodeError, NodeWarning } from './entities.ts';
import { ValidationError } from './errors.ts';
import { copy, strictJson } from './json.ts';
import { type Lifecycle, LifecycleMachine } from './lifecycle.ts';
import { type Progress, freezeProgress, thawProgress } from './progress.ts';

/** Keys of a snapshot that are the base's own. */
const RESERVED = ['metadata', 'errors', 'warnings', 'progress'];

/** For the dispatcher, not for programs. */
export const INTERNAL = Symbol('dagonizer.state');

export interface StateInternals {
  lifecycle: Lifecycle;
  /** Where an unfinished flow stands, for `resume`. */
  progress: Progress | null;
  /** What earlier legs did, where a checkpoint told it. */
  history: { executed: string[]; skipped: string[] } | null;
  errors: NodeError[];
  warnings: NodeWarning[];
}

export class NodeStateBase implements NodeStateInterface {
  declare metadata: Record<string, unknown>;
  declare readonly [INTERNAL]: StateInternals;

  constructor() {
    // Not listed, so that what is listed is the subclass's own.
    Object.defineProperty(this, 'metadata', { value: {}, writable: true, configurable: true });
    const internals: StateInternals = { lifecycle: LifecycleMachine.initial(), progress: null, history: null, errors: [], warnings: [] };
    Object.defineProperty(this, INTERNAL, { value: internals });
  }

  get lifecycle(): Lifecycle {
    return this[INTERNAL].lifecycle;
  }

  get errors(): readonly NodeError[] {
    return this[INTERNAL].errors;
  }

  get warnings(): readonly NodeWarning[] {
    return this[INTERNAL].warnings;
  }

  getMetadata<T = unknown>(key: string): T | undefined {
    return this.metadata[key] as T | undefined;
  }

  setMetadata(key: string, value: unknown): void {
    this.metadata[key] = value;
  }

  hasMetadata(key: string): boolean {
    return Object.hasOwn(this.metadata, key);
  }

  deleteMetadata(key: string): void {
    delete this.metadata[key];
  }

  collectError(error: NodeError): void {
    this[INTERNAL].errors.push(error);
  }

  collectWarning(warning: NodeWarning): void {
    this[INTERNAL].warnings.push(warning);
  }

  /** A deep copy of the same class, with a life of its own. */
  clone(): this {
    return cloneState(this);
  }

  /** The state as JSON. A value that JSON cannot hold is an error, and never left out. */
  snapshot(): JsonObject {
    const data = this.snapshotData();
    if (data === null || typeof data !== 'object' || Array.isArray(data)) {
      throw new ValidationError(`${this.constructor.name}.snapshotData() must give an object`);
    }
    for (const key of RESERVED) {
      if (Object.hasOwn(data, key)) {
        throw new ValidationError(`${this.constructor.name}.snapshotData() gives a key ${JSON.stringify(key)}, which is the base's own; choose another`);
      }
    }
    const { errors, warnings, progress } = this[INTERNAL];
    const whole: Record<string, unknown> = { ...data, metadata: this.metadata, errors, warnings };
    if (progress !== null) whole['progress'] = freezeProgress(progress);
    return strictJson(whole, this.constructor.name) as JsonObject;
  }

  /** A state of this class from its snapshot; its lifecycle is pending again. */
  static restore<T extends NodeStateBase>(this: new () => T, snapshot: JsonObject): T {
    if (snapshot === null || typeof snapshot !== 'object' || Array.isArray(snapshot)) {
      throw new ValidationError(`${this.name}.restore() needs the object that snapshot() gave`);
    }
    const state = new this();
    const plain = copy(snapshot) as Record<string, any>;
    if (isPlain(plain['metadata'])) state.metadata = plain['metadata'];
    if (Array.isArray(plain['errors'])) state[INTERNAL].errors = plain['errors'];
    if (Array.isArray(plain['warnings'])) state[INTERNAL].warnings = plain['warnings'];
    if (isPlain(plain['progress'])) {
      // A child is a state of the same class, as `clone` made it.
      state[INTERNAL].progress = thawProgress(plain['progress'], (child) => (this as any).restore(child));
    }
    for (const key of RESERVED) delete plain[key];
    state.restoreData(plain as JsonObject);
    return state;
  }

  /** The fields of a subclass as JSON; all that it lists, unless it says otherwise. */
  protected snapshotData(): JsonObject {
    return { ...this } as unknown as JsonObject;
  }

  /** Puts the fields back. */
  protected restoreData(snap: JsonObject): void {
    Object.assign(this, snap);
  }
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** A copy whose field `shared` is the original's: the source of a fan-out, which would be copied for each item. */
export function cloneState<T extends NodeStateBase>(state: T, shared?: string): T {
  const made = new (state.constructor as new () => T)();
  // What a subclass keeps in private fields comes through its own snapshot.
  const own = state as unknown as { snapshotData(): JsonObject };
  if (own.snapshotData !== (NodeStateBase.prototype as any).snapshotData && shared === undefined) {
    (made as any).restoreData(copy(own.snapshotData()));
  }
  for (const key of Object.keys(state)) {
    const value = (state as any)[key];
    (made as any)[key] = key === shared ? value : copy(value);
  }
  made.metadata = copy(state.metadata) as Record<string, unknown>;
  const notes = state[INTERNAL];
  made[INTERNAL].errors = notes.errors.slice();
  made[INTERNAL].warnings = notes.warnings.slice();
  return made;
}
