// A workflow that downloads texts and works on them, step by step. Nothing here knows that it can be killed:
// no step names, no state to save, no determinism rules. The counts live in an ordinary Map.

interface Chapter {
  name: string;
  words: number;
}

export default async function* digest({ server }: { server: string }) {
  const names: string[] = await (await fetch(`${server}/texts`)).json();
  const counts = new Map<string, number>();
  const chapters: Chapter[] = [];

  for (const name of names) {
    const text = await (await fetch(`${server}/texts/${name}`)).text();
    const words = text.toLowerCase().match(/[a-z]{4,}/g) ?? [];
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    chapters.push({ name, words: words.length });

    // The world sees this one, so it must happen exactly once.
    await fetch(`${server}/paid`, { method: "POST", body: name });
    yield { checkpoint: true, state: { done: chapters.length, of: names.length } };
    yield { emit: "status", message: `${name}: ${words.length} words (${chapters.length} of ${names.length})` };
    await new Promise((resolve) => setTimeout(resolve, 150));
  }

  const top = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 5);
  return { chapters, top: Object.fromEntries(top) };
}
