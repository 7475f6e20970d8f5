const testsRegistered = () => false;
async function runTests() {}
