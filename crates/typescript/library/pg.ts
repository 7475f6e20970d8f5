// `pg`: queries to Postgres servers. Each is an effect of the run: its rows are recorded, and not asked for again.
//
// A query whose result was lost with the process is performed again, so what must not happen twice has to say so itself
// (ON CONFLICT, a WHERE on what was there). A client is one session of one process: a run that was resumed finds its
// clients gone, and its transactions rolled back.
import { perform } from 'quicksave:host';

export interface PoolConfig {
  connectionString?: string;
  host?: string;
  port?: number | string;
  user?: string;
  /** Recorded nowhere; but the program's memory holds it, and so do its snapshots. PGPASSWORD never gets so far. */
  password?: string | (() => string | Promise<string>);
  database?: string;
  /** Certificates are always checked: by the machine's authorities, or by those in `ca` (PEM). */
  ssl?: boolean | { ca?: string | Uint8Array; rejectUnauthorized?: boolean };
  [option: string]: unknown;
}

export interface FieldDef {
  name: string;
  dataTypeID: number;
}

export interface QueryResult<R = any> {
  /** The kind of statement. Null where a text holds several. */
  command: string | null;
  rowCount: number | null;
  rows: R[];
  fields: FieldDef[];
}

export interface QueryConfig {
  text: string;
  values?: readonly unknown[];
  /** `array`: rows are lists, not objects. */
  rowMode?: 'array';
}

/** What the server said was wrong; `code` is its SQLSTATE. */
export class DatabaseError extends Error {
  code?: string;
}

type Text = string | null | Text[];

interface Raw {
  command: string | null;
  rowCount: number | null;
  fields: { name: string; type: number; item?: number }[];
  rows: Text[][];
}

type Target = { connection: Record<string, unknown> } | { session: string };

/** A value as the server reads it: null or a text. */
function parameter(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ArrayBuffer) return `\\x${Buffer.from(value).toString('hex')}`;
  if (ArrayBuffer.isView(value)) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (Array.isArray(value)) return arrayText(value);
  if (typeof value === 'object') {
    const own = (value as { toPostgres?: (prepare: typeof parameter) => unknown }).toPostgres;
    return typeof own === 'function' ? parameter(own.call(value, parameter)) : JSON.stringify(value);
  }
  return String(value);
}

function arrayText(list: readonly unknown[]): string {
  const items = list.map((item) => {
    if (Array.isArray(item)) return arrayText(item);
    const text = parameter(item);
    return text === null ? 'NULL' : `"${text.replace(/[\\"]/g, '\\$&')}"`;
  });
  return `{${items.join(',')}}`;
}

type Parser = (text: string) => unknown;

const number: Parser = Number;

/** The time that a text of the server means; one without a zone is taken as UTC. */
function moment(text: string): Date | number {
  if (text === 'infinity') return Infinity;
  if (text === '-infinity') return -Infinity;
  const [, year, month, day, hour = 0, minute = 0, second = 0, part = ''] =
    /^(\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?/.exec(text)!;
  const date = new Date(0);
  date.setUTCFullYear(text.endsWith(' BC') ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(part.padEnd(3, '0').slice(0, 3)));
  return date;
}

const parsers = new Map<number, Parser>([
  [16, (text) => text === 't'], // bool
  [17, (text) => Buffer.from(text.slice(2), 'hex')], // bytea
  [21, number], // int2
  [23, number], // int4
  [26, number], // oid
  [700, number], // float4
  [701, number], // float8
  [114, JSON.parse], // json
  [3802, JSON.parse], // jsonb
  [1082, moment], // date
  [1114, moment], // timestamp
  [1184, moment], // timestamptz
]);

/** How values are read, by the number of their type. What has no exact JavaScript value stays text, as with `int8`. */
export const types = {
  setTypeParser(type: number, parser: Parser): void {
    parsers.set(type, parser);
  },
  getTypeParser(type: number): Parser {
    return parsers.get(type) ?? String;
  },
};

function read(value: Text, type: number): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item) => read(item, type));
  return types.getTypeParser(type)(value);
}

function result(raw: Raw, asArrays: boolean): QueryResult {
  const rows = raw.rows.map((row) => {
    const values = row.map((value, i) => read(value, raw.fields[i]!.item ?? raw.fields[i]!.type));
    return asArrays ? values : Object.fromEntries(raw.fields.map(({ name }, i) => [name, values[i]]));
  });
  const fields = raw.fields.map(({ name, type }) => ({ name, dataTypeID: type }));
  return { command: raw.command, rowCount: raw.rowCount, rows, fields };
}

