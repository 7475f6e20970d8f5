// The same text on every engine.
function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function loop(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum = (sum + i * 7) | 0;
  return sum;
}
