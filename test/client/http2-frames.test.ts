/** The gRPC client before servers that use HTTP/2 in every legal way, and in many illegal ones (RFC 9113). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BrokenCall, Unanswered } from "../../src/client/broken-call.js";
import { Http2Connection } from "../../src/client/http2-connection.js";
import type { Fields } from "../../src/client/http2-stream.js";
import { TargetSocket } from "../../src/client/target-socket.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { eventually, pause } from "../support/eventually.js";
import { FLAG, h2frame, headerBlock, TYPE, uint32 } from "../support/raw-http2.js";
import * as raw from "./raw-server.js";

const { answering, data, head, probeServer, serving, settings, trailers, windowUpdate } = raw;

const PUSH_PROMISE = 5;
const UNKNOWN_TYPE = 0x77;

/** Padding of 3 bytes around a payload. */
const padded = (payload: Buffer) => Buffer.concat([Buffer.from([3]), payload, Buffer.alloc(3)]);

describe("what a server may do passes", () => {
  const rows: Readonly<Record<string, raw.Script>> = {
    "one byte at a time": {
      onRequest: async ({ socket }, stream) => {
        for (const byte of serving(stream)) {
          socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    },
    "padding on HEADERS and DATA": answering(
      (stream) => head(stream, padded(raw.HEAD), FLAG.END_HEADERS | FLAG.PADDED),
      (stream) => data(stream, padded(raw.SERVING_MESSAGE), FLAG.PADDED),
      trailers,
    ),
    "a priority in HEADERS": answering(
      (stream) => head(stream, Buffer.concat([uint32(0), Buffer.from([16]), raw.HEAD]), FLAG.END_HEADERS | 0x20),
      data,
      trailers,
    ),
    "a head in HEADERS and five CONTINUATION": answering(
      (stream) => head(stream, raw.HEAD.subarray(0, 5), 0),
      ...[5, 10, 15, 20].map(
        (at) => (stream: number) => h2frame(TYPE.CONTINUATION, 0, stream, raw.HEAD.subarray(at, at + 5)),
      ),
      (stream) => h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, stream, raw.HEAD.subarray(25)),
      data,
      trailers,
    ),
    "interim heads (103) before the head": answering(
      (stream) => head(stream, headerBlock([[":status", "103"]])),
      (stream) =>
        head(
          stream,
          headerBlock([
            [":status", "103"],
            ["link", "</a>"],
          ]),
        ),
      serving,
    ),
    "frames of an unknown type, on the connection and on the stream": answering(
      () => h2frame(UNKNOWN_TYPE, 0xff, 0, Buffer.alloc(20)),
      (stream) => h2frame(UNKNOWN_TYPE, 0xff, stream, Buffer.alloc(20)),
      serving,
    ),
    "unknown settings and settings at their limits": {
      greeting: [settings([0x99, 7], [4, 0x7fffffff], [5, 0xffffff], [1, 0], [3, 0xffffffff], [6, 1])],
    },
    "PRIORITY, PING and new SETTINGS before the answer": answering(
      (stream) => h2frame(TYPE.PRIORITY, 0, stream, Buffer.alloc(5)),
      () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
      () => settings([4, 10]),
      serving,
    ),
    "a message in DATA frames of one byte, with empty ones between": answering(
      head,
      ...[...raw.SERVING_MESSAGE].flatMap((byte) => [
        (stream: number) => data(stream, Buffer.from([byte])),
        (stream: number) => data(stream, Buffer.alloc(0)),
      ]),
      trailers,
    ),
    "late WINDOW_UPDATE, RST_STREAM and PRIORITY on the stream that has ended": answering(
      serving,
      (stream) => windowUpdate(stream, 100),
      (stream) => h2frame(TYPE.RST_STREAM, 0, stream, uint32(0)),
      (stream) => h2frame(TYPE.PRIORITY, 0, stream, Buffer.alloc(5)),
    ),
  };
  for (const [label, script] of Object.entries(rows))
    test(label, async () => {
      const { verdict, detail, connections } = await probeServer(script, { times: 3 });
      assert.deepEqual([verdict, connections.length], ["pass", 1], detail);
    });
});

test("SETTINGS and PING are answered, and the client enables no push", async () => {
  const opaque = Buffer.from("12345678");
  const { connections } = await probeServer({
    greeting: [settings(), h2frame(TYPE.PING, 0, 0, opaque)],
    // waits for both answers
    onFrame: (connection, { type, payload }) => {
      if (type === TYPE.PING && payload.equals(opaque)) connection.write(serving(1));
    },
    onRequest: () => {},
  });
  const [connection] = connections;
  const [first] = connection?.sent ?? [];
  assert.deepEqual([first?.type, first?.flags], [TYPE.SETTINGS, 0]);
  assert.equal(first?.payload.subarray(0, 6).toString("hex"), "000200000000", "ENABLE_PUSH 0");
  const acknowledged = connection?.sent.filter(({ type, flags }) => type === TYPE.SETTINGS && flags === FLAG.ACK);
  assert.equal(acknowledged?.length, 1);
});

/** A connection to a server, after its first answer: the settings of the server are known. */
async function connectTo(script: raw.Script) {
  const { target, connections } = await raw.rawServer(script);
  const { clock, resolver, readBuffer } = systemDeps();
  const address = { host: "127.0.0.1", port: target.port, resolver, readBuffer, tls: undefined };
  const connection = new Http2Connection(new TargetSocket(address, 10_000), clock);
  const request = (body: Buffer) =>
    new Promise<Fields | Error>((onEnd) => {
      connection.request({ head: raw.HEAD, body }, { onHead: () => {}, onData: () => {}, onEnd });
    });
  const stop = async () => {
    connection.close();
    await target.disconnected();
    await target.stop();
  };
  await request(Buffer.from("12345"));
  return { connection, request, stop, sent: () => connections[0]?.sent ?? [] };
}

test("a request waits for the window of its stream, and is sent in the parts that it allows", async () => {
  const { request, stop, sent } = await connectTo({
    greeting: [settings([4, 0])],
    onFrame: (connection, { type, stream }) => {
      if (type === TYPE.HEADERS || type === TYPE.DATA) connection.write(windowUpdate(stream, 2));
    },
  });
  assert.ok(!((await request(Buffer.from("12345"))) instanceof Error));
  const parts = sent().filter(({ type, stream }) => type === TYPE.DATA && stream === 3);
  assert.deepEqual(
    parts.map(({ payload }) => payload.length),
    [2, 2, 1],
  );
  await stop();
});

test("an answer that comes before the request could be sent is taken, and the rest of the request is not sent", async () => {
  const { request, stop, sent } = await connectTo({
    greeting: [settings([4, 0])], // so the body of the second request waits
    onFrame: (connection, { type, stream }) => {
      if (type === TYPE.HEADERS && stream === 3) connection.write(trailers(stream, raw.HEAD));
    },
  });
  const end = await request(Buffer.from("12345"));
  assert.equal(end instanceof Map && end.get(":status"), "200");
  await eventually(() => sent().some(({ type, stream }) => type === TYPE.RST_STREAM && stream === 3), "RST_STREAM");
  assert.ok(!sent().some(({ type, stream }) => type === TYPE.DATA && stream === 3));
  await stop();
});

test("a request that the target allows no stream for fails as unprocessed, and is not queued", async () => {
  const { connection, request, stop } = await connectTo({
    greeting: [settings([3, 1])],
    onRequest: (server, stream) => {
      if (stream === 1) server.write(serving(stream));
    },
  });
  const first = request(Buffer.from("12345"));
  assert.equal(connection.isOpen, false, "not for another request");
  const second = await request(Buffer.from("12345"));
  assert.ok(second instanceof Unanswered && second.reason instanceof BrokenCall);
  assert.equal(second.reason.kind, "unprocessed");
  await stop();
  await first;
});

test("a connection on which the target allows no further request is not used again: the probe takes a new one", async () => {
  const late = [settings([3, 0]), settings([4, 0]), settings([4, 4])] as const;
  for (const greeting of [undefined, ...late])
    for (const after of late) {
      const { verdict, connections } = await probeServer(
        {
          ...(greeting === undefined ? {} : { greeting: [greeting] }),
          onRequest: (connection, stream) => connection.write(serving(stream), after),
        },
        { times: 4, timeoutMs: 2_000, path: "12345" },
      );
      assert.deepEqual([verdict, connections.map(({ requests }) => requests)], ["pass", [[1], [1], [1], [1]]]);
    }
});

test("a target that lowers MAX_CONCURRENT_STREAMS to 1 while a Watch is open is still probed", async () => {
  const { target, connections } = await raw.rawServer({
    onRequest: (connection, stream) => {
      const isWatch = connection.number === 1 && stream === 3;
      connection.write(...(isWatch ? [settings([3, 1]), head(stream), data(stream)] : [serving(stream)]));
    },
  });
  const prober = openTarget(`grpc://127.0.0.1:${target.port}/`);
  prober.onChange?.(() => {});
  try {
    assert.equal((await probe(prober)).outcome, "pass");
    await eventually(() => connections[0]?.requests.length === 2, "the Watch is open");
    await pause(50);
    for (let round = 0; round < 2; round += 1) assert.equal((await probe(prober, 5_000)).outcome, "pass");
    assert.deepEqual(
      connections.map(({ requests }) => requests.length),
      [2, 2],
    );
  } finally {
    prober.close();
    await target.disconnected();
    await target.stop();
  }
});

test("a target that never gives the window of the connection back is probed on a new one when it is used up", async () => {
  // each request has 203 octets: the window of 65,535 lasts for 322
  const { verdict, connections } = await probeServer({}, { times: 330, path: "x".repeat(195) });
  assert.deepEqual([verdict, connections.map(({ requests }) => requests.length)], ["pass", [322, 8]]);
});

test("of the streams that were reset only the newest are remembered", async () => {
  const compressed = Buffer.from([1, 0, 0, 0, 0]);
  const script: raw.Script = {
    onRequest: (connection, stream) => {
      const late = stream > 70 ? [data(1)] : [];
      connection.write(...late, head(stream), data(stream, compressed));
    },
  };
  const { connections } = await probeServer(script, { times: 36 });
  assert.deepEqual([connections.length, connections[0]?.goAway], [1, "STREAM_CLOSED"]);
});

test("a smaller HEADER_TABLE_SIZE is confirmed at the start of the next header block (RFC 7541, 4.2)", async () => {
  const { verdict, connections } = await probeServer({ greeting: [settings([1, 0])] }, { times: 3 });
  assert.equal(verdict, "pass");
  const blocks = connections[0]?.sent.filter(({ type }) => type === TYPE.HEADERS).map(({ payload }) => payload[0]);
  assert.equal(blocks?.filter((first) => first === 0x20).length, 1);
});

describe("a violation ends the connection with its error code, fails as `protocol`, and leaves no socket", () => {
  const rows: Readonly<Record<string, readonly [code: string, script: raw.Script]>> = {
    "a frame before SETTINGS": ["PROTOCOL_ERROR", { greeting: [h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))] }],
    "an acknowledgement before SETTINGS": ["PROTOCOL_ERROR", { greeting: [h2frame(TYPE.SETTINGS, FLAG.ACK, 0)] }],
    garbage: ["FRAME_SIZE_ERROR", { greeting: [Buffer.alloc(100, "garbage ")] }],
    "an answer of HTTP/1": ["PROTOCOL_ERROR", { greeting: [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")] }],
    "a frame above 16,384 bytes": ["FRAME_SIZE_ERROR", answering((s) => data(s, Buffer.alloc(16_385)))],
    "more padding than payload in DATA": [
      "PROTOCOL_ERROR",
      answering(head, (s) => data(s, Buffer.from([9, 1, 2]), FLAG.PADDED)),
    ],
    "more padding than payload in HEADERS": [
      "PROTOCOL_ERROR",
      answering((s) => head(s, Buffer.from([9, 1, 2]), FLAG.END_HEADERS | FLAG.PADDED)),
    ],
    "PADDED without a length": ["FRAME_SIZE_ERROR", answering(head, (s) => data(s, Buffer.alloc(0), FLAG.PADDED))],
    "a priority that is cut": [
      "FRAME_SIZE_ERROR",
      answering((s) => head(s, Buffer.from([0, 0]), FLAG.END_HEADERS | 0x20)),
    ],
    "HEADERS on stream 0": ["PROTOCOL_ERROR", answering(() => head(0))],
    "HEADERS on a stream of the server": ["PROTOCOL_ERROR", answering(() => head(2))],
    "HEADERS on a stream that was never opened": ["PROTOCOL_ERROR", answering(() => head(99))],
    "DATA on stream 0": ["PROTOCOL_ERROR", answering(() => data(0))],
    "DATA on a stream that was never opened": ["PROTOCOL_ERROR", answering(() => data(99))],
    "CONTINUATION without HEADERS": [
      "PROTOCOL_ERROR",
      answering((s) => h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, s, raw.HEAD)),
    ],
    "another frame within a header block": [
      "PROTOCOL_ERROR",
      answering(
        (s) => head(s, raw.HEAD.subarray(0, 5), 0),
        () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
      ),
    ],
    "CONTINUATION of another stream": [
      "PROTOCOL_ERROR",
      answering(
        (s) => head(s, raw.HEAD, 0),
        () => h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 3),
      ),
    ],
    "an HPACK index that no table has": ["COMPRESSION_ERROR", answering((s) => head(s, Buffer.from([0xff, 0x40])))],
    "an HPACK string beyond its block": ["COMPRESSION_ERROR", answering((s) => head(s, Buffer.from([0, 0x7f, 1])))],
    "an HPACK table above the limit": [
      "COMPRESSION_ERROR",
      answering((s) => head(s, Buffer.concat([Buffer.from([0x3f, 0xff, 0xff, 0x7f]), raw.HEAD]))),
    ],
    "a header block without an end": [
      "ENHANCE_YOUR_CALM",
      answering(
        (s) => head(s, Buffer.alloc(16_000), 0),
        ...[1, 2, 3].map(() => (s: number) => h2frame(TYPE.CONTINUATION, 0, s, Buffer.alloc(16_000))),
      ),
    ],
    "RST_STREAM of 3 bytes": ["FRAME_SIZE_ERROR", answering((s) => h2frame(TYPE.RST_STREAM, 0, s, Buffer.alloc(3)))],
    "RST_STREAM on stream 0": ["PROTOCOL_ERROR", answering(() => h2frame(TYPE.RST_STREAM, 0, 0, uint32(2)))],
    "RST_STREAM on a stream that was never opened": [
      "PROTOCOL_ERROR",
      answering(() => h2frame(TYPE.RST_STREAM, 0, 99, uint32(2))),
    ],
    "SETTINGS on a stream": ["PROTOCOL_ERROR", answering((s) => h2frame(TYPE.SETTINGS, 0, s))],
    "SETTINGS of 5 bytes": ["FRAME_SIZE_ERROR", answering(() => h2frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5)))],
    "an acknowledgement with a payload": [
      "FRAME_SIZE_ERROR",
      answering(() => h2frame(TYPE.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6))),
    ],
    "ENABLE_PUSH 1": ["PROTOCOL_ERROR", { greeting: [settings([2, 1])] }],
    "ENABLE_PUSH 2": ["PROTOCOL_ERROR", { greeting: [settings([2, 2])] }],
    "INITIAL_WINDOW_SIZE 2^31": ["FLOW_CONTROL_ERROR", { greeting: [settings([4, 2 ** 31])] }],
    "INITIAL_WINDOW_SIZE that makes a window too large": [
      "FLOW_CONTROL_ERROR",
      answering(
        (s) => windowUpdate(s, 2 ** 31 - 65_540),
        () => settings([4, 2 ** 31 - 1]),
      ),
    ],
    "MAX_FRAME_SIZE 1": ["PROTOCOL_ERROR", { greeting: [settings([5, 1])] }],
    "PING of 7 bytes": ["FRAME_SIZE_ERROR", answering(() => h2frame(TYPE.PING, 0, 0, Buffer.alloc(7)))],
    "PING on a stream": ["PROTOCOL_ERROR", answering((s) => h2frame(TYPE.PING, 0, s, Buffer.alloc(8)))],
    "GOAWAY of 4 bytes": ["FRAME_SIZE_ERROR", answering(() => h2frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(4)))],
    "GOAWAY on a stream": ["PROTOCOL_ERROR", answering((s) => h2frame(TYPE.GOAWAY, 0, s, Buffer.alloc(8)))],
    "WINDOW_UPDATE of nothing": ["PROTOCOL_ERROR", answering(() => windowUpdate(0, 0))],
    "WINDOW_UPDATE of 3 bytes": [
      "FRAME_SIZE_ERROR",
      answering(() => h2frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))),
    ],
    "a window of the connection above 2^31-1": ["FLOW_CONTROL_ERROR", answering(() => windowUpdate(0, 2 ** 31 - 1))],
    "WINDOW_UPDATE on a stream that was never opened": ["PROTOCOL_ERROR", answering(() => windowUpdate(99, 1))],
    PUSH_PROMISE: ["PROTOCOL_ERROR", answering((s) => h2frame(PUSH_PROMISE, 4, s, Buffer.alloc(4)))],
    "PRIORITY of 4 bytes": ["FRAME_SIZE_ERROR", answering((s) => h2frame(TYPE.PRIORITY, 0, s, Buffer.alloc(4)))],
    "PRIORITY on stream 0": ["PROTOCOL_ERROR", answering(() => h2frame(TYPE.PRIORITY, 0, 0, Buffer.alloc(5)))],
  };
  for (const [label, [code, script]] of Object.entries(rows))
    test(`${label}: ${code}`, async () => {
      const { verdict, detail, connections } = await probeServer(script);
      assert.equal(verdict, "fail protocol", detail);
      assert.match(detail, /^the target violates HTTP\/2: /);
      assert.equal(connections.length, 1, "a violation is not asked again");
      await eventually(() => connections[0]?.goAway === code, `GOAWAY ${code}, not ${connections[0]?.goAway}`);
    });
});

