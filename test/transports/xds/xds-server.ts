/** A server of xDS on a port of loopback: the native engine over a catalog. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { TestContext } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import type { XdsService } from "../../../src/transports/xds/service.js";

/** Serves until the test ends. Returns the port. */
export async function serveXds(t: TestContext, service: XdsService, answerTimeoutMs = 30_000): Promise<number> {
  const { port, close } = await listenXds(service, answerTimeoutMs);
  t.after(close);
  return port;
}

/** @param ms the age of a connection, and its other times */
export async function listenXds(service: XdsService, answerTimeoutMs: number, ms = 60_000) {
  const engine = createH2Engine({
    ...{ clock: systemClock, turns: new FairTurns(systemClock, "xds"), random: Math.random, instance: "xds" },
    ...{ pool: new SharedBytesPool(), service: undefined, reflection: undefined, statusCodePaths: [] },
    streamMethods: service.methods,
    times: {
      ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
      ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: ms, requestTimeoutMs: ms, answerTimeoutMs },
    },
    responder: {
      tooManyBodyBytes: 1,
      wantsBody: () => false,
      answer: (_, send) => void send({ status: 404, headers: {}, body: "" }),
    },
  });
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    engine.accept(socket);
  });
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // a server that listens on a port has an address with one
  return { port: (server.address() as AddressInfo).port, close };
}
