// Where an unfinished flow stands, beside its cursor: what is needed so that finished members, items and the states of
// sub-DAGs are not made again. It travels in the state's snapshot.
import type { MemberResult } from './contracts.ts';
import type { JsonObject } from './entities.ts';
import { ValidationError } from './errors.ts';

export interface Progress {
  /** The compiled DAG that the bytes fit. */
  dag: string;
  /** The placement's path. */
  cursor: string;
  /** The dispatcher's state. */
  machine: Uint8Array;
  /** Flow → its state, where that is not the outer one. */
  children: Map<number, any>;
  /** Fan-out's place → what its ended items gave, by index. */
  fans: Map<number, MemberResult[]>;
  executed: string[];
  skipped: string[];
}

/** As JSON values; whoever calls checks that they are. */
export function freezeProgress(progress: Progress): Record<string, unknown> {
  return {
    dag: progress.dag,
    cursor: progress.cursor,
    machine: Buffer.from(progress.machine).toString('base64'),
    children: [...progress.children].map(([flow, state]) => [flow, state.snapshot()]),
    fans: [...progress.fans].map(([site, results]) => [site, results.flatMap((result, index) => [[index, frozenResult(result)]])]),
    executed: progress.executed,
    skipped: progress.skipped,
  };
}

function frozenResult({ output, result, error }: MemberResult): Record<string, unknown> {
  const frozen: Record<string, unknown> = { output };
  if (result !== undefined) frozen['result'] = result;
  if (error !== undefined) frozen['error'] = error instanceof Error ? { name: error.name, message: error.message } : String(error);
  return frozen;
}

function malformed(what: string): never {
  throw new ValidationError(`The snapshot's progress is damaged (${what}); resume from the cursor with a state without it`, {
    path: 'state.progress',
  });
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === 'string');
const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export function thawProgress(frozen: Record<string, unknown>, restore: (child: JsonObject) => any): Progress {
  const { dag, cursor, machine, children, fans, executed, skipped } = frozen;
  if (typeof dag !== 'string' || typeof cursor !== 'string' || typeof machine !== 'string') malformed('dag, cursor, machine');
  if (!isTexts(executed) || !isTexts(skipped)) malformed('executed, skipped');
  if (!Array.isArray(children) || !Array.isArray(fans)) malformed('children, fans');
  const states = new Map<number, any>();
  for (const child of children) {
    if (!Array.isArray(child) || !isIndex(child[0])) malformed('children');
    states.set(child[0], restore(child[1]));
  }
  const results = new Map<number, MemberResult[]>();
  for (const fan of fans) {
    if (!Array.isArray(fan) || !isIndex(fan[0]) || !Array.isArray(fan[1])) malformed('fans');
    const list: MemberResult[] = [];
    for (const entry of fan[1]) {
      if (!Array.isArray(entry) || !isIndex(entry[0]) || entry[0] > 1_000_000 || typeof entry[1] !== 'object') malformed('fans');
      list[entry[0]] = { name: entry[0], ...entry[1] };
    }
    results.set(fan[0], list);
  }
  return { dag, cursor, machine: Buffer.from(machine, 'base64'), children: states, fans: results, executed, skipped };
}
