/**
 * Many targets say goodbye at the very moment when they are probed: none of the probes fails.
 *
 *     before   the goodbye crosses the request on the wire
 *     instead  the request has arrived, and the goodbye is the answer
 *     after    the goodbye follows the answer at once
 */
import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { Health } from "../../src/daemon/health.js";
import type { ProberOptions } from "../../src/probers/options.js";
import type { Prober } from "../../src/probers/prober.js";
import { openTarget } from "../../src/probers/schemes.js";
import { pause } from "../support/eventually.js";
import { FAKE_SERVERS, type FakeServer, REUSING_SCHEMES } from "./fake-servers.js";
import { probe } from "./probing.js";
import { goaway, Target } from "./targets.js";
import { CLOSE, serverFrame, TEXT, webSocketServer } from "./websocket-server.js";

const TARGETS = 50;

type Goodbye = (socket: Socket) => void;
type Moment = "before" | "instead" | "after";

const fin: Goodbye = (socket) => void socket.end();
const reset: Goodbye = (socket) => void socket.resetAndDestroy();
const saying = (bytes: string | Buffer, end: Goodbye = fin): Goodbye => {
  return (socket) => {
    socket.write(bytes);
    end(socket);
  };
};

/** RFC 9110, section 15.5.9: a server may send it on an idle connection. HAProxy and others do. */
const REQUEST_TIMEOUT = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/** ErrorResponse of PostgreSQL. */
const postgresError = (code: string) => {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mterminating connection\0\0`);
  return Buffer.concat([Buffer.from([0x45, 0, 0, 0, fields.length + 4]), fields]);
};

/** ERR of MySQL, as the first packet of an answer. */
const mysqlError = (code: number, state: string) => {
  const text = Buffer.from(`#${state}goodbye`);
  return Buffer.concat([Buffer.from([text.length + 3, 0, 0, 1, 0xff, code & 0xff, code >> 8]), text]);
};

/** Connection.Close of AMQP. */
const amqpClose = (code: number, text: string) => {
  const args = Buffer.concat([Buffer.from([code >> 8, code & 0xff, text.length]), Buffer.from(text), Buffer.alloc(4)]);
  const head = Buffer.from([1, 0, 0, 0, 0, 0, args.length + 4, 0, 10, 0, 50]);
  return Buffer.concat([head, args, Buffer.from([0xce])]);
};

/** The first call has the stream 1, and the one that the goodbye meets has the stream 3. */
const HTTP2 = {
  "GOAWAY before the call": saying(goaway(1, 0)),
  "GOAWAY ENHANCE_YOUR_CALM": saying(goaway(1, 11)),
  "GOAWAY in two steps": saying(Buffer.concat([goaway(2 ** 31 - 1, 0), goaway(1, 0)])),
  "GOAWAY that takes the call in, and the end": saying(goaway(3, 0)),
} as const;

const FORCED = saying(amqpClose(320, "CONNECTION_FORCED - broker forced connection closure"));

/** The goodbyes of the schemes that keep a connection, beside FIN and RST. */
const GOODBYES: Readonly<Record<keyof typeof FAKE_SERVERS, Readonly<Record<string, Goodbye>>>> = {
  http: { "408": saying(REQUEST_TIMEOUT) },
  "flower+http": { "408": saying(REQUEST_TIMEOUT) },
  redis: {},
  grpc: HTTP2,
  postgres: { "57P01": saying(postgresError("57P01")), "57P05": saying(postgresError("57P05")) },
  mysql: { 1053: saying(mysqlError(1053, "08S01")), 4031: saying(mysqlError(4031, "HY000")) },
  amqp: { 320: FORCED, "320 and no FIN": saying(amqpClose(320, "CONNECTION_FORCED"), () => {}) },
};

interface Row {
  readonly label: string;
  readonly scheme: string;
  readonly options: ProberOptions;
  readonly server: FakeServer;
  readonly goodbye: Goodbye;
}

