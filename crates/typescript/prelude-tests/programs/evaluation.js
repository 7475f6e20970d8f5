// No export: the evaluation is the program, and it ends when nothing is left.
console.log('begin');
setTimeout(() => console.log('later'), 10);
await new Promise((resolve) => setTimeout(resolve, 5));
console.log('evaluated');
process.on('exit', (code) => console.log(`exit ${code}`));
