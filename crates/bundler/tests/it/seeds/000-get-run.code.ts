const run = await code.get_run({ runId: "20260306_abc123xyz" });