const ROWS: readonly Row[] = (Object.keys(FAKE_SERVERS) as (keyof typeof FAKE_SERVERS)[]).flatMap((scheme) =>
  Object.entries({ FIN: fin, RST: reset, ...GOODBYES[scheme] }).flatMap(([name, goodbye]) => {
    const row = { label: `${scheme}, ${name}`, scheme, options: {}, server: FAKE_SERVERS[scheme], goodbye };
    const http2 = { ...row, label: `http/2, ${name}`, scheme: "http", options: { http2: "prior-knowledge" } } as const;
    return scheme === "grpc" ? [row, http2] : [row];
  }),
);

test("every scheme that keeps a connection over TCP is tested here, without its TLS", () => {
  const plain = REUSING_SCHEMES.filter((scheme) => !/\+unix$|^https$|^rediss$|^grpcs$|^amqps$|\+https$/.test(scheme));
  const tested = new Set([...ROWS.map(({ scheme }) => scheme), "postgresql"]); // another name of postgres
  assert.deepEqual([...tested].sort(), [...plain].sort());
});

/** A target that says goodbye once it is told to, and the prober of it. */
class Leaver {
  readonly label: string;
  readonly prober: Prober;
  readonly target: Target;
  readonly #goodbye: Goodbye;

  private constructor(row: Row, target: Target) {
    this.label = row.label;
    this.#goodbye = row.goodbye;
    this.target = target;
    const user = /^(?:postgres|mysql|amqp)$/.test(row.scheme) ? "me:pw@" : "";
    this.prober = openTarget(`${row.scheme}://${user}127.0.0.1:${target.port}`, undefined, row.options);
  }

  static async start(row: Row, isLeaving: () => Moment | undefined): Promise<Leaver> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {}).on("end", () => socket.end());
      const isFirst = leaver?.target.accepted === 0; // it is counted afterwards
      row.server(socket, () => {
        const moment = isFirst ? isLeaving() : undefined;
        if (moment === "after") process.nextTick(row.goodbye, socket);
        if (moment === "instead") row.goodbye(socket);
        return moment !== "instead";
      });
    });
    let leaver: Leaver | undefined;
    leaver = new Leaver(row, await Target.start(server));
    return leaver;
  }

  leave(): void {
    for (const socket of this.target.connections) this.#goodbye(socket);
  }

  async stop(): Promise<void> {
    this.prober.close();
    await this.target.stop();
  }
}

/** The labels and results of the probes that did not pass. */
async function failures(leavers: readonly { readonly label: string; readonly prober: Prober }[]) {
  const results = await Promise.all(leavers.map(async ({ prober }) => probe(prober).catch(String)));
  return results.flatMap((result, index) => {
    if (typeof result === "object" && result.outcome === "pass") return [];
    return [`${leavers[index]?.label}: ${JSON.stringify(result)}`];
  });
}

for (const moment of ["before", "instead", "after"] as const)
  test(`${TARGETS} targets of every scheme that say goodbye ${moment} the answer: no probe fails`, async (t) => {
    let leaving: Moment | undefined;
    const leavers: Leaver[] = [];
    t.after(() => Promise.all(leavers.map((leaver) => leaver.stop())));
    const rows = Array.from({ length: Math.max(TARGETS, ROWS.length) }, (_, index) => ROWS[index % ROWS.length]);
    for (const row of rows) if (row) leavers.push(await Leaver.start(row, () => leaving));
    assert.ok(leavers.length >= TARGETS);
    assert.deepEqual(await failures(leavers), [], "each has a connection that is kept");
    leaving = moment;
    const probing = failures(leavers);
    if (moment === "before") for (const leaver of leavers) leaver.leave();
    assert.deepEqual(await probing, [], "at the goodbye");
    assert.deepEqual(await failures(leavers), [], "afterwards");
    const kept = leavers.filter(({ target }) => target.accepted === 1).map(({ label }) => label);
    assert.deepEqual(kept, [], "each has been asked on a new connection");
  });

