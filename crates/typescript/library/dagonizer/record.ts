// Every node that ends is in the run's journal: one entry for a turn of the program, with what ended in it.
import { emit, onTurnEnd } from 'quicksave:host';

interface Entry {
  dag: string;
  flow: number;
  /** Place and port of each, with a blank between them. */
  nodes: string[];
}

/** Flows of this turn, in the order of their first ends. */
const ended = new Map<number, Entry>();
let last: Entry | null = null;
let count = 0;
let flows = 0;

/** A long computation is one turn: then an entry is written for so many nodes. */
const MOST = 1_000;

export const nextFlow = (): number => ++flows;

export function record(dag: string, flow: number, what: string): void {
  if (last === null || last.flow !== flow) {
    last = ended.get(flow) ?? { dag, flow, nodes: [] };
    ended.set(flow, last);
  }
  last.nodes.push(what);
  if (++count >= MOST) write();
}

function write(): void {
  if (count === 0) return;
  count = 0;
  last = null;
  const data = [...ended.values()];
  ended.clear();
  emit('nodes', undefined, data);
}

onTurnEnd(write);
