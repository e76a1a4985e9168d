/** A client that sends much at once is served in small parts, and others are served between them. */
import assert from "node:assert/strict";
import diagnostics from "node:diagnostics_channel";
import { connect, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ChannelMessages, type Published, subscribe } from "../../src/core/channels.js";
import { type Clock, systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/index.js";
import { encodeHeaders } from "../../src/wire/http2/hpack-encoder.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { FLAG, h2frame, PREFACE, TYPE } from "../support/raw-http2.js";

/** A clock on which work takes longer than it does: the parts do not depend on the speed of the machine. */
function busyClock(): Clock {
  let time = 0;
  return {
    ...systemClock,
    now: () => {
      time += 0.2;
      return time;
    },
  };
}

const BURST_BYTES = 65_536;

const http1 = (request: string) => (count: number) => Buffer.from(request.repeat(count));
const http2 = (fields: readonly (readonly [string, string])[], body?: Buffer) => (count: number) => {
  const parts: Buffer[] = [];
  for (let id = 1; id < 2 * count; id += 2) {
    parts.push(h2frame(TYPE.HEADERS, FLAG.END_HEADERS | (body ? 0 : FLAG.END_STREAM), id, encodeHeaders(fields)));
    if (body !== undefined) parts.push(h2frame(TYPE.DATA, FLAG.END_STREAM, id, body));
  }
  return Buffer.concat([PREFACE, h2frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(0)), ...parts]);
};
const get = (path: string, method = "GET"): [string, string][] => [
  [":method", method],
  [":scheme", "http"],
  [":path", path],
  [":authority", "a"],
];
const call = (path: string): [string, string][] => [
  ...get(path, "POST"),
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];
const EMPTY_MESSAGE = Buffer.alloc(5);
const JSON_CALL = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

const BURSTS = {
  "HTTP/1 status": http1("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"),
  "HTTP/1 HEAD": http1("HEAD /readyz HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"),
  "HTTP/1 verbose": http1("GET /readyz?verbose&exclude=a HTTP/1.1\r\nHost: a\r\n\r\n"),
  "HTTP/1 metrics": http1("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
  "HTTP/1 unknown path": http1("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
  "HTTP/1 bad path": http1("GET //x HTTP/1.1\r\nHost: a\r\n\r\n"),
  "HTTP/1 JSON call": http1(`${JSON_CALL}Content-Length: 2\r\n\r\n{}`),
  "HTTP/2 status": http2(get("/readyz")),
  "HTTP/2 unknown path": http2(get("/x")),
  "HTTP/2 HEAD": http2(get("/readyz", "HEAD")),
  "HTTP/2 Check": http2(call("/grpc.health.v1.Health/Check"), EMPTY_MESSAGE),
  "HTTP/2 List": http2(call("/grpc.health.v1.Health/List"), EMPTY_MESSAGE),
} as const;

/** Counts what happens in each turn of the event loop. */
function perTurn() {
  const turns: number[] = [];
  let inTurn = 0;
  const count = () => {
    if (inTurn === 0)
      setImmediate(() => {
        turns.push(inTurn);
        inTurn = 0;
      });
    inTurn += 1;
  };
  return { count, total: () => turns.reduce((sum, each) => sum + each, 0), most: () => Math.max(0, ...turns) };
}

/** A server, with the requests that it has answered, and those that Node's HTTP/1 parser has handed over. */
async function counting(t: TestContext, clock: Clock) {
  const instance = t.name;
  const health = new Health({ metrics: true, clock, instance });
  health.set("a", "SERVING");
  const server = await health.listen(["127.0.0.1:0"]);
  const [answered, parsed] = [perTurn(), perTurn()];
  const onAnswer = (message: Published<keyof ChannelMessages>) => message.instance === instance && answered.count();
  t.after(subscribe("http-request", onAnswer));
  t.after(subscribe("call", onAnswer));
  diagnostics.subscribe("http.server.request.start", parsed.count);
  t.after(() => void diagnostics.unsubscribe("http.server.request.start", parsed.count));
  const open = (bytes: Uint8Array): Socket => {
    const client = connect(portOf(server), "127.0.0.1");
    t.after(() => void client.destroy());
    client.on("error", () => {}).resume();
    client.write(bytes);
    return client;
  };
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 100 }));
  return { open, answered, parsed };
}

describe("a burst of 64 KB", () => {
  for (const [name, burst] of Object.entries(BURSTS))
    test(`of ${name} is answered in small parts`, async (t) => {
      const { open, answered, parsed } = await counting(t, busyClock());
      const number = Math.min(1_000, Math.floor(BURST_BYTES / (burst(2).length - burst(1).length)));
      open(burst(number));
      await eventually(() => answered.total() === number, "all are answered");
      for (const { most } of [answered, parsed]) assert.ok(most() <= 100, `${most()} of ${number} in one turn`);
    });
});
