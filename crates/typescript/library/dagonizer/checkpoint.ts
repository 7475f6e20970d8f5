// Checkpoints: a result's record, and where records are kept.
import type { CheckpointStore } from './contracts.ts';
import type { CheckpointData, ExecutionResult, JsonObject, RecalledCheckpoint } from './entities.ts';
import { ConfigurationError, ExecutionError, ValidationError } from './errors.ts';
import { strictJson } from './json.ts';
import { INTERNAL, type NodeStateBase } from './state.ts';
import { Validator } from './validation.ts';

export type { CheckpointStore } from './contracts.ts';
export type { CheckpointData, RecalledCheckpoint } from './entities.ts';
export { FileCheckpointStore, PostgresCheckpointStore, RedisCheckpointStore, S3CheckpointStore, SqliteCheckpointStore } from './stores.ts';

type Restore<TState> = (snapshot: JsonObject) => TState;

export const Checkpoint = Object.freeze({
  /** The record of an unfinished flow. */
  from(dagName: string, result: ExecutionResult<Pick<NodeStateBase, 'snapshot'>>): CheckpointData {
    if (result.cursor === null) {
      throw new ExecutionError(`The flow ${JSON.stringify(dagName)} has come to its end: there is nothing to resume, so nothing to keep`, {
        code: 'NO_CURSOR',
      });
    }
    return {
      version: '1',
      dagName,
      cursor: result.cursor,
      state: strictJson(result.state.snapshot(), 'state') as JsonObject,
      executedNodes: [...result.executedNodes],
      skippedNodes: [...result.skippedNodes],
    };
  },

  /** Saves a record. */
  async persist(store: CheckpointStore, key: string, data: CheckpointData): Promise<void> {
    await store.save(key, JSON.stringify(Validator.checkpoint.validate(data)));
  },

  /** What was kept under a key; null if nothing was. */
  async recall<TState>(store: CheckpointStore, key: string, restore: Restore<TState>): Promise<RecalledCheckpoint<TState> | null> {
    const json = await store.load(key);
    return json === null || json === undefined ? null : Checkpoint.restore(json, restore);
  },

  /** A record, or its JSON, with its state brought back. */
  restore<TState>(record: CheckpointData | string, restore: Restore<TState>): RecalledCheckpoint<TState> {
    if (typeof restore !== 'function') throw new ConfigurationError('restore needs a function from the snapshot to the state');
    const data = Validator.checkpoint.validate(typeof record === 'string' ? parse(record) : record);
    const state = restore(data.state);
    const executedNodes = [...data.executedNodes], skippedNodes = [...data.skippedNodes];
    // The next leg's history goes on from here.
    const internals = (state as Partial<NodeStateBase> | null | undefined)?.[INTERNAL];
    if (internals !== undefined) internals.history = { executed: executedNodes, skipped: skippedNodes };
    return { dagName: data.dagName, cursor: data.cursor, state, executedNodes, skippedNodes };
  },
});

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new ValidationError(`The checkpoint is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** Keeps checkpoints in the program's memory; so they last as long as the run. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #entries = new Map<string, string>();

  get size(): number {
    return this.#entries.size;
  }

  async save(key: string, json: string): Promise<void> {
    this.#entries.set(key, json);
  }

  async load(key: string): Promise<string | null> {
    return this.#entries.get(key) ?? null;
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }
}
