export default () => ({ data: Promise.resolve(1) });
