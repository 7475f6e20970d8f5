// A line of ten nodes, run again and again, for synchronous and for asynchronous nodes; with `checkpoints`, the end of
// each line is on disk before the next one begins.
import { DAGBuilder, Dagonizer, NodeStateBase } from '@noocodex/dagonizer';

class Counter extends NodeStateBase {
  count = 0;
}

function line(asynchronous: boolean): Dagonizer<Counter> {
  const dispatcher = new Dagonizer<Counter>();
  const builder = new DAGBuilder('line');
  for (let i = 0; i < 10; i++) {
    const name = `n${i}`;
    dispatcher.registerNode({
      name, outputs: ['success'],
      execute: asynchronous ? async (state) => { state.count++; return { output: 'success' }; }
        : (state) => { state.count++; return { output: 'success' }; },
    });
    builder.node(name, name, { success: i === 9 ? null : `n${i + 1}` });
  }
  dispatcher.registerDAG(builder.build());
  return dispatcher;
}

interface Params {
  flows?: number;
  asynchronous?: boolean;
  checkpoints?: boolean;
}

export default async function* main({ flows = 20_000, asynchronous = false, checkpoints = false }: Params) {
  const dispatcher = line(asynchronous);
  let nodes = 0;
  for (let flow = 0; flow < flows; flow++) {
    nodes += (await dispatcher.execute('line', new Counter())).state.count;
    if (checkpoints) yield { checkpoint: true, state: { flow } };
  }
  if (nodes !== flows * 10) throw new Error(`${nodes} nodes ran`);
  return { nodes };
}
