// env: {"GIVEN": "yes"}
export default () => [process.env.GIVEN, process.env.MISSING, process.env.DENIED, 'GIVEN' in process.env, Object.keys(process.env), process.env.GIVEN];
