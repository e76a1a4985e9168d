/** An answer that waits for something, on every carrier: it is stopped when its client has gone, and sent when it is ready. */
import assert from "node:assert/strict";
import { get as getHttp1, type IncomingMessage } from "node:http";
import { type ClientHttp2Session, connect, createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { FairTurns } from "../../../src/core/fair-turns.js";
import { SharedBytesPool } from "../../../src/core/shared-bytes.js";
import { createH2Engine } from "../../../src/transports/h2/engine.js";
import { Http1Server } from "../../../src/transports/http/http1.js";
import { createHttp2Responder } from "../../../src/transports/http/http2.js";
import type { HttpAnswer, HttpRequest, ServerResponder } from "../../../src/wire/http-message.js";
import { eventually } from "../../support/eventually.js";

/** Holds each answer until a test sends it. */
class Holding implements ServerResponder {
  readonly tooManyBodyBytes = 1;
  readonly clock = systemClock;
  readonly instance = "waiting";
  readonly draining = false;
  readonly requests: HttpRequest[] = [];
  readonly sends: ((answer: HttpAnswer) => void)[] = [];
  stopped = 0;

  wantsBody(): boolean {
    return false;
  }

  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): () => void {
    this.requests.push(request);
    this.sends.push(send);
    return () => {
      this.stopped += 1;
    };
  }

  countRefusal(): void {}
}

interface Carrier {
  serve(responder: Holding): Server;
  /** Asks, and returns a function that goes away. `onAnswer` gets the body. */
  ask(port: number, onAnswer: (body: string) => void): () => void;
}

const HEADERS = { "x-consul-token": "secret" };

const h2: Carrier["ask"] = (port, onAnswer) => {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": "/", ...HEADERS });
  stream.on("error", () => {}).on("data", (bytes) => onAnswer(String(bytes)));
  stream.on("end", () => session.close());
  return () => session.destroy();
};

const ms = 60_000;
const TIMES = {
  ...{ keepaliveTimeMs: ms, keepaliveTimeoutMs: ms, maxConnectionIdleMs: ms, maxConnectionAgeMs: ms },
  ...{ maxConnectionAgeGraceMs: ms, firstBytesTimeoutMs: ms, requestTimeoutMs: ms, answerTimeoutMs: ms },
};

const CARRIERS: Readonly<Record<string, Carrier>> = {
  "HTTP/1": {
    serve: (responder) => {
      const http1 = new Http1Server(responder, new FairTurns(systemClock, "waiting"));
      const server = createServer({ allowHalfOpen: true }, (socket) => http1.accept(socket.on("error", () => {})));
      server.on("close", () => void http1.close());
      return server;
    },
    ask: (port, onAnswer) => {
      const onResponse = (response: IncomingMessage) => response.on("data", (bytes) => onAnswer(String(bytes)));
      const request = getHttp1({ port, host: "127.0.0.1", headers: HEADERS, agent: false }, onResponse);
      request.on("error", () => {});
      return () => request.destroy();
    },
  },
  "our HTTP/2 engine": {
    serve: (responder) => {
      const parts = { service: undefined, reflection: undefined, statusCodePaths: [], pool: new SharedBytesPool() };
      const turns = new FairTurns(systemClock, "waiting");
      const deps = { clock: systemClock, turns, random: Math.random, instance: "waiting", times: TIMES };
      const engine = createH2Engine({ ...parts, ...deps, responder });
      return createServer((socket) => engine.accept(socket.on("error", () => {})));
    },
    ask: h2,
  },
  "Node's HTTP/2": {
    serve: (responder) => createHttp2Server().on("stream", createHttp2Responder(responder)),
    ask: h2,
  },
};

for (const [name, carrier] of Object.entries(CARRIERS))
  describe(`an answer that waits, over ${name}`, () => {
    async function asked(t: TestContext) {
      const responder = new Holding();
      const server = carrier.serve(responder);
      const sockets = new Set<Socket>();
      server.on("connection", (socket: Socket) => sockets.add(socket));
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      t.after(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      const bodies: string[] = [];
      const leave = carrier.ask(Object(server.address()).port, (body) => bodies.push(body));
      await eventually(() => responder.requests.length === 1, "the request");
      return { responder, bodies, leave };
    }

    test("the client that goes away stops it, and a later answer is lost", async (t) => {
      const { responder, leave } = await asked(t);
      assert.equal(responder.stopped, 0);
      leave();
      await eventually(() => responder.stopped > 0, "stopped");
      responder.sends[0]?.({ status: 200, headers: {}, body: "late" });
    });

    test("the client gets it when it is sent, and its token was read", async (t) => {
      const { responder, bodies } = await asked(t);
      assert.equal(responder.requests[0]?.consulToken, "secret");
      responder.sends[0]?.({ status: 200, headers: {}, body: "now" });
      await eventually(() => bodies.join("") === "now", "the answer");
      await eventually(() => responder.stopped > 0, "the end is told");
    });
  });
