// Delete specific run
await code.delete_run({ runId: "20260301_abc123xyz" });

