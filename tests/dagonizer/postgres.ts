// The user's own store, as they wrote it, on a real server: a flow that stops, is kept, and goes on.
import { DAGBuilder, Dagonizer, NodeStateBase } from '@noocodex/dagonizer';
import { Checkpoint } from '@noocodex/dagonizer/checkpoint';
import type { JsonObject } from '@noocodex/dagonizer/entities';
import { Pool } from 'pg';
import { PostgresCheckpointStore } from '../../crates/bundler/tests/it/seeds/002-postgres.ts';

class MyState extends NodeStateBase {
  processed: string[] = [];
  protected override snapshotData(): JsonObject {
    return { processed: [...this.processed] };
  }
  protected override restoreData(snap: JsonObject): void {
    if (Array.isArray(snap['processed'])) this.processed = snap['processed'] as string[];
  }
}

export default async function main({ port, pause }: { port: number; pause: number }) {
  const pool = new Pool({ host: '127.0.0.1', port, user: 'app', database: 'postgres' });
  await pool.query('CREATE TABLE IF NOT EXISTS checkpoints (key text PRIMARY KEY, json text NOT NULL, saved_at timestamptz)');
  const store = new PostgresCheckpointStore(pool);
  const none = await store.load('ckpt:process');

  const stop = new AbortController();
  const dispatcher = new Dagonizer<MyState>();
  dispatcher.registerNode({ name: 'first', outputs: ['success'], execute(state) { state.processed.push('first'); stop.abort('paused'); } });
  dispatcher.registerNode({ name: 'second', outputs: ['success'], execute(state) { state.processed.push('second'); } });
  dispatcher.registerDAG(new DAGBuilder('process').node('first', 'first', { success: 'second' }).node('second', 'second', { success: null }).build());

  const result = await dispatcher.execute('process', new MyState(), { signal: stop.signal });
  if (result.cursor === null) throw new Error('it should have stopped');
  await Checkpoint.persist(store, 'ckpt:process', Checkpoint.from('process', result));
  await new Promise((wake) => setTimeout(wake, pause));
  const recalled = await Checkpoint.recall(store, 'ckpt:process', (snap) => MyState.restore(snap));
  if (recalled === null) throw new Error('it should be there');
  const { state } = await dispatcher.resume(recalled.dagName, recalled.state, recalled.cursor);
  await store.delete('ckpt:process');
  const left = await Checkpoint.recall(store, 'ckpt:process', (snap) => MyState.restore(snap));
  return { none, cursor: recalled.cursor, processed: (state as MyState).processed, left };
}
