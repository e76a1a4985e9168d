/**
 * Bundles the packages that the single executable contains, as the file `packages.cjs`: a map of functions, each of which
 * loads one. Clients of databases, which users of the npm package install themselves, are among them.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Metafile, type Plugin } from "esbuild";
import protobuf from "protobufjs";

export const EXECUTABLE_PACKAGES = ["@grpc/grpc-js", "grpc-health-check", "mysql2", "pg", "@redis/client"];

/** Packages that those load only for features that healthbridge does not use. */
const UNUSED = ["pg-cloudflare", "pg-native", "@node-rs/xxhash", "@opentelemetry/api"];

const HEALTH_PROTO = fileURLToPath(
  new URL("../../node_modules/grpc-health-check/proto/health/v1/health.proto", import.meta.url),
);

/** Puts the definition into grpc-health-check, which reads it from a file. */
const healthProto: Plugin = {
  name: "health.proto",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]grpc-health-check[\\/]build[\\/]src[\\/]health\.js$/ }, ({ path }) => {
      const definition = new protobuf.Root().loadSync(HEALTH_PROTO, { keepCase: true }).toJSON();
      const text = readFileSync(path, "utf8");
      const contents = text.replace("loadSync)('health/v1/health.proto',", `fromJSON)(${JSON.stringify(definition)},`);
      if (contents === text) throw new Error(`${path}: the call of loadSync is not found`);
      return { contents, loader: "js" };
    });
  },
};

/** Writes the file. Returns what is in it. */
export async function bundlePackages(outfile: string): Promise<Metafile> {
  const entries = EXECUTABLE_PACKAGES.map((name) => `["${name}", () => require("${name}")]`);
  const { metafile } = await build({
    stdin: { contents: `module.exports = new Map([${entries.join(", ")}]);`, resolveDir: "." },
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    external: UNUSED,
    legalComments: "none", // LICENSES.txt has the licences
    metafile: true,
    logLevel: "warning",
    plugins: [healthProto],
  });
  return metafile;
}
