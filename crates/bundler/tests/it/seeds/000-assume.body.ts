// Bad - assumes checkpoint/resume always works
private state = { processedAll: false };

