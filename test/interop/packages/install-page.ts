/** The commands and the table of docs/install.md. */
import assert from "node:assert/strict";
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

/** The bounds of a size that a page says, in bytes. It says bounds, since the size itself changes with each build. */
export function sizeBounds(text: string): { readonly bytes: number; readonly compressedBytes: number | undefined } {
  const [, megabytes, , compressed] = /^at most (\d+) MB(, compressed at most (\d+) MB)?/.exec(text) ?? [];
  if (megabytes === undefined) throw new Error(`"${text}" does not begin with "at most N MB"`);
  return {
    bytes: Number(megabytes) * 1e6,
    compressedBytes: compressed === undefined ? undefined : Number(compressed) * 1e6,
  };
}

/** A size is within its bound, and the bound is no more than a third above it: a bound without a meaning is refused too. */
export function assertBound(bytes: number, bound: number | undefined, what: string): void {
  assert.ok(bound !== undefined, `no bound of ${what}`);
  assert.ok(bytes <= bound && bound <= (bytes * 4) / 3, `${what}: ${bytes} bytes, and the page says at most ${bound}`);
}

/** What the table says of a form: what it needs, and its size. */
export function pageForm(name: string): { readonly needs: string; readonly size: string } {
  const [, needs = "", size = ""] = tableOf(PAGE, "forms").find(([form]) => form?.includes(`[${name}]`)) ?? [];
  return { needs, size };
}
