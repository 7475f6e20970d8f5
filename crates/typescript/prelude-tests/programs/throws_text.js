export default () => { throw 'plain text'; };
