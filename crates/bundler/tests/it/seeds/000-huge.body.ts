// Bad - huge state
private state = {
allProcessedItems: [/* 10,000+ items */]
};
