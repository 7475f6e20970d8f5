// Simulate state persistence
const photon = new MyPhoton();
const state1 = photon.getState();
photon.setState({ count: 10 });
const state2 = photon.getState();
assert(state2.count === 10); // Verify restore works
