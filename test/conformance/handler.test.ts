/** The conformance suite against `health.handler()` on a server of `node:http2`, which belongs to the application. */
import { createServer, type ServerHttp2Session } from "node:http2";
import { describe } from "node:test";
import { Health } from "../../src/index.js";
import { badInputRows } from "./bad-input.rows.js";
import { checkRows } from "./check.rows.js";
import { lifecycleRows } from "./lifecycle.rows.js";
import { listRows } from "./list.rows.js";
import type { ServerFactory, ServerUnderTest } from "./server-under-test.js";
import { watchRows } from "./watch.rows.js";
import { wireRows } from "./wire.rows.js";

const start: ServerFactory = async ({ listLimit, maxWatchers, token, checks = {}, checkSettings = {} } = {}) => {
  const health = new Health({ listLimit, maxWatchers, token });
  for (const [name, check] of Object.entries(checks))
    health.check(name, check, { interval: "20s", timeout: "19s", ...checkSettings });
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(health.handler()).on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  const shutdown: ServerUnderTest["shutdown"] = async (times) => {
    await health.shutdown(times);
    server.close();
  };
  const stop = async () => {
    await shutdown({ drainDelayMs: 0 });
    for (const session of sessions) session.destroy();
  };
  return {
    port: address.port,
    addresses: [`127.0.0.1:${address.port}`],
    set: (service, status, details) => health.set(service, status, details),
    clear: (service) => health.clear(service),
    drain: () => health.drain(),
    resume: () => health.resume(),
    shutdown,
    stop,
    onTransition: (listener) => void health.onTransition(listener),
    watcherCount: () => health.watcherCount,
    watchedNameCount: () => health.watchedNameCount,
    connectionCount: () => sessions.size,
  };
};

/** The listener is the application's: its connections, TLS, HTTP/1 and closing. B22: gRPC-Web is served. */
const LEFT_OUT = [
  ...["[A19]", "[A64, B27]", "[A75, C39]", "[A77]", "[A87]", "[A88]", "[A89]", "[A90]", "[A91]", "[B22]"],
  "a method for balancers",
];

describe("conformance, handler()", { concurrency: 8 }, () => {
  for (const rows of [checkRows, watchRows, listRows, lifecycleRows, wireRows, badInputRows])
    rows(Object.assign(start.bind(undefined), { leftOut: LEFT_OUT }));
});
