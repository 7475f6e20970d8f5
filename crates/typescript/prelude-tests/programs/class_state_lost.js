// entry: bad.photon.ts
// State that JSON cannot hold is an error, not a loss.
export default class Bad extends Photon {
  getState() { return { list: [1, { when: new Date(0) }] }; }
  setState() {}
  run() { return 1; }
}
