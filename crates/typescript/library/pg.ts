// `pg`: queries to Postgres servers. Each is an effect of the run: performed once, its rows recorded.
import { perform } from 'quicksave:host';

export interface PoolConfig {
  connectionString?: string;
  host?: string;
  port?: number;
  user?: string;
  password?: string;
  database?: string;
}

export interface QueryResult<R = any> {
  command: string;
  rowCount: number | null;
  rows: R[];
  fields: { name: string; dataTypeID: number }[];
}

/** What the server said was wrong; `code` is its SQLSTATE. */
export class DatabaseError extends Error {
  code?: string;
}

function parameter(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (Array.isArray(value)) return arrayText(value);
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

function arrayText(list: readonly unknown[]): string {
  const items = list.map((item) => {
    if (item === null || item === undefined) return 'NULL';
    if (Array.isArray(item)) return arrayText(item);
    return `"${String(parameter(item)).replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
  });
  return `{${items.join(',')}}`;
}

/** Text of the server → a value, by the type's number. What has no exact JavaScript value stays text, as with `int8`. */
function read(text: string | null, type: number): unknown {
  if (text === null) return null;
  switch (type) {
    case 16: // bool
      return text === 't';
    case 21: // int2
    case 23: // int4
    case 26: // oid
    case 700: // float4
    case 701: // float8
      return Number(text);
    case 114: // json
    case 3802: // jsonb
      return JSON.parse(text);
    case 17: // bytea
      return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text);
    case 1082: // date
      return new Date(`${text}T00:00:00`);
    case 1114: // timestamp
      return new Date(text.replace(' ', 'T'));
    case 1184: // timestamptz
      return new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
    default:
      return text;
  }
}

interface Raw {
  command: string;
  rowCount: number | null;
  fields: { name: string; type: number }[];
  rows: (string | null)[][];
}

type Query = string | { text: string; values?: readonly unknown[] };

export class Pool {
  readonly options: PoolConfig;
  #ended = false;

  constructor(config: PoolConfig | string = {}) {
    this.options = typeof config === 'string' ? { connectionString: config } : { ...config };
  }

  async query<R = any>(query: Query, values?: readonly unknown[]): Promise<QueryResult<R>> {
    if (this.#ended) throw new Error('The pool has ended: query before pool.end()');
    const text = typeof query === 'string' ? query : query.text;
    const given = values ?? (typeof query === 'string' ? [] : query.values ?? []);
    const raw = (await perform('pg.query', { connection: this.options, text, values: given.map(parameter) })) as Raw;
    const fields = raw.fields.map(({ name, type }) => ({ name, dataTypeID: type }));
    const rows = raw.rows.map((row) => Object.fromEntries(fields.map(({ name, dataTypeID }, i) => [name, read(row[i]!, dataTypeID)])));
    return { command: raw.command, rowCount: raw.rowCount, rows: rows as R[], fields };
  }

  /** A client of the pool. Its queries are as separate as the pool's: there is no transaction over several. */
  async connect(): Promise<PoolClient> {
    return new PoolClient(this);
  }

  async end(): Promise<void> {
    this.#ended = true;
  }

  on(): this {
    return this;
  }
}

export class PoolClient {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  query<R = any>(query: Query, values?: readonly unknown[]): Promise<QueryResult<R>> {
    const text = (typeof query === 'string' ? query : query.text).trimStart();
    if (/^(begin|start\s+transaction|commit|rollback|savepoint)\b/i.test(text)) {
      throw new Error('pg: a transaction over several queries would be lost with the process; write it as one query (WITH …, or a function)');
    }
    return this.#pool.query<R>(query, values);
  }

  release(): void {}
}

export class Client extends PoolClient {
  readonly #own: Pool;

  constructor(config: PoolConfig | string = {}) {
    const pool = new Pool(config);
    super(pool);
    this.#own = pool;
  }

  async connect(): Promise<void> {}

  end(): Promise<void> {
    return this.#own.end();
  }
}

export default { Pool, Client, DatabaseError };
