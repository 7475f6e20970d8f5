// illustrative — runtime equivalent in examples/the-archivist/runArchivist.ts
import { Checkpoint, MemoryCheckpointStore } from '@noocodex/dagonizer/checkpoint';
const store = new MemoryCheckpointStore();
// After a cancelled/timed-out execute call:
if (result.cursor !== null) {
const data = Checkpoint.from('the-archivist', result);
await Checkpoint.persist(store, `archivist:${result.state.query}`, data);
}
// In a later process:
const recalled = await Checkpoint.recall(
store,
`archivist:${visitor.query}`,
(snap) => ArchivistState.restore(snap), // rehydrates via restoreData()
);
if (recalled !== null) {
const final = await dispatcher.resume(
recalled.dagName,
recalled.state,
recalled.cursor, // 'crl-validate-response'
);
console.log(final.state.draft); // validated response
console.log(final.state.lifecycle.kind); // 'completed'
}
