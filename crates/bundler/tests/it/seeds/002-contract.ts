import type { CheckpointStore } from '@noocodex/dagonizer/contracts';
interface CheckpointStore {
save(key: string, json: string): Promise<void>;
load(key: string): Promise<string | null>;
delete(key: string): Promise<void>;
}
