export default () => ({ date: new Date(0), nan: NaN, list: [undefined, () => 1], gone: undefined, error: new TypeError('e').message });
