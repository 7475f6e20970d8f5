export default class CounterPhoton extends Photon {
private state = { count: 0, lastRun: null };
// Called after each execution to save state
getState() {
return this.state;
}
// Called on load to restore state
setState(newState) {
this.state = { ...this.state, ...newState };
}
async run(params) {
// Count persists across executions!
this.state.count++;
this.state.lastRun = new Date().toISOString();
return {
count: this.state.count,
lastRun: this.state.lastRun
};
}
}