for (const [label, late] of [
  ["DATA", (stream: number) => data(stream)],
  ["HEADERS", (stream: number) => head(stream)],
] as const)
  test(`${label} on a stream that the server has ended: STREAM_CLOSED, and the next probe takes a new connection`, async () => {
    const { verdict, connections } = await probeServer(
      {
        onRequest: (connection, stream) =>
          connection.number === 1 ? connection.write(serving(stream), late(stream)) : connection.write(serving(stream)),
      },
      { times: 2 },
    );
    assert.deepEqual([verdict, connections.length, connections[0]?.goAway], ["pass", 2, "STREAM_CLOSED"]);
  });

test("a target that answers in HTTP/1 is told so", async () => {
  const { detail } = await probeServer({ greeting: [Buffer.from("HTTP/1.0 505 No\r\n\r\n")] });
  assert.equal(detail, "the target violates HTTP/2: it answers in HTTP/1");
});

describe("a violation on one stream resets it, and the connection goes on", () => {
  const rows: Readonly<Record<string, readonly [code: string, frame: (stream: number) => Buffer]>> = {
    "WINDOW_UPDATE of nothing": ["PROTOCOL_ERROR", (stream) => windowUpdate(stream, 0)],
    "a window above 2^31-1": ["FLOW_CONTROL_ERROR", (stream) => windowUpdate(stream, 2 ** 31 - 1)],
    "DATA before the head": ["PROTOCOL_ERROR", (stream) => data(stream)],
  };
  for (const [label, [code, frame]] of Object.entries(rows))
    test(label, async () => {
      let count = 0;
      const onRequest = (connection: raw.RawConnection, stream: number) => {
        count += 1;
        // what comes late on a stream that was reset is ignored
        connection.write(...(count === 1 ? [frame(stream), serving(stream)] : [serving(stream)]));
      };
      const first = await probeServer({ onRequest });
      assert.deepEqual([first.verdict, first.connections[0]?.reset], ["fail protocol", code], first.detail);
      count = 0;
      const second = await probeServer({ onRequest }, { times: 2 });
      assert.deepEqual([second.verdict, second.connections.length], ["pass", 1]);
    });
});
