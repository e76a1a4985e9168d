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
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const OUT = "dist/third-party";

const PACKAGES = ["@valibot/to-json-schema", "re2js", "valibot", "yaml"];

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i;

const fileOf = (name) => `${name.split("/").at(-1)}.cjs`;

/** Replaces the names of these packages by their files; `folder`: that of the files, from the bundle. */
export function thirdPartyFiles(folder) {
  return {
    name: "third-party files",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^[^.]/ }, ({ path, kind }) =>
        PACKAGES.includes(path) && kind !== "entry-point"
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
    entryPoints: PACKAGES.map((name) => ({ in: name, out: fileOf(name).slice(0, -".cjs".length) })),
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
  const folders = Object.keys(metafile.inputs).map(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0],
  );
  const licences = [...new Set(folders)].filter((folder) => folder !== undefined).sort();
  const header = "healthbridge contains the following packages.\n";
  writeFileSync(`${OUT}/LICENSES.txt`, [header, ...licences.map(licenceOf)].join(`\n${"-".repeat(80)}\n\n`));
}

/** The name, version and licence of an installed package. */
function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => LICENCE_FILE.test(file))
    .map((file) => readFileSync(`${folder}/${file}`, "utf8").trim());
  if (texts.length === 0) throw new Error(`${folder}: no licence file is found`);
  return `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`;
}
