import type { CheckpointStore } from '@noocodex/dagonizer/contracts';
import type { Pool } from 'pg';
export class PostgresCheckpointStore implements CheckpointStore {
readonly #pool: Pool;
readonly #table: string;
constructor(pool: Pool, table = 'checkpoints') {
this.#pool = pool;
this.#table = table;
}
async save(key: string, json: string): Promise<void> {
await this.#pool.query(
`INSERT INTO ${this.#table} (key, json, saved_at)
VALUES ($1, $2, NOW())
ON CONFLICT (key) DO UPDATE SET json = $2, saved_at = NOW()`,
[key, json],
);
}
async load(key: string): Promise<string | null> {
const result = await this.#pool.query<{ json: string }>(
`SELECT json FROM ${this.#table} WHERE key = $1`,
[key],
);
return result.rows[0]?.json ?? null;
}
async delete(key: string): Promise<void> {
await this.#pool.query(`DELETE FROM ${this.#table} WHERE key = $1`, [key]);
}
}
