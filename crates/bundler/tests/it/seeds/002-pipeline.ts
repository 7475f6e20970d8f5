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
