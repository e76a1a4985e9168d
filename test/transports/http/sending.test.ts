/** Large answers on every carrier of Node's: whole for a client that reads, and ended for one that does not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { connect, type Server } from "node:net";
import { Duplex, type Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { subscribe } from "../../../src/core/channels.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import type { HttpBridge } from "../../../src/transports/http/bridge.js";
import { Http1Server } from "../../../src/transports/http/http1.js";
import { createHttp2Responder } from "../../../src/transports/http/http2.js";
import { createMiddleware } from "../../../src/transports/http/middleware.js";
import { UnreadAnswers } from "../../../src/transports/http/sending.js";
import { pem } from "../../listener/fixtures.js";
import { eventually, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { bridgeAt } from "./bridge-fixture.js";
import { endedConnections, MB, METRICS, pageOf } from "./http1-fixture.js";

/** A carrier: a server over a bridge, and a client that asks for the page and is paused. */
interface Carrier {
  serve(bridge: HttpBridge): { readonly server: Server; close(): Promise<void> };
  ask(socket: Duplex): Readable;
  /** Whether the connection is ended, or a stream of it alone. */
  readonly endsConnection: boolean;
}

const LAST_METRICS = METRICS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");

function request(socket: Duplex): Readable {
  socket.on("error", () => {}).write(LAST_METRICS);
  return socket.pause();
}

const CARRIERS: Readonly<Record<string, Carrier>> = {
  "HTTP/1 over TLS": {
    serve: (bridge) => {
      const http1 = new Http1Server(bridge, new FairTurns(bridge.clock, "sending"));
      const identity = { cert: pem("server.crt"), key: pem("server.key") };
      const server = createTlsServer(identity, (socket) => http1.accept(socket.on("error", () => {})));
      return { server, close: () => http1.close() };
    },
    ask: (socket) => request(tlsConnect({ socket, rejectUnauthorized: false })),
    endsConnection: true,
  },
  "the middleware": {
    serve: (bridge) => {
      const middleware = createMiddleware(bridge);
      const server = createHttpServer((request, response) => middleware(request, response, () => response.end()));
      return {
        server,
        close: async () => server.closeAllConnections(),
      };
    },
    ask: request,
    endsConnection: true,
  },
  "Node's HTTP/2": {
    serve: (bridge) => {
      const server = createHttp2Server();
      server.on("stream", createHttp2Responder(bridge));
      return { server, close: async () => {} };
    },
    ask: (socket) => {
      const session = connectHttp2("http://127.0.0.1", { createConnection: () => socket });
      const stream = session.request({ ":path": "/metrics" });
      stream.on("error", () => {}).once("close", () => session.destroy());
      return stream.pause();
    },
    endsConnection: false,
  },
};

/** A connection whose second end gets 1,200 bytes a second. */
function slowConnection(clock: VirtualClock): { readonly server: Duplex; readonly client: Duplex } {
  const client: Duplex = new Duplex({
    read: () => {},
    write: (chunk, _, done) => {
      server.push(chunk);
      done();
    },
  });
  const server = new Duplex({
    read: () => {},
    write: (chunk, _, done) => {
      clock.setTimer(chunk.length / 1.2, () => {
        client.push(chunk);
        done();
      });
    },
    final: (done) => {
      client.push(null);
      done();
    },
    destroy: (error, done) => {
      client.destroy();
      done(error);
    },
  });
  return { server, client };
}

async function serving(t: TestContext, carrier: Carrier, bytes = 17 * MB) {
  const fixture = bridgeAt(new VirtualClock(), { instance: "http1", metrics: pageOf(bytes) });
  const { server, close } = carrier.serve(fixture.bridge);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const clients: Readable[] = [];
  t.after(async () => {
    for (const client of clients) client.destroy();
    await close();
    await new Promise((resolve) => void server.close(resolve));
  });
  const ask = (socket: Duplex = connect(Object(server.address()).port, "127.0.0.1")) => {
    const client = carrier.ask(socket);
    clients.push(client);
    return client;
  };
  const askSlowly = () => {
    const { server: accepted, client } = slowConnection(fixture.clock);
    server.emit("connection", accepted);
    return ask(client);
  };
  return { ...fixture, ask, askSlowly };
}

