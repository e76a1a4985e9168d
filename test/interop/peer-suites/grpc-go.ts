/**
 * grpc-go's own end-to-end tests of health checks (test/healthcheck_test.go), compiled against our servers.
 *
 * The file comes from Go's module proxy, with the module's tests. Its servers are replaced by child processes of ours, which
 * grpc-go/ours_test.go drives. The compiled program stays in the cache of the interop suite.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goTests } from "./fetch.js";

const VERSION = "v1.84.0";
const OURS = fileURLToPath(new URL("grpc-go/ours_test.go", import.meta.url));

interface Replacement {
  readonly pattern: RegExp;
  readonly by: string;
  /** How often the pattern must match. */
  readonly times: number;
}

const REPLACEMENTS: readonly Replacement[] = [
  { pattern: /\n\t"google\.golang\.org\/grpc\/health"\n/g, by: "\n", times: 1 },
  { pattern: /\nfunc setupServer\(/g, by: "\nfunc setupServerOfGrpcGo(", times: 1 },
  {
    // a server without any health service
    pattern: /\ts := grpc\.NewServer\(\)\n\tlis, err := net\.Listen\([\s\S]*?\tdefer s\.Stop\(\)\n/g,
    by: '\tlis := startOurs(t, "without-health")\n',
    times: 1,
  },
  {
    // a Watch that ends with an error
    pattern: /(TestHealthCheckChannelzCountingCallFailure\([\s\S]*?)\t_, lis, _ := setupServer\(t, watchFunc\)\n/g,
    by: "$1\t_, lis, ts := setupServer(t, watchFunc)\n\tts.ShutDownHealth()\n",
    times: 1,
  },
  {
    // a status that is set before the server starts
    pattern:
      /\ths := health\.NewServer\(\)\n(\tte := .*\n)\tte\.healthServer = hs\n\ths\.SetServingStatus\((\w+), \w+\.HealthCheckResponse_(\w+)\)\n\tte\.startServer\(.*\)\n/g,
    by: '$1\tte.startOurs($2 + "=$3")\n',
    times: 1,
  },
  { pattern: /\tte\.startServer\(&testServer\{security: e\.security\}\)/g, by: "\tte.startOurs()", times: 10 },
  { pattern: /\bte\.setHealthServingStatus\(/g, by: "te.setOurs(", times: 11 },
];

/** The compiled tests: a program with the flags of `go test`. */
export function grpcGoSuite(): string {
  return goTests({
    ...{ module: "google.golang.org/grpc", version: VERSION, folder: "test" },
    key: [OURS, fileURLToPath(import.meta.url)],
    change: (folder) => {
      const file = join(folder, "healthcheck_test.go");
      writeFileSync(file, patched(readFileSync(file, "utf8"), REPLACEMENTS));
      writeFileSync(join(folder, "ours_test.go"), readFileSync(OURS));
    },
  });
}

/**
 * Changes a source file of another project. Each replacement must match as often as it says: a version of the file that the list
 * does not fit is an error, and never a test that silently runs something else.
 * @throws Error naming the pattern that matches another number of times
 */
export function patched(source: string, replacements: readonly Replacement[]): string {
  return replacements.reduce((text, { pattern, by, times }) => {
    const found = [...text.matchAll(pattern)].length;
    if (found !== times) throw new Error(`${pattern} matches ${found} times, and must match ${times} times`);
    return text.replaceAll(pattern, by);
  }, source);
}
