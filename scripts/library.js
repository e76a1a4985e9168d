/**
 * Bundles the library: the doors, and chunks that are loaded when they are needed.
 *
 *     src/*.ts --esbuild: ES modules, with chunks--> --esbuild: each to CommonJS--> dist/*.cjs
 *                                                    --names of its exports------> dist/DOOR.js
 *
 * esbuild splits only ES modules into chunks, so there are two steps. The chunks are CommonJS: Node loads them in half the
 * time, and Jest and TypeScript's `node16` can load them by `require`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { build, transform } from "esbuild";
import { DOOR_FILES } from "./doors.js";
import { thirdPartyFiles } from "./third-party.js";

const OUT = "dist";

/**
 * Files of src/ that are loaded at their first use, with all that they alone need. The sources import them as any other
 * file. No module has state or effects when it is loaded (test/architecture.test.ts), so it can be loaded later.
 *
 * `import "healthbridge"` loads none of them.
 */
const LAZY = [
  ...["checks/check-engine", "checks/sources", "daemon/history", "daemon/server", "frameworks/bullmq-check"],
  ...["probers/exec", "probers/pressure-check", "probers/program", "probers/schemes", "telemetry/metrics"],
  ...["transports/http/bridge", "transports/http/event-streams", "transports/node/handler", "telemetry/open-telemetry"],
];

/** Modules of Node that need milliseconds to load, and that are seldom used. */
const LAZY_BUILTINS = ["node:crypto", "node:tls"];

/** Files that are loaded by `import()`, and that no door needs before `Health`. */
const ENGINES = [
  ...["transports/grpc-js/engine", "transports/h2/engine", "transports/http/http2"],
  "daemon/thread/thread-server",
];

/** Doors whose users have a `Health`, so that `healthbridge` is loaded anyway. */
const DOORS_AFTER_INDEX = ["fastify", "nestjs"];

/** The code of the listener thread. `daemon/thread/listener-worker` names the file, which is beside its own chunk. */
const THREAD = { in: "src/daemon/thread/listener-thread.ts", out: "listener-thread" };

/** The URL of a chunk. In an ES module, which a bundler of the application may write, there is no `__filename`. */
const OWN_URL = `const importMetaUrl = require("node:url").pathToFileURL(
  typeof __filename === "string" ? __filename : process.cwd() + "/-",
).href;`;

const lazyName = (path) => path.replaceAll("/", "-");

/** The path of a file in src/, without its ending. */
const sourceName = (file) =>
  relative("src", file)
    .replaceAll("\\", "/")
    .replace(/\.[jt]s$/, "");

/** Makes each lazy file a bundle of its own. */
const lazyFiles = {
  name: "lazy files",
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, kind }) => {
      const name = sourceName(join(resolveDir, path));
      if (kind !== "import-statement" || !LAZY.includes(name)) return undefined;
      return { path: `./${lazyName(name)}.cjs`, external: true };
    });
  },
};

/**
 * Says that these files are loaded after `healthbridge`, which they are. esbuild makes a chunk for each set of files that
 * needs the same modules. This way, what `healthbridge` loads at once is one chunk instead of thirty.
 */
const afterIndex = {
  name: "after index",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
      if (![...LAZY, ...ENGINES, ...DOORS_AFTER_INDEX].includes(sourceName(path))) return undefined;
      const text = readFileSync(path, "utf8");
      return { contents: `${text}\nimport ${JSON.stringify(resolve("src/index.ts"))};\n`, loader: "ts" };
    });
  },
};

/** Puts the version into the code: a program that contains the library as a bundle has no package.json of it. */
const ownVersion = {
  name: "own version",
  setup({ onLoad }) {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    onLoad({ filter: /[\\/]src[\\/]core[\\/]version\.ts$/ }, () => ({
      contents: `export const version = () => ${JSON.stringify(version)};`,
    }));
  },
};

export async function buildLibrary() {
  const lazy = LAZY.map((path) => ({ in: `src/${path}.ts`, out: lazyName(path) }));
  const { outputFiles, metafile } = await build({
    entryPoints: [...DOOR_FILES.map((file) => ({ in: `src/${file}.ts`, out: file })), ...lazy, THREAD],
    outdir: OUT,
    outExtension: { ".js": ".cjs" },
    chunkNames: "chunk-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external: ["@grpc/*", "grpc-health-check", "mysql2", "pg", "@redis/client"],
    plugins: [lazyFiles, afterIndex, ownVersion, thirdPartyFiles("./third-party")],
    sourcemap: "inline",
    legalComments: "none",
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  mkdirSync(OUT, { recursive: true });
  for (const file of readdirSync(OUT)) if (/\.cjs(?:\.map)?$/.test(file)) rmSync(join(OUT, file));
  await Promise.all(outputFiles.map(writeCommonJs));
  for (const file of DOOR_FILES) {
    const names = metafile.outputs[`${OUT}/${file}.cjs`].exports;
    // by name: a default import of CommonJS means something else in each bundler
    writeFileSync(`${OUT}/${file}.js`, `export { ${names.join(", ")} } from "./${file}.cjs";\n`);
  }
}

/** Writes an ES module as CommonJS. Its source map leads to src/ as before. */
async function writeCommonJs({ path, text: source }) {
  const usesUrl = source.includes("import.meta.url");
  const { code, map } = await transform(source, {
    format: "cjs",
    platform: "node",
    target: "node20",
    sourcemap: "external",
    sourcesContent: false, // names and lines for stack traces; the texts would be a quarter of the package
    sourcefile: `${basename(path, ".cjs")}.mjs`, // `require` of a package gives what `import` of an ES module does
    banner: usesUrl ? OWN_URL : undefined,
    define: { "import.meta.url": "importMetaUrl" },
    supported: { "dynamic-import": false }, // `require` is faster
    logLevel: "warning",
  });
  const text = requireLater(code).replaceAll(/\bload\d*(?=\("(?:\.\/third-party\/|@nestjs\/))/g, "require"); // a bundler sees `require`
  writeFileSync(path, `${text}//# sourceMappingURL=${basename(path)}.map\n`);
  writeFileSync(`${path}.map`, map);
}

/** Loads the lazy modules when one of their exports is used, instead of at the start. */
function requireLater(code) {
  const modules = [...LAZY.map((path) => `\\./${lazyName(path)}\\.cjs`), ...LAZY_BUILTINS].join("|");
  const requires = [...code.matchAll(new RegExp(`^var (import_\\w+) = (require\\("(?:${modules})"\\));$`, "gm"))];
  return requires.reduce(
    (text, [statement, name, call]) =>
      text
        .replaceAll(`${name}.`, `(${name}()).`)
        .replace(statement, `var ${name}_loaded; function ${name}() { return ${name}_loaded ??= ${call}; }`),
    code,
  );
}
