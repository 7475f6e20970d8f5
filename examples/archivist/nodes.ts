// What the archivist does, one node for each step.
import type { NodeContext, NodeInterface } from '@noocodex/dagonizer/contracts';
import { type Online, SCOUTS, type Scout, send } from './scouts.ts';
import type { ArchivistIntent, ArchivistState, Candidate } from './state.ts';
import type { Writer } from './writer.ts';

export interface Services {
  /** Null: the recorded responses. */
  online: Online | null;
  writer: Writer;
  /** Called when a draft is begun: the visitor may leave then. */
  composing(attempt: number): void;
}

type Context = NodeContext<Services>;
type Node = NodeInterface<ArchivistState, string, Services>;

/** Drafts that are written before the archivist gives up. */
const MOST_DRAFTS = 3;

const node = (name: string, outputs: string[], execute: (state: ArchivistState, context: Context) => unknown): Node =>
  ({ name, outputs, execute: execute as Node['execute'] });

const STOP_WORDS = new Set(['a', 'an', 'the', 'of', 'by', 'me', 'my', 'i', 'is', 'are', 'about', 'book', 'books', 'what', 'whats', 'which', 'who', 'tell', 'find', 'with', 'in', 'for', 'to', 'and', 'like', 'on']);

const wordsOf = (text: string): string[] => text.toLowerCase().replace(/[^\p{L}\p{N} ]/gu, '').split(/\s+/).filter((word) => word !== '');

const RULES: [ArchivistIntent, RegExp][] = [
  ['recall-memories', /\b(remember|last time|before|memories)\b/i],
  ['find-reviews', /\breviews?\b/i],
  ['recommend-similar', /\b(similar|like)\b/i],
  ['lookup-author', /\b(who wrote|author|written by|books by)\b/i],
  ['describe-book', /\b(describe|summary|plot)\b/i],
  ['on-topic', /\b(books?|novels?|stor(y|ies)|read|library|labyrinths?)\b/i],
];

const classify = (query: string): ArchivistIntent => RULES.find(([, rule]) => rule.test(query))?.[0] ?? 'off-topic';

const scout = (name: Scout): Node => node(name, ['success'], async (state, { services, signal }) => {
  const books = await send(name, state.terms, services.online, signal);
  state.candidates.push(...books.map((book) => ({ book, score: 0, source: name })));
});

function score({ book }: Candidate, terms: readonly string[]): number {
  const title = wordsOf(book.title), summary = wordsOf(book.summary);
  const near = (words: string[], term: string): boolean => words.some((word) => word.startsWith(term) || term.startsWith(word));
  return terms.reduce((sum, term) => sum + (near(title, term) ? 3 : 0) + (near(summary, term) ? 1 : 0), 0);
}

export const NODES: Node[] = [
  node('recall-context', ['success'], (state) => {
    const { recentBooks, queryCount } = state.memoryDigest;
    state.recalledContext.summary = queryCount === 0 ? 'a new visitor' : `${queryCount} questions before, last about ${recentBooks.at(-1) ?? 'nothing'}`;
  }),
  node('classify-intent', ['off-topic', 'on-topic', 'lookup-author', 'recommend-similar', 'find-reviews', 'describe-book', 'recall-memories'], (state) => {
    state.intent = classify(state.query);
    state.recalledContext.priorIntents.push(state.intent);
    return state.intent;
  }),
  node('recall-memories', ['success'], (state) => {
    const { bookCount, queryCount } = state.memoryDigest;
    state.memoryDigest.summary = `${queryCount} questions, ${bookCount} books`;
    state.draft = `I remember ${state.memoryDigest.summary}.`;
    state.approved = true;
  }),

  node('extract-query', ['success'], (state) => {
    state.terms = wordsOf(state.query).filter((word) => !STOP_WORDS.has(word));
  }),
  node('decide-tools', ['success'], (state) => {
    if (state.intent === 'lookup-author') state.terms = state.terms.filter((term) => !['wrote', 'author', 'written'].includes(term));
    state.candidates = [];
  }),
  ...SCOUTS.map(scout),
  node('rank', ['success'], (state) => {
    for (const candidate of state.candidates) candidate.score = score(candidate, state.terms);
    state.candidates.sort((a, b) => b.score - a.score || a.book.title.localeCompare(b.book.title) || a.source.localeCompare(b.source));
  }),
  node('merge', ['success'], (state) => {
    const titles = new Set<string>();
    state.shortlist = state.candidates.filter(({ book }) => {
      const title = book.title.toLowerCase();
      return titles.has(title) ? false : Boolean(titles.add(title));
    }).slice(0, 4);
  }),
  node('record', ['success'], (state) => {
    const digest = state.memoryDigest;
    digest.queryCount++;
    digest.bookCount += state.shortlist.length;
    digest.recentBooks = state.shortlist.map(({ book }) => book.title);
    const known = digest.intentBreakdown.find(({ intent }) => intent === state.intent);
    if (known) known.count++;
    else digest.intentBreakdown.push({ intent: state.intent, count: 1 });
    state.recalledContext.recentCandidates = state.shortlist;
    state.recalledContext.similarPriorQueries.push(state.query);
  }),
  node('citations', ['success', 'none'], (state) => (state.shortlist.some(({ book }) => book.link !== '') ? 'success' : 'none')),

  node('compose-response', ['success'], async (state, { services, signal }) => {
    const attempt = state.attempts['compose'] ?? 0;
    services.composing(attempt);
    const { query, intent, shortlist, failureCause } = state;
    state.draft = await services.writer.write({ query, intent, shortlist, attempt, complaint: failureCause }, signal);
    state.attempts['compose'] = attempt + 1;
  }),
  node('validate-response', ['approved', 'retry', 'exhausted'], (state) => {
    const cited = state.intent === 'off-topic' || state.shortlist.length === 0
      || state.shortlist.some(({ book, source }) => state.draft.includes(book.title) && state.draft.includes(`[${source}]`));
    state.approved = cited && state.draft !== '';
    state.failureCause = state.approved ? '' : 'it names no source';
    return state.approved ? 'approved' : state.attempts['compose']! >= MOST_DRAFTS ? 'exhausted' : 'retry';
  }),

  node('respond', ['success'], (state) => {
    if (!state.approved) state.draft = 'I could not write an answer that I would stand by.';
  }),
];
