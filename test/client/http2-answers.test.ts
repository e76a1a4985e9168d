/** What becomes of the connection after an answer that is not one of gRPC. The answers are in `grpc-servers`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FLAG, h2frame, headerBlock, TYPE } from "../support/raw-http2.js";
import * as raw from "./raw-server.js";

const { answering, data, head, probeServer, serving } = raw;

describe("an answer that is not what gRPC expects", () => {
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
