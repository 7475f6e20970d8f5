// The users' code, as they wrote it; what they leave open is supplied around it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAGBuilder, Dagonizer, NodeStateBase } from '@noocodex/dagonizer';
import { Checkpoint, MemoryCheckpointStore } from '@noocodex/dagonizer/checkpoint';
import type { CheckpointStore } from '@noocodex/dagonizer/contracts';
import type { JsonObject } from '@noocodex/dagonizer/entities';
import type { Pool } from 'pg';
import { PostgresCheckpointStore } from '../../crates/bundler/tests/it/seeds/002-postgres.ts';

class PipelineState extends NodeStateBase {
processed: string[] = [];
failed: string[] = [];
protected override snapshotData(): JsonObject {
return {
processed: [...this.processed],
failed: [...this.failed],
};
}
protected override restoreData(snap: JsonObject): void {
if (Array.isArray(snap['processed'])) this.processed = snap['processed'] as string[];
if (Array.isArray(snap['failed'])) this.failed = snap['failed'] as string[];
}
}

class MyState extends PipelineState {}

function processing(stop: AbortController): Dagonizer<MyState> {
  const dispatcher = new Dagonizer<MyState>();
  dispatcher.registerNode({ name: 'first', outputs: ['success'], execute(state) { state.processed.push('first'); stop.abort('paused'); } });
  dispatcher.registerNode({ name: 'second', outputs: ['success'], execute(state) { state.processed.push('second'); } });
  return dispatcher.registerDAG(new DAGBuilder('process').node('first', 'first', { success: 'second' }).node('second', 'second', { success: null }).build());
}

/** A table that understands the three queries above. */
function table(): Pool {
  const rows = new Map<string, string>();
  const query = async (text: string, [key, json]: string[]) => {
    if (text.startsWith('INSERT')) rows.set(key!, json!);
    if (text.startsWith('DELETE')) rows.delete(key!);
    const found = text.startsWith('SELECT') && rows.has(key!) ? [{ json: rows.get(key!) }] : [];
    return { rows: found, rowCount: found.length };
  };
  return { query } as unknown as Pool;
}

for (const [name, store] of [['memory', new MemoryCheckpointStore()], ['postgres', new PostgresCheckpointStore(table())]] as [string, CheckpointStore][]) {
  test(`persist and recall: ${name}`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const dispatcher = processing(controller);
// Save
const result = await dispatcher.execute('process', new MyState(), { signal });
if (result.cursor !== null) {
const data = Checkpoint.from('process', result);
await Checkpoint.persist(store, 'ckpt:process', data);
}
// Recall
const recalled = await Checkpoint.recall(
store,
'ckpt:process',
(snap) => MyState.restore(snap),
);
if (recalled !== null) {
await dispatcher.resume(recalled.dagName, recalled.state, recalled.cursor);
}
    assert.equal(recalled!.cursor, 'second');
    assert.ok(recalled!.state instanceof MyState);
    assert.deepEqual(recalled!.state.processed, ['first', 'second']);
    assert.equal(recalled!.state.lifecycle.kind, 'completed');
    await store.delete('ckpt:process');
    assert.equal(await store.load('ckpt:process'), null);
  });
}
