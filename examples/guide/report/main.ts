// Imports a file beside it, JSON, and a package from node_modules.
import slugify from "slugify";
import { heading } from "./heading.ts";
import settings from "./settings.json";

export default async function report({ title }: { title: string }) {
  return { file: `${slugify(title, { lower: true })}.md`, text: heading(title, settings.level) };
}
