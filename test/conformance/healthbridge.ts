/** healthbridge under test, by its public door. */
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";
import type { ServerFactory } from "./server-under-test.js";

/** A factory of servers with one of our engines. */
export const healthbridgeOn =
  (engine: "native" | "grpc-js"): ServerFactory =>
  async (options = {}) => {
    const {
      listen = ["127.0.0.1:0"],
      listLimit,
      maxWatchers,
      token,
      checks = {},
      checkSettings = {},
      keepaliveMs,
      ...rest
    } = options;
    const health = new Health({ listLimit, maxWatchers, token });
    for (const [name, check] of Object.entries(checks)) {
      health.check(name, check, { interval: "20s", timeout: "19s", ...checkSettings });
    }
    const keepalive =
      keepaliveMs === undefined ? {} : { keepaliveTimeMs: keepaliveMs, keepaliveTimeoutMs: keepaliveMs };
    const server = await health.listen(listen, { engine, ...rest, ...keepalive });
    return {
      port: portOf(server),
      addresses: server.addresses.map((address) =>
        "port" in address ? `${address.host}:${address.port}` : address.path,
      ),
      set: (service, status, details) => health.set(service, status, details),
      clear: (service) => health.clear(service),
      drain: () => health.drain(),
      resume: () => health.resume(),
      shutdown: (times) => health.shutdown(times),
      stop: () => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }),
      onTransition: (listener) => void health.onTransition(listener),
      watcherCount: () => health.watcherCount,
      watchedNameCount: () => health.watchedNameCount,
      connectionCount: () => server.connectionCount,
    };
  };
