/** Targets that send without end: each is cut off by a limit, and what they cost is bounded. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HealthStub } from "../../src/client/health-stub.js";
import { NameResolver } from "../../src/client/resolver.js";
import { createReadBuffer } from "../../src/client/target-socket.js";
import { systemClock } from "../../src/core/clock.js";
import { eventually, inTime } from "../support/eventually.js";
import { FLAG, h2frame, headerBlock, TYPE, uint32 } from "../support/raw-http2.js";
import * as raw from "./raw-server.js";

const { data, head, probeServer, rawServer, serving, settings, windowUpdate } = raw;

const EARLY_HINTS = headerBlock([[":status", "103"]]);

/** One frame of a flood. */
const FLOODS: Readonly<Record<string, (stream: number) => Buffer>> = {
  PING: () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)),
  "PING acknowledgements": () => h2frame(TYPE.PING, FLAG.ACK, 0, Buffer.alloc(8)),
  SETTINGS: () => settings([4, 1_000]),
  "SETTINGS of 2,730 entries": () => settings(...Array.from({ length: 2_730 }, () => [0x99, 1] as const)),
  "empty DATA": (stream) => data(stream, Buffer.alloc(0)),
  "DATA of padding alone": (stream) => data(stream, Buffer.from([200, ...Buffer.alloc(200)]), FLAG.PADDED),
  "interim heads": (stream) => head(stream, EARLY_HINTS),
  WINDOW_UPDATE: (stream) => windowUpdate(stream, 1),
  PRIORITY: (stream) => h2frame(TYPE.PRIORITY, 0, stream, Buffer.alloc(5)),
  "frames of an unknown type": () => h2frame(0x77, 0, 0, Buffer.alloc(16_384)),
};

/** More than any honest target sends, and more than is accepted. */
const FRAMES = 20_000;

describe("a flood within a call fails as `protocol`, and the connection is closed", () => {
  for (const [label, frame] of Object.entries(FLOODS))
    test(label, async () => {
      const before = process.memoryUsage().rss;
      const { verdict, detail, connections } = await probeServer({
        onRequest: async (connection, stream) => {
          // DATA needs a head
          if (label.includes("DATA")) connection.write(head(stream));
          for (let sent = 0; sent < FRAMES && !connection.socket.destroyed; sent += 100) {
            connection.write(...Array.from({ length: 100 }, () => frame(stream)));
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
      });
      assert.equal(verdict, "fail protocol", detail);
      assert.match(detail, /more frames than any call needs/);
      const answered = connections[0]?.sent.length ?? 0;
      assert.ok(answered < 1_200, `${answered} frames sent back`);
      const grown = (process.memoryUsage().rss - before) / 1e6;
      assert.ok(grown < 60, `${grown.toFixed(1)} MB, the server's part included`);
    });

  test("CONTINUATION without end", async () => {
    const { verdict, connections } = await probeServer({
      onRequest: (connection, stream) =>
        connection.write(
          head(stream, Buffer.alloc(0), 0),
          ...Array.from({ length: 1_000 }, () => h2frame(TYPE.CONTINUATION, 0, stream)),
        ),
    });
    assert.equal(verdict, "fail protocol");
    await eventually(() => connections[0]?.goAway === "ENHANCE_YOUR_CALM", "GOAWAY");
  });
});

test("a flood between two calls costs the target its connection, and is no failure", async () => {
  const { verdict, connections } = await probeServer(
    {
      onRequest: (connection, stream) => {
        connection.write(serving(stream));
        if (connection.number === 1)
          connection.write(...Array.from({ length: 3_000 }, () => h2frame(TYPE.PING, 0, 0, Buffer.alloc(8))));
      },
    },
    { times: 2 },
  );
  assert.deepEqual([verdict, connections.length, connections[0]?.goAway], ["pass", 2, "ENHANCE_YOUR_CALM"]);
});

test("a target that refuses each stream, or resets it late, is asked twice at most", async () => {
  const { verdict, connections } = await probeServer({
    onRequest: (connection, stream) =>
      connection.write(...Array.from({ length: 50 }, () => h2frame(TYPE.RST_STREAM, 0, stream, uint32(7)))),
  });
  assert.deepEqual([verdict, connections.length], ["fail unavailable", 2]);
});

for (const [frames, verdict] of [
  [58, "pass"],
  [59, "fail protocol"],
] as const)
  test(`a large frame counts for as many as it has KiB: ${frames} frames of 16 KiB before an answer: ${verdict}`, async () => {
    const answer = await probeServer({
      onRequest: (connection, stream) => {
        const large = h2frame(0x77, 0, 0, Buffer.alloc(16_384));
        connection.write(...Array.from({ length: frames }, () => large), serving(stream));
      },
    });
    assert.equal(answer.verdict, verdict, answer.detail);
  });

const clientOf = (port: number) =>
  new HealthStub({
    ...{
      host: "127.0.0.1",
      port,
      tls: undefined,
      resolver: new NameResolver({ clock: systemClock }),
      readBuffer: createReadBuffer(),
    },
    ...{ reuse: true, maxAgeMs: 60_000, clock: systemClock, random: Math.random },
  });

test("a call above MAX_CONCURRENT_STREAMS is not queued: a Watch is refused, and a Check takes a new connection", async () => {
  const { target, connections } = await rawServer({ greeting: [settings([3, 2])] });
  const client = clientOf(target.port);
  try {
    await client.check("", { timeoutMs: 5_000 });
    const ends: unknown[] = [];
    const watch = () => client.watch("", { onStatus: () => {}, onEnd: (end) => ends.push(end) });
    assert.deepEqual([watch(), watch(), watch(), watch()], [true, true, false, false]);
    assert.deepEqual(await client.check("", { timeoutMs: 5_000 }), { status: "SERVING" });
    assert.equal(connections.length, 2);
    await eventually(() => ends.length === 2, "both Watches have ended with their connection");
  } finally {
    client.close();
    await target.disconnected();
    await target.stop();
  }
});

test("a Watch of 30,000 messages has its windows given back", async () => {
  const total = 30_000; // 210 KB: more than three windows
  let sent = 0;
  const send = (connection: raw.RawConnection, octets: number) => {
    const count = Math.min(Math.floor(octets / 7), total - sent, 2_000);
    const messages = Array.from({ length: count }, () => raw.SERVING_MESSAGE);
    if (count > 0) connection.write(data(3, Buffer.concat(messages)));
    sent += count;
  };
  const { target, connections } = await rawServer({
    onRequest: (connection, stream) => {
      connection.write(stream === 1 ? serving(stream) : head(stream));
      if (stream === 3) for (let part = 0; part < 3; part += 1) send(connection, 14_000);
    },
    // no more than what was given back
    onFrame: (connection, { type, stream, payload }) => {
      if (type === TYPE.WINDOW_UPDATE && stream === 3)
        for (let octets = payload.readUInt32BE(0); octets > 0; octets -= 14_000)
          send(connection, Math.min(octets, 14_000));
    },
  });
  const client = clientOf(target.port);
  try {
    await client.check("", { timeoutMs: 5_000 });
    let received = 0;
    const done = new Promise<void>((resolve, reject) => {
      const onStatus = () => {
        received += 1;
        if (received === total) resolve();
      };
      client.watch("", { onStatus, onEnd: reject });
    });
    await inTime(done, "every message");
    assert.equal(connections.length, 1);
  } finally {
    client.close();
    await target.disconnected();
    await target.stop();
  }
});
