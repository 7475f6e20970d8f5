export default class MyPhoton extends Photon {
private state = { count: 0 };
// MUST implement these
getState() { return this.state; }
setState(newState) { this.state = newState; }
async run(params) {
this.state.count++;
return this.state;
}
}
