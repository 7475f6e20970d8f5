// method: add
// params: {"a": 1, "b": 2}
export default { add: ({ a, b }) => a + b, async sub({ a, b }) { return a - b; } };
