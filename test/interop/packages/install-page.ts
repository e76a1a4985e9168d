/** The commands and the table of docs/install.md. */
import { readFileSync } from "node:fs";
import { tableOf } from "../../support/readme.js";

const PAGE = readFileSync(new URL("../../../docs/install.md", import.meta.url), "utf8");

/** The lines of a block that begin with some words. */
export function pageLines(name: string, start: string): readonly string[] {
  const block = new RegExp(`<!-- test: ${name} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(PAGE)?.[1];
  const lines = block?.split("\n").filter((line) => line.startsWith(start)) ?? [];
  if (lines.length === 0) throw new Error(`docs/install.md has no line ${start} in a block ${name}`);
  return lines;
}

/** What the table says of a form: what it needs, and its size. */
export function pageForm(name: string): { readonly needs: string; readonly size: string } {
  const [, needs = "", size = ""] = tableOf(PAGE, "forms").find(([form]) => form?.includes(`[${name}]`)) ?? [];
  return { needs, size };
}
