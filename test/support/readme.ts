/** Snippets and tables of the README, by the marker on the line above them. */
import { readFileSync } from "node:fs";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The code after `<!-- test: NAME -->`. */
export function snippet(name: string): string {
  const found = new RegExp(`<!-- test: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(README)?.[1];
  if (found === undefined) throw new Error(`the README has no snippet ${name}`);
  return found;
}

/** The rows of the table after `<!-- table: NAME -->`, without its header. */
export function table(name: string): readonly (readonly string[])[] {
  return tableOf(README, name);
}

/** The same for another text. */
export function tableOf(text: string, name: string): readonly (readonly string[])[] {
  const found = new RegExp(`<!-- table: ${name} -->\\n((?:\\|.*\\n)+)`).exec(text)?.[1];
  if (found === undefined) throw new Error(`there is no table ${name}`);
  const rows = found.trim().split("\n").slice(2);
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
}

/** The names of all snippets. */
export function snippetNames(): readonly string[] {
  return [...README.matchAll(/<!-- test: ([\w-]+) -->/g)].map(([, name]) => name ?? "");
}
