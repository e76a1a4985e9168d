/**
 * Bundles the command line into CommonJS files, after tsc: `node esbuild.config.js`.
 *
 *     main.cjs                the program `healthbridge`: a launcher of a few lines
 *     commands.cjs            all commands
 *     config-worker.cjs       the thread that reads a configuration for a reload
 *     listener-thread.cjs     the thread that serves, with `listenThread`
 *     grpc-health-probe.cjs   the command `probe` alone, which is also a program
 *
 * Node finds and reads each module by itself, and its loader for ES modules needs 5 MB and some milliseconds more than
 * that for CommonJS. A dynamic `import()` of our own code still runs that code only when it is reached. Packages stay
 * outside of the bundle, and are loaded when they are needed.
 */
import { rmSync } from "node:fs";
import { build } from "esbuild";

const OUT = "dist/cli";

const COMMON = {
  outdir: OUT,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  sourcemap: true,
  legalComments: "eof",
  logLevel: "warning",
};

/** The launcher does not contain the files that it loads, but the names of their bundles. */
const bundlesBeside = {
  name: "bundles beside the launcher",
  setup({ onResolve }) {
    const names = { "./main.js": "./commands.cjs", "./grpc-health-probe.js": "./grpc-health-probe.cjs" };
    onResolve({ filter: /^\.\// }, ({ path }) => (path in names ? { path: names[path], external: true } : undefined));
  },
};

rmSync(OUT, { recursive: true, force: true });
await Promise.all([
  build({
    ...COMMON,
    entryPoints: {
      commands: "src/cli/main.ts",
      "config-worker": "src/cli/config-worker.ts",
      "listener-thread": "src/daemon/thread/listener-thread.ts",
    },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    define: { "import.meta.url": "importMetaUrl" },
    external: [
      ...["@grpc/*", "@valibot/*", "grpc-health-check", "mysql2", "mysql2/*", "pg"],
      ...["re2js", "valibot", "yaml"],
    ],
  }),
  build({
    ...COMMON,
    entryPoints: { main: "src/cli/launcher.ts" },
    plugins: [bundlesBeside],
    supported: { "dynamic-import": false }, // `require` is faster
  }),
  build({
    ...COMMON,
    entryPoints: ["src/cli/grpc-health-probe.ts"],
    define: { "import.meta.url": "__filename" }, // createRequire takes a path too
    minify: true,
  }),
]);
