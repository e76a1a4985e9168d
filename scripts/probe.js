/**
 * Bundles the program `grpc-health-probe` into one file.
 *
 * An exec probe starts a process each time, and much of its time is what V8 needs to read and compile the program. So
 * only what a plain Check runs is in the file as code. Each part that is imported with `import()` is in it as a text,
 * which V8 skips; the text is compiled when it is needed.
 *
 *     chunks of esbuild --+-- of static imports: bundled again, as code
 *                         '-- of `import()`: texts, which `require` compiles
 */
import { chmodSync } from "node:fs";
import { basename } from "node:path";
import { build, transform } from "esbuild";

const ENTRY = "grpc-health-probe";

/** Runs before the code. A part imports chunks of the code too: `shared` has them. */
const LOADER = `
const nodeRequire = require, parts = new Map();
require = (name) => {
  if (!name.startsWith("./")) return nodeRequire(name);
  const chunk = module.exports.shared(name);
  if (chunk !== undefined) return chunk;
  if (!parts.has(name)) {
    const part = { exports: {} }, names = ["exports", "require", "module", "__filename"];
    parts.set(name, part);
    const { compileFunction } = nodeRequire("node:vm");
    const run = compileFunction(textOf(name), names, { filename: __filename + name.slice(1) });
    run(part.exports, require, part, __filename);
  }
  return parts.get(name).exports;
};`;

/**
 * Writes the bundle.
 * @param {import("esbuild").BuildOptions} common options of all bundles
 */
export async function buildProbe(common) {
  const options = { ...common, sourcemap: false, minify: true, platform: "node" };
  const chunks = await chunksOf(options);
  const code = staticChunks(chunks, `./${ENTRY}.js`);
  const texts = {};
  for (const [name, { text }] of chunks) if (!code.has(name)) texts[name] = await commonJs(text, options);
  await build({
    ...options,
    stdin: { contents: sharing(chunks, code) },
    format: "cjs",
    supported: { "dynamic-import": false }, // `import()` becomes `require`
    plugins: [bundled(chunks, code)],
    banner: { js: `#!/usr/bin/env node\n${await commonJs(LOADER, options)}` },
    footer: { js: `function textOf(name){return ${JSON.stringify(texts)}[name]}` },
    entryNames: ENTRY,
  });
  chmodSync(`${common.outdir}/${ENTRY}.cjs`, 0o755);
}

/** The chunks by name: their texts, imports and exports. */
async function chunksOf(options) {
  const { outputFiles, metafile } = await build({
    ...options,
    entryPoints: [`src/cli/${ENTRY}.ts`],
    define: { "import.meta.url": "__filename" }, // createRequire takes a path too
    format: "esm",
    splitting: true,
    outExtension: {},
    write: false,
    metafile: true,
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [nameOf(path), output]));
  return new Map(outputFiles.map(({ path, text }) => [nameOf(path), { ...outputs.get(nameOf(path)), text }]));
}

/** The code, and the function `shared`. It makes the exports of a chunk when they are needed: a getter for each costs more. */
function sharing(chunks, code) {
  const imports = [];
  const cases = [];
  for (const [index, name] of [...code].entries()) {
    const { exports } = chunks.get(name);
    imports.push(`import { ${exports.map((each) => `${each} as ${each}${index}`).join(", ")} } from "${name}";`);
    cases.push(`case "${name}": return { ${exports.map((each) => `${each}: ${each}${index}`).join(", ")} };`);
  }
  return `${imports.join("\n")}\nexport function shared(name) { switch (name) { ${cases.join("\n")} } }`;
}

/** The chunks that a chunk needs before it runs, and itself. */
function staticChunks(chunks, name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const { kind, path, external } of chunks.get(name).imports)
    if (kind === "import-statement" && !external) staticChunks(chunks, nameOf(path), found);
  return found;
}

function nameOf(path) {
  return `./${basename(path)}`;
}

async function commonJs(text, options) {
  const { code } = await transform(`"use strict";${text}`, {
    minify: true,
    target: options.target,
    platform: "node",
    format: "cjs",
  });
  return code.trim();
}

/** Resolves the chunks of the code to their texts. All others are left to `require`. */
function bundled(chunks, code) {
  return {
    name: "chunks",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\// }, ({ path }) =>
        code.has(path) ? { path, namespace: "chunk" } : { path, external: true },
      );
      onLoad({ filter: /./, namespace: "chunk" }, ({ path }) => ({ contents: chunks.get(path).text }));
    },
  };
}
