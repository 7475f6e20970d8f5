// The archivist answers questions about books. `visit` asks; the visitor may leave in the middle of the answer. `finish`,
// in another process, writes the rest.
import { Dagonizer, MermaidRenderer } from '@noocodex/dagonizer';
import { Checkpoint, FileCheckpointStore } from '@noocodex/dagonizer/checkpoint';
import type { ExecutionResult } from '@noocodex/dagonizer/entities';
import { ARCHIVIST, COMPOSE, SEARCH } from './dags.ts';
import { NODES, type Services } from './nodes.ts';
import { sent } from './scouts.ts';
import { ArchivistState } from './state.ts';
import { endpoint, stub } from './writer.ts';

const QUESTION = "What's a book about a labyrinth?";

interface Options {
  query?: string;
  /** Ask the real services, or a server at this address that speaks for them. */
  online?: boolean;
  services?: string;
  /** An endpoint in OpenAI's manner, and its model; a stub writes otherwise. */
  writer?: string;
  model?: string;
  /** Where checkpoints are kept. */
  folder?: string;
}

function dispatcher({ services: at, online = at !== undefined, writer, model = 'gpt-4o-mini' }: Options, composing: (attempt: number) => void = () => {}) {
  const services: Services = {
    online: online ? { at } : null,
    composing,
    writer: writer === undefined ? stub() : endpoint({ url: writer, model, key: process.env['OPENAI_API_KEY'] }),
  };
  const made = new Dagonizer<ArchivistState, Services>({ services });
  for (const node of NODES) made.registerNode(node);
  for (const dag of [SEARCH, COMPOSE, ARCHIVIST]) made.registerDAG(dag);
  return made;
}

function told({ state, cursor, executedNodes }: ExecutionResult<ArchivistState>) {
  const lc = state.lifecycle;
  switch (lc.kind) {
    case 'completed':
      console.log(`responded: ${state.draft}`);
      break;
    case 'cancelled':
      console.log(`visitor abandoned at: ${lc.reason}`);
      break;
    case 'timed_out':
      console.log(`hit deadline at: ${lc.finishedAt}`);
      break;
    case 'failed':
      console.log(`failed: ${lc.error}`);
      break;
  }
  if (cursor !== null) console.log(`stopped at ${cursor} — resumable`);
  const scouts = Object.values(sent).reduce((sum, count) => sum + count, 0);
  console.log(`scouts sent by this process: ${scouts}; drafts written in all: ${state.attempts['compose'] ?? 0}`);
  return { kind: lc.kind, cursor, draft: state.draft, scouts, drafts: state.attempts['compose'] ?? 0, executedNodes };
}

/** Asks. With `leave`, the visitor closes the page while the second draft is being written. */
export async function visit({ leave = false, ...options }: Options & { leave?: boolean } = {}) {
  const controller = new AbortController();
  const archivist = dispatcher(options, (attempt) => {
    if (leave && attempt === 1) setTimeout(() => controller.abort('visitor closed page'), 50);
  });
  const visitor = new ArchivistState();
  visitor.query = options.query ?? QUESTION;
  const result = await archivist.execute('the-archivist', visitor, { signal: controller.signal, deadlineMs: 60_000 });
  if (result.cursor !== null) {
    const store = new FileCheckpointStore(options.folder ?? 'checkpoints');
    await Checkpoint.persist(store, `archivist:${visitor.query}`, Checkpoint.from('the-archivist', result));
  }
  return told(result);
}

/** Finishes what a visitor left. */
export async function finish(options: Options = {}) {
  const store = new FileCheckpointStore(options.folder ?? 'checkpoints');
  const key = `archivist:${options.query ?? QUESTION}`;
  const recalled = await Checkpoint.recall(store, key, (snap) => ArchivistState.restore(snap));
  if (recalled === null) return { kind: 'nothing to finish' };
  console.log(`goes on at ${recalled.cursor}, with ${recalled.state.shortlist.length} books found before`);
  const final = await dispatcher(options).resume(recalled.dagName, recalled.state, recalled.cursor);
  if (final.cursor === null) await store.delete(key);
  return told(final);
}

/** The whole DAG as a picture in Mermaid's language. */
export const draw = () => MermaidRenderer.render(ARCHIVIST);
