// Checkpoint stores on the host's back-ends, named by URLs. Saving and loading are effects of the run.
import { perform } from 'quicksave:host';
import type { CheckpointStore } from './contracts.ts';
import { CheckpointConflictError, ConfigurationError } from './errors.ts';

/**
 * A store object remembers which version of a key it read or wrote. It refuses to save over a version that it does not
 * know of (`CheckpointConflictError`): of two writers, the stale one must load again. A key that it has never read is
 * saved without a condition.
 */
class HostStore implements CheckpointStore {
  readonly url: string;
  /** Key → the version that was there; null if there was none. */
  readonly #versions = new Map<string, string | null>();

  constructor(url: string) {
    this.url = url;
  }

  async save(key: string, json: string): Promise<void> {
    const expect = this.#versions.get(key);
    const args: Record<string, unknown> = { url: this.url, key: check(key), json };
    if (expect !== undefined) args['expect'] = expect;
    try {
      this.#versions.set(key, (await perform('checkpoints.save', args)) as string);
    } catch (error) {
      if ((error as { code?: string }).code === 'CHECKPOINT_CONFLICT') throw new CheckpointConflictError(key, { cause: error });
      throw error;
    }
  }

  async load(key: string): Promise<string | null> {
    const found = (await perform('checkpoints.load', { url: this.url, key: check(key) })) as { json: string; version: string } | null;
    this.#versions.set(key, found?.version ?? null);
    return found?.json ?? null;
  }

  async delete(key: string): Promise<void> {
    await perform('checkpoints.delete', { url: this.url, key: check(key) });
    this.#versions.set(key, null);
  }
}

function check(key: string): string {
  if (typeof key !== 'string' || key === '') throw new ConfigurationError('The key of a checkpoint must be a text');
  return key;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new ConfigurationError(`${what} is missing`);
  return value;
}

/** `url`, with this scheme put before it if it is a bare path. */
function withScheme(url: string, schemes: readonly string[], what: string): string {
  const scheme = /^([a-z][a-z0-9+]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined || !schemes.includes(scheme)) {
    throw new ConfigurationError(`${what} needs a URL that begins with ${schemes.map((s) => `${s}:`).join(' or ')}`);
  }
  return url;
}

/** Files in a folder. */
export class FileCheckpointStore extends HostStore {
  constructor(folder: string) {
    const path = text(folder, 'The folder of a FileCheckpointStore');
    super(path.startsWith('file:') ? path : `file:${path}`);
  }
}

/** A SQLite file. */
export class SqliteCheckpointStore extends HostStore {
  constructor(file: string) {
    const path = text(file, 'The file of a SqliteCheckpointStore');
    super(path.startsWith('sqlite:') ? path : `sqlite:${path}`);
  }
}

/** `postgres://user@host/database`; the password may come from the host's environment. */
export class PostgresCheckpointStore extends HostStore {
  constructor(url: string) {
    super(withScheme(text(url, 'The URL of a PostgresCheckpointStore'), ['postgres', 'postgresql'], 'PostgresCheckpointStore'));
  }
}

/** `redis://host/0` or `rediss://…`. */
export class RedisCheckpointStore extends HostStore {
  constructor(url: string) {
    super(withScheme(text(url, 'The URL of a RedisCheckpointStore'), ['redis', 'rediss'], 'RedisCheckpointStore'));
  }
}

/** `s3://bucket/prefix`. */
export class S3CheckpointStore extends HostStore {
  constructor(url: string) {
    super(withScheme(text(url, 'The URL of an S3CheckpointStore'), ['s3'], 'S3CheckpointStore'));
  }
}
