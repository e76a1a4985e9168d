/** Answers that are well-formed HTTP/2, and are or are not an answer of gRPC (peer-cases: Envoy's list of bad responses). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";
import * as raw from "./raw-server.js";

const { answering, data, head, probeServer, serving, trailers } = raw;

type Fields = readonly (readonly [string, string])[];

const END = FLAG.END_HEADERS | FLAG.END_STREAM;
const GRPC: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** A head of these fields that ends the answer. */
const only = (...fields: Fields) => answering((stream) => head(stream, headerBlock(fields), END));

/** A head of these fields, then SERVING. */
const headed = (...fields: Fields) => answering((stream) => head(stream, headerBlock(fields)), data, trailers);

/** SERVING, and trailers of these fields. */
const trailed = (...fields: Fields) => answering(head, data, (stream) => trailers(stream, headerBlock(fields)));

/** A body in these parts, with a good head and good trailers. */
const bodied = (...parts: readonly Buffer[]) =>
  answering(head, ...parts.map((part) => (stream: number) => data(stream, part)), trailers);

const message = (...bytes: readonly number[]) => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

const ROWS: Readonly<Record<string, readonly [script: raw.Script, verdict: string, detail?: RegExp]>> = {
  "SERVING, with a parameter of the media type": [
    headed([":status", "200"], ["content-type", "application/grpc+proto"]),
    "pass",
  ],
  "SERVING, and a message in the trailers": [trailed(["grpc-status", "0"], ["grpc-message", "fine"]), "pass"],
  "999": [bodied(message(8, 0xe7, 7)), "fail protocol"],
  "a status alone (trailers-only)": [
    only(...GRPC, ["grpc-status", "2"], ["grpc-message", "no"]),
    "fail grpc",
    /^UNKNOWN: no$/,
  ],
  "a status alone that is OK": [only(...GRPC, ["grpc-status", "0"]), "fail protocol", /unreadable/],
  "SERVING, then an error": [trailed(["grpc-status", "2"]), "fail grpc"],
  "SERVING, and no trailers": [
    answering(head, (stream) => data(stream, raw.SERVING_MESSAGE, FLAG.END_STREAM)),
    "fail protocol",
    /without a grpc-status/,
  ],
  "SERVING with the status in the head, and no trailers": [
    answering(
      (stream) => head(stream, headerBlock([...GRPC, ["grpc-status", "0"]])),
      (stream) => data(stream, raw.SERVING_MESSAGE, FLAG.END_STREAM),
    ),
    "fail protocol",
    /without a grpc-status/,
  ],
  "SERVING, and trailers without a status": [trailed(["x-a", "b"]), "fail protocol", /without a grpc-status/],
  "SERVING, and a status twice": [trailed(["grpc-status", "0"], ["grpc-status", "0"]), "fail grpc"],
  "SERVING, and a status that is no number": [trailed(["grpc-status", "OK"]), "fail grpc"],
  "a head that ends the answer, without a status": [only(...GRPC), "fail protocol", /without a grpc-status/],
  "500 without gRPC": [headed([":status", "500"]), "fail grpc", /^UNKNOWN: HTTP status 500$/],
  "503 from a proxy": [only([":status", "503"]), "fail unavailable", /HTTP status 503/],
  "404 from another server": [only([":status", "404"]), "fail unimplemented"],
  "200 and a page": [headed([":status", "200"], ["content-type", "text/html"]), "fail grpc", /not gRPC/],
  "200 without a content-type": [headed([":status", "200"]), "fail grpc", /not gRPC/],
  "a compressed message": [bodied(Buffer.from([1, 0, 0, 0, 2, 8, 1])), "fail protocol", /compressed/],
  "a message of 4 GiB, announced": [bodied(Buffer.from([0, 255, 255, 255, 255])), "fail protocol", /4294967295 bytes/],
  "two messages": [bodied(raw.SERVING_MESSAGE, raw.SERVING_MESSAGE), "fail protocol", /more than one message/],
  "two messages in one frame": [
    bodied(Buffer.concat([raw.SERVING_MESSAGE, raw.SERVING_MESSAGE])),
    "fail protocol",
    /more than one message/,
  ],
  "a message that is cut": [bodied(raw.SERVING_MESSAGE.subarray(0, 6)), "fail protocol"],
  "a message that is no protobuf": [bodied(message(0xff, 0xff)), "fail protocol"],
  "no :status": [headed(["content-type", "application/grpc"]), "fail protocol", /no :status/],
  "two :status": [headed([":status", "200"], ...GRPC), "fail protocol", /malformed/],
  ":status after a field": [
    headed(["content-type", "application/grpc"], [":status", "200"]),
    "fail protocol",
    /malformed/,
  ],
  "a :status of two digits": [headed([":status", "20"]), "fail protocol", /malformed/],
  "another pseudo-field": [headed(...GRPC, [":path", "/"]), "fail protocol", /malformed/],
  "a name in capitals": [headed(...GRPC, ["X-A", "b"]), "fail protocol", /malformed/],
  "a field of one connection": [headed(...GRPC, ["connection", "close"]), "fail protocol", /malformed/],
  "a line break in a value": [headed(...GRPC, ["x-a", "b\r\nc"]), "fail protocol", /malformed/],
  "NUL in a value": [headed(...GRPC, ["x-a", "\0"]), "fail protocol", /malformed/],
  ":status in the trailers": [trailed([":status", "200"], ["grpc-status", "0"]), "fail protocol", /malformed/],
  "a second head": [answering(head, head, data, trailers), "fail protocol", /second head/],
  "101 Switching Protocols": [headed([":status", "101"]), "fail protocol", /malformed/],
  "an interim head (100) that ends the answer": [only([":status", "100"]), "fail protocol", /interim/],
  "100 fields": [
    headed(...GRPC, ...Array.from({ length: 100 }, (): [string, string] => ["x", "y"])),
    "fail protocol",
    /too long/,
  ],
  "fields of 17 KB": [
    headed(...GRPC, ...Array.from({ length: 60 }, (): [string, string] => ["x", "y".repeat(250)])),
    "fail protocol",
    /too long/,
  ],
};

