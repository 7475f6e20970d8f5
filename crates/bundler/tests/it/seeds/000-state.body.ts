// Good - clear state structure
private state = {
processedItems: 0,
lastProcessedId: null,
lastRun: null,
errors: []
};
