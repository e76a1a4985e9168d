/**
 * Completes the types of the library, after tsc: `node scripts/types.js`.
 *
 *     dist/types/       what tsc has written: a declaration file for each file of src/. Those that no door reaches are deleted
 *     dist/DOOR.d.ts    the types of an ES module: the same declarations
 *
 * The folder `types` is CommonJS by a package.json of its own. So one tree of declarations serves `import` and `require`,
 * and a class has the same type in both.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DOOR_FILES } from "./doors.js";

const OUT = "dist/types";

/** A module that a declaration file names: `from "…"` or `import("…")`. */
const SPECIFIER = /\bfrom "([^"]+)"|\bimport\("([^"]+)"\)|^import "([^"]+)"/gm;

/** The declaration files that a file needs, with itself. */
function reachable(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, ...names] of readFileSync(path, "utf8").matchAll(SPECIFIER)) {
    const name = names.find((each) => each !== undefined);
    if (name.startsWith(".")) reachable(join(dirname(path), name.replace(/\.js$/, ".d.ts")), seen);
  }
  return seen;
}

const needed = new Set();
for (const file of DOOR_FILES) reachable(join(OUT, `${file}.d.ts`), needed);
const deepestFirst = readdirSync(OUT, { recursive: true, withFileTypes: true })
  .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
  .sort((a, b) => b.path.length - a.path.length);
for (const { entry, path } of deepestFirst) {
  if (entry.isFile() && !needed.has(path)) rmSync(path);
  if (entry.isDirectory() && existsSync(path) && readdirSync(path).length === 0) rmSync(path, { recursive: true });
}
writeFileSync(`${OUT}/package.json`, '{ "type": "commonjs" }\n');
for (const file of DOOR_FILES) writeFileSync(`dist/${file}.d.ts`, `export * from "./types/${file}.js";\n`);
