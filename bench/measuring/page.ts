/**
 * Writes the tables of a bench into a page of docs.
 *
 *     <!-- figures: checks -->
 *     | ... |      the table up to the next empty line
 */
import { readFileSync, writeFileSync } from "node:fs";

/** Replaces each table. @throws Error when the page has no place for one */
export function writeTables(page: URL, tables: Readonly<Record<string, string>>): void {
  let text = readFileSync(page, "utf8");
  for (const [name, table] of Object.entries(tables)) {
    const place = new RegExp(`(<!-- figures: ${name} -->\\n)(?:\\|.*\\n)*`);
    if (!place.test(text)) throw new Error(`the page has no <!-- figures: ${name} -->`);
    text = text.replace(place, (_, marker: string) => `${marker}${table}\n`);
  }
  writeFileSync(page, text);
}
