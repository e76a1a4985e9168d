/** Snippets of the pages in docs/deploy, by the marker on the line above them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEPLOY } from "./manifests.js";

/** The code after `<!-- test: NAME -->` on a page. */
export function pageSnippet(page: string, name: string): string {
  const text = readFileSync(join(DEPLOY, `../docs/deploy/${page}.md`), "utf8");
  const found = new RegExp(`<!-- test: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(text)?.[1];
  if (found === undefined) throw new Error(`docs/deploy/${page}.md has no snippet ${name}`);
  return found;
}
