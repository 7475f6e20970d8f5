export default () => { throw { code: 5 }; };
