import { Checkpoint, MemoryCheckpointStore } from '@noocodex/dagonizer/checkpoint';
const store = new MemoryCheckpointStore();
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
