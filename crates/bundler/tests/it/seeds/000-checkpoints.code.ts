// Good - checkpoint after external operation
const result = await api.create({ data });
yield { checkpoint: { created: result.id } };
const processed = await processResult(result);
yield { checkpoint: { processed: processed } };
return processed;
