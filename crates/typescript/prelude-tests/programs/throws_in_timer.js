export default () => new Promise(() => { setTimeout(function late() { throw new Error('in timer'); }, 1); });
