/**
 * Third-party packages that are part of ours. A user of the library does not install them: each becomes a file of
 * `dist/third-party`, which is loaded when it is needed.
 *
 *     re2js                     the library and the daemon, for an expectation with a regular expression
 *     yaml, valibot             the daemon, for its configuration
 *     @valibot/to-json-schema   `healthbridge schema`
 *
 * Their licences, and those of the packages that they contain, are in `dist/third-party/LICENSES.txt`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { licencesOf } from "./licences.js";

const OUT = "dist/third-party";

export const THIRD_PARTY = ["@valibot/to-json-schema", "re2js", "valibot", "yaml"];

const fileOf = (name) => `${name.split("/").at(-1)}.cjs`;

/** Replaces the names of these packages by their files; `folder`: that of the files, from the bundle. */
export function thirdPartyFiles(folder) {
  return {
    name: "third-party files",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^[^.]/ }, ({ path, kind }) =>
        THIRD_PARTY.includes(path) && kind !== "entry-point"
          ? { path: `${folder}/${fileOf(path)}`, external: true }
          : undefined,
      );
      // esbuild does not see what createRequire's function loads
      onLoad({ filter: /[\\/]src[\\/]probers[\\/]pattern\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        const contents = text.replace('load("re2js")', `load("${folder}/${fileOf("re2js")}")`);
        if (contents === text) throw new Error(`${path}: load("re2js") is not found`);
        return { contents, loader: "ts" };
      });
    },
  };
}

export async function buildThirdParty() {
  const { metafile } = await build({
    entryPoints: THIRD_PARTY.map((name) => ({ in: name, out: fileOf(name).slice(0, -".cjs".length) })),
    outdir: OUT,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    legalComments: "eof",
    metafile: true,
    logLevel: "warning",
    plugins: [thirdPartyFiles(".")],
  });
  writeFileSync(`${OUT}/LICENSES.txt`, `healthbridge contains the following packages.\n${licencesOf(metafile)}`);
}
