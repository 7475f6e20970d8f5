// A script ends without waiting for timers that hold no reference.
setTimeout(() => console.log('never'), 1000).unref();
AbortSignal.timeout(5000);
setTimeout(() => console.log('last'), 5);
