// What the tests share: a state that notes what ran, and nodes made in a line.
import { Dagonizer, DAGBuilder, NodeStateBase } from '@noocodex/dagonizer';
import type { NodeContext, NodeInterface } from '@noocodex/dagonizer/contracts';

export class Notes extends NodeStateBase {
  ran: string[] = [];
  items: unknown[] = [];
  results: unknown[] = [];
  attempts: Record<string, number> = {};
}

export type Body = (state: Notes, context: NodeContext) => unknown;

/** A node that notes its name, then does `body`. */
export function node(name: string, body: Body = () => 'success', outputs: string[] = ['success']): NodeInterface<Notes> {
  return {
    name,
    outputs,
    execute(state, context) {
      ran.push(context.item === undefined ? name : `${name}:${String(context.item)}`);
      state.ran.push(name);
      return body(state, context) as 'success';
    },
  };
}

/** What ran in this test, over all states. */
export const ran: string[] = [];

/** A dispatcher with these nodes, and a line of them under the name `line`. */
export function line(...nodes: NodeInterface<Notes>[]): Dagonizer<Notes> {
  ran.length = 0;
  const dispatcher = new Dagonizer<Notes>();
  const builder = new DAGBuilder('line');
  nodes.forEach((one, i) => {
    dispatcher.registerNode(one);
    const next = nodes[i + 1]?.name ?? null;
    builder.node(one.name, one, Object.fromEntries(one.outputs.map((port) => [port, next])));
  });
  return dispatcher.registerDAG(builder.build());
}

export const sleep = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));

/** Waits, or throws as soon as the signal says so. */
export function interruptible(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
