// The clock ticks with each read and random numbers come from the seed: two runs of this file log the same.
export default () => ({ a: Date.now() < Date.now() + 1, uuid: crypto.randomUUID(), math: Math.random(), time: performance.now() < performance.now() });
