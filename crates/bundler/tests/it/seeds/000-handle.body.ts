// Good - handle both fresh and resumed execution
private state = {
processedAll: false,
batchSize: 100,
currentIndex: 0
};
