const runs = await code.list_runs({ limit: 10 });
return runs;
