export default () => { throw new Error(''); };
