/**
 * Bundles the command line into one CommonJS file, and the thread that reads a configuration for a reload into another:
 * `node esbuild.config.js`, after tsc.
 *
 * Node finds and reads each module by itself, and its loader for ES modules needs 5 MB and some milliseconds more than
 * that for CommonJS. A dynamic `import()` of our own code still runs that code only when it is reached. Packages stay
 * outside of the bundle, and are loaded when they are needed.
 */
import { rmSync } from "node:fs";
import { build } from "esbuild";

const OUT = "dist/cli";

rmSync(OUT, { recursive: true, force: true });
await build({
  entryPoints: ["src/cli/main.ts", "src/cli/config-worker.ts"],
  outdir: OUT,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "importMetaUrl" },
  sourcemap: true,
  legalComments: "eof",
  logLevel: "warning",
  external: [
    ...["@grpc/*", "@valibot/*", "grpc-health-check", "mysql2", "mysql2/*", "pg"],
    ...["re2js", "valibot", "yaml"],
  ],
});