describe("an answer is judged as gRPC has it", () => {
  for (const [label, [script, verdict, detail]] of Object.entries(ROWS))
    test(`${label}: ${verdict}`, async () => {
      const told = await probeServer(script);
      assert.deepEqual([told.verdict, told.connections.length], [verdict, 1], told.detail);
      if (detail !== undefined) assert.match(told.detail, detail);
    });

  test("an answer that is not gRPC is given up at its head: the stream is reset", async () => {
    const { verdict, connections } = await probeServer({
      onRequest: (connection, stream) => connection.write(head(stream, headerBlock([[":status", "500"]]))),
    });
    assert.deepEqual([verdict, connections[0]?.reset], ["fail grpc", "CANCEL"]);
  });

  test("after a bad answer the connection goes on", async () => {
    let count = 0;
    const bad = answering(head, (stream) => data(stream, Buffer.from([1, 0, 0, 0, 0])));
    const { verdict, connections } = await probeServer(
      {
        onRequest: (connection, stream) => {
          count += 1;
          if (count === 1) bad.onRequest?.(connection, stream);
          else connection.write(serving(stream));
        },
      },
      { times: 2 },
    );
    assert.deepEqual([verdict, connections.length, connections[0]?.reset], ["pass", 1, "CANCEL"]);
  });

  test("an HPACK bomb (an entry of 4 KB, named 10,000 times) is not expanded", async () => {
    const entry = Buffer.concat([
      Buffer.from([0x40]),
      headerBlock([["x", "y".repeat(4_000)]]).subarray(1), // literal, added to the table
    ]);
    const before = process.memoryUsage().rss;
    const { verdict, detail } = await probeServer({
      onRequest: (connection, stream) =>
        connection.write(
          head(stream, Buffer.concat([raw.HEAD, entry]), 0),
          h2frame(TYPE.CONTINUATION, FLAG.END_HEADERS, stream, Buffer.alloc(10_000, 0xbe)),
        ),
    });
    assert.equal(verdict, "fail protocol", detail);
    const grown = (process.memoryUsage().rss - before) / 1e6;
    assert.ok(grown < 30, `${grown.toFixed(1)} MB`);
  });
});
