/**
 * The doors of the library: what a program can import. A new door is a file of re-exports in src/ and a row here;
 * `npm run build` then updates package.json, and `npm run api` docs/api.md.
 *
 * For each door, `dist/` gets
 *
 *     FILE.cjs         the code, also for `require`
 *     FILE.js          an ES module that re-exports it, for `import`
 *     types/FILE.d.ts  the types, also of `require` and for TypeScript's `node10`
 *     FILE.d.ts        the same as those of an ES module
 *
 * There is one copy of the code. So a program that uses both `import` and `require` has one class `Health`, and Jest,
 * which cannot `require` an ES module, works as well.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The file in src/ of each door. */
export const DOORS = {
  ".": "index",
  "./client": "health-client",
  "./grpc-js": "grpc-js",
  "./fastify": "fastify",
  "./nestjs": "nestjs",
};

/** The files of the doors. */
export const DOOR_FILES = Object.values(DOORS);

const MANIFEST = fileURLToPath(new URL("../package.json", import.meta.url));

/** What package.json says of the doors. */
function manifestFields() {
  const entries = Object.entries(DOORS).map(([path, file]) => [
    path,
    {
      import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
      require: { types: `./dist/types/${file}.d.ts`, default: `./dist/${file}.cjs` },
    },
  ]);
  const subPaths = Object.entries(DOORS).filter(([path]) => path !== ".");
  const types = subPaths.map(([path, file]) => [path.slice("./".length), [`./dist/types/${file}.d.ts`]]);
  return {
    main: "./dist/index.cjs",
    types: "./dist/types/index.d.ts",
    exports: {
      ...Object.fromEntries(entries),
      "./health.proto": "./proto/grpc/health/v1/health.proto",
      "./package.json": "./package.json",
    },
    // TypeScript's `node10` knows no `exports`
    ...(types.length > 0 ? { typesVersions: { "*": Object.fromEntries(types) } } : {}),
  };
}

/** Writes them into package.json, in the place of `exports`, if it says something else. */
export function updateManifest() {
  const text = readFileSync(MANIFEST, "utf8");
  const fields = Object.entries(JSON.parse(text))
    .filter(([name]) => !["main", "types", "typesVersions"].includes(name))
    .flatMap((field) => (field[0] === "exports" ? Object.entries(manifestFields()) : [field]));
  const updated = `${JSON.stringify(Object.fromEntries(fields), undefined, 2)}\n`;
  if (updated !== text) writeFileSync(MANIFEST, updated);
}
