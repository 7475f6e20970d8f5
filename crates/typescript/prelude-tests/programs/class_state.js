// entry: counter.photon.ts
// state: {"counter/default": {"count": 41}}
export default class Counter extends Photon {
  state = { count: 0 };
  getState() { return this.state; }
  setState(state) { this.state = { ...this.state, ...state }; }
  async run() {
    this.state.count += 1;
    await this.emit({ type: 'counted', data: { count: this.state.count } });
    return this.state.count;
  }
}