describe("targets with a connection for each probe, which end it together with the answer", () => {
  const upgraded = (end: Goodbye, ...frames: readonly Buffer[]) =>
    webSocketServer({
      greeting: Buffer.concat(frames),
      onFrame: ({ first, payload }, socket) => {
        if (first === TEXT) socket.write(serverFrame(TEXT, payload));
        end(socket);
      },
    });
  const goingAway = serverFrame(CLOSE, Buffer.concat([Buffer.from([3, 0xe9]), Buffer.from("going away")]));
  const echo = { dialogue: [{ send: "ping", expect: "ping" }] };
  const echoing =
    (end: Goodbye, answer = "ping") =>
    (socket: Socket) =>
      void socket.on("data", () => {
        socket.write(answer);
        end(socket);
      });
  const greeting = (end: Goodbye) => (socket: Socket) => {
    socket.write("220 ready\r\n");
    end(socket);
  };
  const banner = { dialogue: [{ expect: "220" }] };
  const closing: Goodbye = (socket) => {
    socket.write(goingAway);
    socket.end();
  };
  const rows: readonly (readonly [string, string, ProberOptions, (socket: Socket) => void])[] = [
    ["ws, Close 1001 behind the handshake", "ws", {}, upgraded(fin, goingAway)],
    ["ws, RST after Close", "ws", {}, upgraded(reset, goingAway)],
    ["ws, RST at our Close", "ws", {}, upgraded(reset)],
    ["ws, the answer and Close 1001", "ws", echo, upgraded(closing)],
    ["ws, the answer and FIN", "ws", echo, upgraded(fin)],
    ["tcp, the answer and FIN", "tcp", echo, echoing(fin)],
    ["tcp, a greeting and FIN", "tcp", banner, greeting(fin)],
    ["tcp, a connection and FIN", "tcp", {}, fin],
    ["http, one answer and FIN", "http", { reuse: false }, echoing(fin, "HTTP/1.0 200 OK\r\n\r\nOK")],
  ];

  test(`${TARGETS} of them at once: no probe fails`, async (t) => {
    const leavers = await Promise.all(
      Array.from({ length: TARGETS }, async (_, index) => {
        const [label, scheme, options, serve] = rows[index % rows.length] ?? assert.fail();
        const target = await Target.start(createServer({ allowHalfOpen: true }, serve));
        return { label, target, prober: openTarget(`${scheme}://127.0.0.1:${target.port}`, undefined, options) };
      }),
    );
    t.after(() => Promise.all(leavers.map(({ target }) => target.stop())));
    for (let round = 1; round <= 3; round += 1) assert.deepEqual(await failures(leavers), [], `round ${round}`);
    for (const { prober } of leavers) prober.close();
  });
});

describe("a real server that ends idle connections when the next probe is due", () => {
  /** Probes every `idleMs`, give or take a few milliseconds: some meet the end of their connection. */
  async function probeAtTheEnd(url: string, idleMs: number, rounds: number): Promise<void> {
    const probers = Array.from({ length: TARGETS }, (_, index) => ({ label: `${index}`, prober: openTarget(url) }));
    for (let round = 0; round < rounds; round += 1) {
      assert.deepEqual(await failures(probers), [], `round ${round}`);
      await pause(idleMs - 4 + (round % 8));
    }
    for (const { prober } of probers) prober.close();
  }

  test("http: keepAliveTimeout", async (t) => {
    const server = createHttp({ keepAliveTimeout: 100 }, (_, response) => void response.end("OK"));
    const target = await Target.start(server);
    t.after(() => target.stop());
    await probeAtTheEnd(`http://127.0.0.1:${target.port}`, 1_105, 5); // Node adds a second
    assert.ok(target.accepted > TARGETS, "connections have ended");
  });

  test("grpc: max_connection_idle and max_connection_age of grpc-js", async () => {
    const server = new GrpcServer({
      "grpc.max_connection_idle_ms": 100,
      "grpc.max_connection_age_ms": 300,
      "grpc.max_connection_age_grace_ms": 1_000,
    });
    const health = new Health();
    health.addToServer(server);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    await probeAtTheEnd(`grpc://127.0.0.1:${port}`, 100, 12);
    server.forceShutdown();
    await health.shutdown();
  });
});
