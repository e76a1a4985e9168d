/** The routes of discovery on a port: HTTP/1 and HTTP/2 as the daemon serves them, and gRPC beside them. */
import type { Clock } from "../../../src/core/clock.js";
import { parseListenAddress } from "../../../src/core/listen-address.js";
import { type Listener, listen } from "../../../src/listener/listener.js";
import { HealthService } from "../../../src/transports/grpc/health-service.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import { Http1Server } from "../../../src/transports/http/http1.js";
import type { Site } from "./discovery-fixture.js";

const ms = 120_000;
const TIMES = {
  ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
  ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: 10_000, requestTimeoutMs: 10_000, answerTimeoutMs: 30_000 },
};

export interface DiscoveryServer {
  readonly port: number;
  readonly listener: Listener;
  /** Drains as the daemon does: the blocked queries first. */
  drain(): void;
  close(): Promise<void>;
}

export async function serveDiscovery<C extends Clock>(site: Site<C>): Promise<DiscoveryServer> {
  const { clock, turns, pool, routes } = site;
  const http1 = new Http1Server(routes, turns);
  const parts = { reflection: undefined, statusCodePaths: [], pool, times: TIMES, responder: routes };
  const service = new HealthService(site.registry);
  const engine = createH2Engine({ ...parts, clock, turns, random: Math.random, instance: "discovery", service });
  const listener = await listen([{ address: parseListenAddress("127.0.0.1:0"), proxies: undefined }], {
    ...{ clock, instance: "discovery", maxConnections: 20_000 },
    sinks: { http1: (socket, client) => http1.accept(socket, client), http2: engine.accept },
  });
  const [bound] = listener.addresses;
  if (bound === undefined || !("port" in bound)) throw new Error("no port");
  const drain = () => {
    listener.stopAccepting();
    routes.end();
    engine.drain();
    http1.closeIdle();
  };
  const close = async () => {
    drain();
    await http1.close();
    await listener.destroy();
  };
  return { port: bound.port, listener, drain, close };
}
