// Good - compact state
private state = {
lastId: 42,
timestamp: "...",
count: 100
};

