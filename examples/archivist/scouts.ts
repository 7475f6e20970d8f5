// Four scouts look for books: recorded responses, the services themselves, or another server that speaks for them.
import recorded from './recorded.json';
import type { Book } from './state.ts';

export const SCOUTS = ['openlibrary-search', 'openlibrary-subject', 'google-books', 'wikipedia'] as const;
export type Scout = (typeof SCOUTS)[number];

/** How often each scout was sent in this process. */
export const sent: Record<string, number> = {};

/** Where books are looked for; `at` is the address of a server that has each service below its host's name. */
export interface Online {
  at?: string | undefined;
}

export async function send(scout: Scout, terms: readonly string[], online: Online | null, signal: AbortSignal): Promise<Book[]> {
  sent[scout] = (sent[scout] ?? 0) + 1;
  if (online === null) return structuredClone(recorded[scout]);
  return READ[scout](terms, (service) => get(service, online, signal));
}

async function get(service: URL, { at }: Online, signal: AbortSignal): Promise<any> {
  const url = at === undefined ? service : new URL(`${at}/${service.host}${service.pathname}${service.search}`);
  const response = await fetch(url, { signal, headers: { accept: 'application/json', 'user-agent': 'archivist-example' } });
  if (!response.ok) throw new Error(`${service.host} answered ${response.status}`);
  return response.json();
}

function address(base: string, query: Record<string, string>): URL {
  const url = new URL(base);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return url;
}

const ofOpenLibrary = (doc: any): Book => ({
  title: String(doc.title),
  authors: (doc.author_name ?? doc.authors?.map((author: any) => author.name) ?? []).map(String),
  year: doc.first_publish_year ?? null,
  summary: '',
  link: `https://openlibrary.org${doc.key}`,
});

const READ: Record<Scout, (terms: readonly string[], get: (service: URL) => Promise<any>) => Promise<Book[]>> = {
  'openlibrary-search': async (terms, get) => {
    const found = await get(address('https://openlibrary.org/search.json', { q: terms.join(' '), limit: '5' }));
    return found.docs.map(ofOpenLibrary);
  },
  'openlibrary-subject': async (terms, get) => {
    const subject = encodeURIComponent((terms[0] ?? 'books').replace(/ /g, '_'));
    const found = await get(address(`https://openlibrary.org/subjects/${subject}.json`, { limit: '5' }));
    return (found.works ?? []).map(ofOpenLibrary);
  },
  'google-books': async (terms, get) => {
    const found = await get(address('https://www.googleapis.com/books/v1/volumes', { q: terms.join(' '), maxResults: '5' }));
    return (found.items ?? []).map(({ volumeInfo: info }: any) => ({
      title: String(info.title),
      authors: info.authors ?? [],
      year: Number.parseInt(info.publishedDate ?? '', 10) || null,
      summary: String(info.description ?? '').slice(0, 300),
      link: String(info.infoLink ?? ''),
    }));
  },
  wikipedia: async (terms, get) => {
    const query = { action: 'query', list: 'search', srsearch: `${terms.join(' ')} novel`, srlimit: '5', format: 'json' };
    const found = await get(address('https://en.wikipedia.org/w/api.php', query));
    return (found.query?.search ?? []).map((page: any) => ({
      title: String(page.title),
      authors: [],
      year: null,
      summary: String(page.snippet).replace(/<[^>]*>/g, ''),
      link: `https://en.wikipedia.org/wiki/${encodeURIComponent(String(page.title).replace(/ /g, '_'))}`,
    }));
  },
};
