// Counts the words of a file and writes the count beside it.
import { readFile, writeFile } from "node:fs/promises";

export default async function words({ file }: { file: string }) {
  const text = await readFile(file, "utf8");
  const count = text.split(/\s+/).filter(Boolean).length;
  await writeFile(`${file}.count`, `${count}\n`);
  return { file, count };
}
