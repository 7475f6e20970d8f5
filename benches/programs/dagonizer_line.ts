// A line of ten nodes, run again and again in memory: nodes per second, for synchronous and for asynchronous nodes.
import { DAGBuilder, Dagonizer, NodeStateBase } from '@noocodex/dagonizer';

class Counter extends NodeStateBase {
  count = 0;
}

async function line(asynchronous: boolean, flows: number): Promise<number> {
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
  let count = 0;
  for (let i = 0; i < flows; i++) count += (await dispatcher.execute('line', new Counter())).state.count;
  if (count !== flows * 10) throw new Error(`${count} nodes ran`);
  return count;
}

export default async function main({ flows = 20_000, asynchronous = false }: { flows?: number; asynchronous?: boolean }) {
  return { nodes: await line(asynchronous, flows) };
}
