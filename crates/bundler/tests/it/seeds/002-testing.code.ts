import { MemoryCheckpointStore } from '@noocodex/dagonizer/checkpoint';
const store = new MemoryCheckpointStore();
// drive your test against `store` exactly as production code would
