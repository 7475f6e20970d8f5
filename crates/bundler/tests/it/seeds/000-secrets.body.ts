// Bad - credentials in state
private state = {
apiKey: 'sk-123456', // ← Don't do this!
tokens: []
};

