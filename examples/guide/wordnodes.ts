// The nodes of words.dag.json. Each page takes half a second, so that there is time to kill the run.
type State = { pages: string[]; counts: number[] };

export async function read() {
  return { state: { pages: ["one two three", "four five", "six", "seven eight nine ten"] } };
}

export async function count({ item, index }: { item: string; index: number }) {
  await new Promise((done) => setTimeout(done, 500));
  console.log(`counted page ${index}`);
  return { result: item.split(" ").length };
}

export async function sum({ state }: { state: State }) {
  return { state: { total: state.counts.reduce((a, b) => a + b, 0) } };
}
