/**
 * The process under test: `subject.ts BUILD ENGINE`. It serves everything that a build can serve, and reports its condition.
 *
 *     clear, tls     status-code paths, reflection, metrics, a heartbeat          token     the same, with a token
 *     large          10,000 services                                            middleware  Node's http
 *     added          addToServer on a server of grpc-js (engine grpc-js only)   proxied     behind a proxy
 *
 * It is a process of its own, so that a crash is an exit. It imports the build, so that any Node and any commit can run.
 */
import { channel } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";
import type { EngineName } from "../../../src/core/engine-name.js";
import { LARGE, type Listener, NAMES, STATUS_CODE_PATH, TOKEN } from "./names.js";

/** How the process is. */
export interface Condition {
  readonly connections: number;
  readonly watchers: number;
  readonly rssBytes: number;
  /** Messages of the `fault` channel. */
  readonly faults: readonly string[];
  /** What was answered: calls by method, and HTTP requests by route. */
  readonly answered: Readonly<Record<string, number>>;
}

/** The first message to the parent. */
export type Ports = Readonly<Partial<Record<Listener, number>>>;

const [, , build = "", engineArgument = "native"] = argv;
const engine = engineArgument as EngineName; // written by subject-process.ts
const entry = join(build, "dist/index.js");
// a build has the interface of its sources
const { Health } = (await import(pathToFileURL(entry).href)) as typeof import("../../../src/index.js");

const faults: string[] = [];
const answered: Record<string, number> = {};
const count = (what: string) => {
  answered[what] = (answered[what] ?? 0) + 1;
};
// only healthbridge publishes on its channels
channel("healthbridge:fault").subscribe((message) => {
  const { where, error } = message as { where: string; error: unknown };
  faults.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
});
channel("healthbridge:call").subscribe((message) => count((message as { method: string }).method));
channel("healthbridge:http-request").subscribe((message) => count((message as { route: string }).route));

function createHealth(options: ConstructorParameters<typeof Health>[0] = {}) {
  const health = new Health({ metrics: true, ...options });
  for (const [name, status] of Object.entries(NAMES)) health.set(name, status);
  health.heartbeat("beat", { ttl: "1h", token: TOKEN });
  return health;
}

const main = createHealth();
const guarded = createHealth({ token: TOKEN });
const large = createHealth();
for (let index = 0; index < LARGE - Object.keys(NAMES).length - 2; index += 1) large.set(`service-${index}`, "SERVING");

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url));
const options = { engine, statusCodePaths: [STATUS_CODE_PATH], requestTimeoutMs: 500, firstBytesTimeoutMs: 500 };
const identity = { cert: fixture("server.crt"), key: fixture("server.key") };
const proxy = { address: "127.0.0.1:0", proxyProtocol: { from: ["127.0.0.1"] } };
// an older build has no such listener
const proxied = await main.listen([proxy], options).catch(() => undefined);
const servers = {
  clear: await main.listen(["127.0.0.1:0"], options),
  tls: await main.listen(["127.0.0.1:0"], { ...options, tls: identity }),
  token: await guarded.listen(["127.0.0.1:0"], options),
  large: await large.listen(["127.0.0.1:0"], options),
  ...(proxied === undefined ? {} : { proxied }),
};

const http = createServer({ requestTimeout: 1_000, connectionsCheckingInterval: 300 });
const answer = main.middleware();
http.on("request", (request, response) => {
  answer(request, response, () => response.writeHead(404).end());
});
const middleware = await new Promise<number>((resolve) => {
  http.listen(0, "127.0.0.1", () => {
    const address = http.address();
    resolve(typeof address === "object" && address !== null ? address.port : 0);
  });
});

/** grpc-js of the build, with its health service. */
function addToServer(): Promise<number> {
  const grpc: typeof import("@grpc/grpc-js") = createRequire(entry)("@grpc/grpc-js");
  const server = new grpc.Server();
  main.addToServer(server);
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

function condition(): Condition {
  return {
    connections: Object.values(servers).reduce((sum, { connectionCount }) => sum + connectionCount, 0),
    watchers: [main, guarded, large].reduce((sum, { watcherCount }) => sum + watcherCount, 0),
    rssBytes: process.memoryUsage.rss(),
    faults,
    answered,
  };
}

const added = engine === "grpc-js" ? await addToServer() : undefined;
process.on("message", () => process.send?.(condition()));
process.on("disconnect", () => process.exit());
const ports = Object.entries(servers).map(([name, { addresses }]) => {
  const [first] = addresses;
  return [name, first !== undefined && "port" in first ? first.port : 0];
});
process.send?.({ ...Object.fromEntries(ports), middleware, ...(added === undefined ? {} : { added }) } satisfies Ports);
