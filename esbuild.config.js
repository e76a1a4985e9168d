/**
 * Bundles the library, the packages that it contains and the command line, after tsc: `node esbuild.config.js`.
 *
 *     dist/                   the library: scripts/library.js
 *     dist/third-party/       packages of others: scripts/third-party.js
 *     dist/cli/               the command line, in CommonJS files:
 *       main.cjs                the program `healthbridge`: a launcher of a few lines
 *       commands.cjs            all commands
 *       config-worker.cjs       the thread that reads a configuration for a reload
 *       listener-thread.cjs     the thread that serves, with `listenThread`
 *       grpc-health-probe.cjs   the command `probe` alone, which is also a program
 *
 * Node finds and reads each module by itself, and its loader for ES modules needs 5 MB and some milliseconds more than
 * that for CommonJS. A dynamic `import()` of our own code still runs that code only when it is reached. Packages stay
 * outside of these bundles, and are loaded when they are needed.
 */
import { rmSync } from "node:fs";
import { build } from "esbuild";
import { updateManifest } from "./scripts/doors.js";
import { buildLibrary } from "./scripts/library.js";
import { buildProbe } from "./scripts/probe.js";
import { buildThirdParty, thirdPartyFiles } from "./scripts/third-party.js";

const OUT = "dist/cli";

const COMMON = {
  outdir: OUT,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  sourcemap: false, // names of functions and files are in the code; the maps would be a fifth of the package
  legalComments: "eof",
  logLevel: "warning",
};

/** The commands, and the threads of `serve`. */
const DAEMON = {
  ...COMMON,
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "importMetaUrl" },
  external: ["@grpc/*", "grpc-health-check", "mysql2", "pg", "@redis/client"],
  plugins: [thirdPartyFiles("../third-party")],
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
updateManifest();
await Promise.all([
  buildLibrary(),
  buildThirdParty(),
  build({ ...DAEMON, entryPoints: { commands: "src/cli/main.ts" } }),
  build({
    ...DAEMON,
    entryPoints: {
      "config-worker": "src/cli/config-worker.ts",
      "listener-thread": "src/daemon/thread/listener-thread.ts",
    },
  }),
  build({
    ...COMMON,
    entryPoints: { main: "src/cli/launcher.ts" },
    plugins: [bundlesBeside],
    supported: { "dynamic-import": false }, // `require` is faster
  }),
  buildProbe(COMMON),
]);
