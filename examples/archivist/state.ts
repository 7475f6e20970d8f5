// What the archivist knows of a visitor's question. `snapshotData` and `restoreData` are the user's own (seed 003).
import { NodeStateBase } from '@noocodex/dagonizer';
import type { JsonObject } from '@noocodex/dagonizer/entities';

export type ArchivistIntent =
  | 'off-topic' | 'on-topic' | 'lookup-author' | 'recommend-similar' | 'find-reviews' | 'describe-book' | 'recall-memories';

export interface Book {
  title: string;
  authors: string[];
  year: number | null;
  summary: string;
  link: string;
}

export interface Candidate {
  book: Book;
  score: number;
  source: string;
}

export interface RecalledContext {
  priorIntents: string[];
  recentCandidates: Candidate[];
  similarPriorQueries: string[];
  summary: string;
}

export interface MemoryDigest {
  bookCount: number;
  queryCount: number;
  recentBooks: string[];
  intentBreakdown: { intent: string; count: number }[];
  summary: string;
}

export class ArchivistState extends NodeStateBase {
  query = '';
  intent: ArchivistIntent = 'on-topic';
  terms: string[] = [];
  candidates: Candidate[] = [];
  shortlist: Candidate[] = [];
  draft = '';
  approved = false;
  attempts: Record<string, number> = {};
  failureCause = '';
  recalledContext: RecalledContext = { priorIntents: [], recentCandidates: [], similarPriorQueries: [], summary: '' };
  memoryDigest: MemoryDigest = { bookCount: 0, queryCount: 0, recentBooks: [], intentBreakdown: [], summary: '' };

protected override snapshotData(): JsonObject {
return {
"query": this.query,
"intent": this.intent,
"terms": [...this.terms],
"candidates": this.candidates.map((candidate) => ({
"book": { ...candidate.book, "authors": [...candidate.book.authors] },
"score": candidate.score,
"source": candidate.source,
})) as unknown as JsonObject[],
"shortlist": this.shortlist.map((candidate) => ({
"book": { ...candidate.book, "authors": [...candidate.book.authors] },
"score": candidate.score,
"source": candidate.source,
})) as unknown as JsonObject[],
"draft": this.draft,
"approved": this.approved,
"attempts": { ...this.attempts },
"failureCause": this.failureCause,
"recalledContext": {
"priorIntents": this.recalledContext.priorIntents as unknown as JsonObject[],
"recentCandidates": this.recalledContext.recentCandidates.map((c) => ({
"book": { ...c.book, "authors": [...c.book.authors] },
"score": c.score,
"source": c.source,
})) as unknown as JsonObject[],
"similarPriorQueries": this.recalledContext.similarPriorQueries as unknown as JsonObject[],
"summary": this.recalledContext.summary,
},
"memoryDigest": {
"bookCount": this.memoryDigest.bookCount,
"queryCount": this.memoryDigest.queryCount,
"recentBooks": this.memoryDigest.recentBooks as unknown as JsonObject[],
"intentBreakdown": this.memoryDigest.intentBreakdown as unknown as JsonObject[],
"summary": this.memoryDigest.summary,
},
};
}
protected override restoreData(snap: JsonObject): void {
if (typeof snap['query'] === 'string') this.query = snap['query'];
if (typeof snap['intent'] === 'string') this.intent = snap['intent'] as ArchivistIntent;
if (typeof snap['draft'] === 'string') this.draft = snap['draft'];
if (typeof snap['approved'] === 'boolean') this.approved = snap['approved'];
if (typeof snap['failureCause'] === 'string') this.failureCause = snap['failureCause'];
if (Array.isArray(snap['terms'])) this.terms = snap['terms'] as string[];
if (Array.isArray(snap['candidates'])) this.candidates = snap['candidates'] as unknown as Candidate[];
if (Array.isArray(snap['shortlist'])) this.shortlist = snap['shortlist'] as unknown as Candidate[];
if (snap['attempts'] && typeof snap['attempts'] === 'object') {
this.attempts = { ...snap['attempts'] as Record<string, number> };
}
const rc = snap['recalledContext'];
if (rc !== null && rc !== undefined && typeof rc === 'object' && !Array.isArray(rc)) {
const rcObj = rc as Record<string, unknown>;
this.recalledContext = {
'priorIntents': Array.isArray(rcObj['priorIntents']) ? rcObj['priorIntents'] as RecalledContext['priorIntents'] : [],
'recentCandidates': Array.isArray(rcObj['recentCandidates']) ? rcObj['recentCandidates'] as RecalledContext['recentCandidates'] : [],
'similarPriorQueries': Array.isArray(rcObj['similarPriorQueries']) ? rcObj['similarPriorQueries'] as RecalledContext['similarPriorQueries'] : [],
'summary': typeof rcObj['summary'] === 'string' ? rcObj['summary'] : '',
};
}
const md = snap['memoryDigest'];
if (md !== null && md !== undefined && typeof md === 'object' && !Array.isArray(md)) {
const mdObj = md as Record<string, unknown>;
this.memoryDigest = {
'bookCount': typeof mdObj['bookCount'] === 'number' ? mdObj['bookCount'] : 0,
'queryCount': typeof mdObj['queryCount'] === 'number' ? mdObj['queryCount'] : 0,
'recentBooks': Array.isArray(mdObj['recentBooks']) ? mdObj['recentBooks'] as MemoryDigest['recentBooks'] : [],
'intentBreakdown': Array.isArray(mdObj['intentBreakdown']) ? mdObj['intentBreakdown'] as MemoryDigest['intentBreakdown'] : [],
'summary': typeof mdObj['summary'] === 'string' ? mdObj['summary'] : '',
};
}
}
}