async function send(target: Target, query: string | QueryConfig, values?: readonly unknown[]): Promise<any> {
  const config: QueryConfig = typeof query === 'string' ? { text: query } : query;
  if (typeof config?.text !== 'string') throw new TypeError('pg: a query is a text, or { text, values }');
  const given = values ?? config.values ?? [];
  if (!Array.isArray(given)) throw new TypeError('pg: the values of a query are an array (callbacks are not supported: use the promise)');
  const raw = (await checked(perform('pg.query', { ...target, text: config.text, values: given.map(parameter) }))) as Raw | Raw[];
  const asArrays = config.rowMode === 'array';
  return Array.isArray(raw) ? raw.map((one) => result(one, asArrays)) : result(raw, asArrays);
}

/** Makes the server's errors those of this module. */
async function checked<T>(performed: Promise<T>): Promise<T> {
  try {
    return await performed;
  } catch (error) {
    const { name, message, code } = error as DatabaseError;
    if (name !== 'DatabaseError') throw error;
    const own = new DatabaseError(message, { cause: error });
    own.name = 'error';
    if (code !== undefined) own.code = code;
    throw own;
  }
}

/** What the host is told of a connection. */
async function connection(config: PoolConfig): Promise<Record<string, unknown>> {
  const { connectionString, host, port, user, database, ssl } = config;
  if (typeof ssl === 'object' && ssl?.rejectUnauthorized === false) {
    throw new TypeError('pg: certificates are always checked; give the server\'s authority as ssl.ca in place of rejectUnauthorized: false');
  }
  const password = typeof config.password === 'function' ? await config.password() : config.password;
  const tls = typeof ssl === 'object' && ssl !== null ? { ca: ssl.ca === undefined ? null : String(typeof ssl.ca === 'string' ? ssl.ca : Buffer.from(ssl.ca)) } : ssl;
  return { connectionString, host, port: port === undefined ? undefined : Number(port), user, password, database, ssl: tls };
}

export class Pool {
  /** Without the password, so that printing it does not show that. */
  readonly options: PoolConfig;
  readonly #config: PoolConfig;
  #ended = false;

  constructor(config: PoolConfig | string = {}) {
    this.#config = typeof config === 'string' ? { connectionString: config } : { ...config };
    const { password, connectionString, ...options } = this.#config;
    this.options = options;
  }

  get ended(): boolean {
    return this.#ended;
  }

  async query<R = any>(query: string | QueryConfig, values?: readonly unknown[]): Promise<QueryResult<R>> {
    return send({ connection: await this.#connection() }, query, values);
  }

  /** A client: one session, for transactions. It does not outlive the process. */
  async connect(): Promise<PoolClient> {
    const { session } = (await checked(perform('pg.connect', { connection: await this.#connection() }))) as { session: string };
    return new PoolClient(session);
  }

  async end(): Promise<void> {
    this.#ended = true;
  }

  on(): this {
    return this;
  }

  #connection(): Promise<Record<string, unknown>> {
    if (this.#ended) throw new Error('Cannot use a pool after calling end on the pool');
    return connection(this.#config);
  }
}

export class PoolClient {
  readonly #session: string;
  #last: Promise<unknown> = Promise.resolve();
  #released = false;

  constructor(session: string) {
    this.#session = session;
  }

  /** One after the other, in the order of the calls. */
  query<R = any>(query: string | QueryConfig, values?: readonly unknown[]): Promise<QueryResult<R>> {
    if (this.#released) return Promise.reject(new Error('Client was released and cannot be queried'));
    const next = this.#last.then(() => send({ session: this.#session }, query, values));
    this.#last = next.catch(() => {});
    return next;
  }

  /** Gives the session back; an open transaction is rolled back. With `true` or an error it is closed. */
  release(destroy: boolean | Error = false): void {
    if (this.#released) throw new Error('Release called on client which has already been released to the pool.');
    this.#released = true;
    this.#last = this.#last.then(() => perform('pg.release', { session: this.#session, destroy: Boolean(destroy) }));
    // Nobody waits for it, and nobody is the worse off if it fails.
    this.#last.catch(() => {});
  }

  on(): this {
    return this;
  }
}

/** A session of its own, without a pool. */
export class Client {
  readonly #pool: Pool;
  #client: PoolClient | undefined;

  constructor(config: PoolConfig | string = {}) {
    this.#pool = new Pool(config);
  }

  async connect(): Promise<void> {
    if (this.#client !== undefined) throw new Error('Client has already been connected. You cannot reuse a client.');
    this.#client = await this.#pool.connect();
  }

  query<R = any>(query: string | QueryConfig, values?: readonly unknown[]): Promise<QueryResult<R>> {
    if (this.#client === undefined) return Promise.reject(new Error('Client is not connected: call connect() first'));
    return this.#client.query<R>(query, values);
  }

  async end(): Promise<void> {
    this.#client?.release(true);
    await this.#pool.end();
  }

  on(): this {
    return this;
  }
}

export default { Pool, Client, DatabaseError, types };
