/**
 * A program of a test, compiled as a user runs it: tsx gives each closure a property, which costs 256 bytes and more time than
 * the closure itself.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/** In the repository: packages are found from there. */
const CACHE = fileURLToPath(new URL("../../.cache/", import.meta.url));

/** @returns the file to start, and what removes it */
export function compileProgram(program: URL): { readonly file: string; readonly remove: () => void } {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "program-"));
  const file = join(folder, "program.mjs");
  buildSync({
    ...{ entryPoints: [fileURLToPath(program)], outfile: file, bundle: true, packages: "external" },
    ...{ format: "esm", platform: "node", target: "node20", logLevel: "error" },
  });
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
