// Who writes the answer: an endpoint in OpenAI's manner, or a stub that always writes the same.
import type { Candidate } from './state.ts';

export interface Request {
  query: string;
  intent: string;
  shortlist: readonly Candidate[];
  /** How often it was written before, and what was wrong with the last draft. */
  attempt: number;
  complaint: string;
}

export interface Writer {
  write(request: Request, signal: AbortSignal): Promise<string>;
}

export interface Endpoint {
  url: string;
  model: string;
  key?: string | undefined;
}

/** How long the stub thinks of one draft, in milliseconds. */
const THINKS = 400;

export function stub(): Writer {
  return {
    async write({ query, intent, shortlist, attempt }, signal) {
      await pause(THINKS, signal);
      if (intent === 'off-topic') return 'I keep books, and can speak of nothing else.';
      const [best, second] = shortlist;
      if (best === undefined) return `I found no book for "${query}".`;
      // The first draft names no source, so it is sent back.
      const cite = ({ book, source }: Candidate): string =>
        `${book.title} by ${book.authors.join(', ') || 'an unknown author'}${attempt === 0 ? '' : ` [${source}]`}`;
      const more = second === undefined ? '' : ` You may also like ${cite(second)}.`;
      return `For "${query}" I would read ${cite(best)}. ${best.book.summary}${more}`;
    },
  };
}

export function endpoint({ url, model, key }: Endpoint): Writer {
  return {
    async write(request, signal) {
      const books = request.shortlist.map(({ book, source }) => `- ${book.title} (${book.authors.join(', ')}) [${source}]: ${book.summary}`);
      const content = [
        `A visitor of a library asks: ${request.query}`, `Intent: ${request.intent}. Books:`, ...books,
        'Answer in at most four sentences. Name at least one of the books, each with its source in brackets as above.',
        request.complaint === '' ? '' : `An earlier draft was refused: ${request.complaint}`,
      ].join('\n');
      const response = await fetch(`${url.replace(/\/$/, '')}/chat/completions`, {
        method: 'POST',
        signal,
        headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
        body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
      });
      if (!response.ok) throw new Error(`The writer answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      const answer: any = await response.json();
      return String(answer.choices?.[0]?.message?.content ?? '');
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
