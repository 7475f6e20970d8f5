const { runs } = await code.list_runs({ limit: 1, status: "completed" });
const run = await code.get_run({ runId: runs[0].runId });
return run;