for (const [name, carrier] of Object.entries(CARRIERS)) {
  describe(`a large answer over ${name}`, () => {
    test("arrives whole at a client that reads with pauses", async (t) => {
      const { ask, pool } = await serving(t, carrier);
      let text = "";
      let sincePause = 0;
      for await (const chunk of ask()) {
        text += chunk;
        sincePause += chunk.length;
        if (sincePause < MB) continue;
        sincePause = 0;
        await pause(5);
      }
      assert.equal(text.slice(text.indexOf("17000000x")).length, 17 * MB);
      await eventually(() => pool.heldBytes === 0, "released");
    });

    test("arrives whole at a client that reads 1,200 bytes a second", async (t) => {
      const { clock, askSlowly, pool } = await serving(t, carrier, 250_000);
      let text = "";
      const client = askSlowly().on("data", (chunk) => {
        text += chunk;
      });
      client.resume();
      let isClosed = false;
      client.once("close", () => {
        isClosed = true;
      });
      for (let seconds = 0; seconds < 300 && !isClosed; seconds += 1) await clock.advance(1_000);
      assert.equal(text.slice(text.indexOf("250000x")).length, 250_000);
      await eventually(() => pool.heldBytes === 0, "released");
    });

    test("is ended when the client takes nothing for 30 s", async (t) => {
      const { clock, ask, pool } = await serving(t, carrier);
      const ended = endedConnections(t);
      const client = ask();
      await eventually(() => pool.heldBytes > 0, "being sent");
      await pause(300);
      await clock.advance(25_000);
      assert.equal(pool.heldBytes, 17 * MB);
      await clock.advance(15_000);
      await eventually(() => pool.heldBytes === 0, "released");
      assert.deepEqual(
        ended.map(({ rule }) => rule),
        carrier.endsConnection ? ["unread-answer"] : [],
      );
      client.resume();
      await once(client, "close");
      await clock.advance(10_000);
      assert.equal(clock.pendingTimers, 0);
    });
  });
}

test("pipelined requests for a large page are answered one by one by the middleware, too", async (t) => {
  const carrier = CARRIERS["the middleware"];
  assert.ok(carrier !== undefined);
  const responses: { readonly writableLength: number }[] = [];
  const { bridge } = bridgeAt(new VirtualClock(), { metrics: pageOf(17 * MB) });
  const middleware = createMiddleware(bridge);
  const server = createHttpServer((request, response) => {
    responses.push(response);
    middleware(request, response, () => response.end());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const client = connect(Object(server.address()).port, "127.0.0.1");
  t.after(async () => {
    client.destroy();
    await new Promise((resolve) => void server.close(resolve));
  });
  client.pause().write(METRICS.repeat(450));
  await eventually(() => responses.length === 450, "all are parsed");
  const waiting = () => responses.reduce((sum, { writableLength }) => sum + writableLength, 0);
  await eventually(async () => {
    const before = waiting();
    await pause(300);
    return before > 0 && waiting() === before;
  }, "the kernel takes no more");
  assert.ok(waiting() <= 512 * 1024, `${waiting()} bytes wait`);
});

test("an output that makes progress between two looks is not ended, whatever its progress is", async () => {
  const clock = new VirtualClock();
  const unread = new UnreadAnswers(clock, "http1");
  let progress: number | undefined;
  let ends = 0;
  const unwatch = unread.watch({ progress: () => progress, end: () => (ends += 1) });
  for (const next of [1, 2, undefined, 0, 5, 4, undefined]) {
    progress = next;
    await clock.advance(25_000);
  }
  assert.equal(ends, 0);
  progress = 3;
  unwatch();
  await clock.advance(60_000);
  assert.deepEqual([ends, clock.pendingTimers], [0, 0]);
});

test("an output that throws is published as a fault, and the others are still ended", async (t) => {
  const clock = new VirtualClock();
  const unread = new UnreadAnswers(clock, "unread");
  const faults: unknown[] = [];
  t.after(subscribe("fault", ({ instance, error }) => void (instance === "unread" && faults.push(error))));
  const error = new Error("broken");
  const fail = () => {
    throw error;
  };
  const ends: string[] = [];
  unread.watch({ progress: () => 1, end: fail });
  const unwatch = unread.watch({ progress: fail, end: () => {} });
  unread.watch({ progress: () => 1, end: () => void ends.push("second") });
  await clock.advance(40_000);
  assert.deepEqual(ends, ["second"]);
  unwatch();
  assert.ok(faults.length > 2 && faults.every((each) => each === error), `${faults.length} faults`);
  unread.watch({ progress: () => 1, end: () => void ends.push("later") });
  await clock.advance(40_000);
  assert.deepEqual([ends, clock.pendingTimers], [["second", "later"], 0]);
});
