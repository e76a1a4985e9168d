/**
 * Section B2: a client that breaks HTTP/2 gets the error code and loses its connection; nothing of it stays, and no other client is affected.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.js";
import type { GrpcPeer } from "../support/grpc-peer.js";
import { h2frame, RawPeer, TYPE } from "../support/raw-http2.js";
import { type BadFrames, cancel, check, type Opening, watch } from "./bad-frame.js";
import { BAD_FRAMES, outcomeOn } from "./bad-frames.js";
import { type Rows, row } from "./rows.js";
import type { ServerOptions, ServerUnderTest } from "./server-under-test.js";
import { fixture } from "./wire.rows.js";

const SERVING_FRAME = Buffer.from("00000000020801", "hex");
const UNKNOWN_STATUS_FRAME = Buffer.from("00000000020803", "hex");

/** A type of frames, and an identifier of a setting, that no RFC has. */
const UNKNOWN_TYPE = 0x77;
const UNKNOWN_SETTING = Buffer.from("777700000001", "hex");

/** A DATA frame with an empty message. */
const EMPTY_BODY_BYTES = 9 + 5;

/** Less than the time of keepalive, which ends whatever else was left behind. */
const GONE_MS = Number(process.env.TEST_PATIENCE_MS ?? 15_000);

/** One port in clear text, for honest clients too, and one with TLS. */
export const BOTH_PORTS: ServerOptions = {
  listen: ["plain://127.0.0.1:0", "127.0.0.1:0"],
  tls: { cert: fixture("server.crt"), key: fixture("server.key") },
};

export const framesRows: Rows = (factory) => {
  for (const kind of BAD_FRAMES) {
    const { row: number, what, outcomes, after = ["greeting", "watch"] } = kind;
    row(
      factory,
      `${what}: ${outcomes.join(" or ")} [${number}]`,
      async ({ server, peer }) => {
        await harmsNobody(server, peer, async () => {
          for (const opening of after) await breaks(server, kind, opening);
        });
      },
      BOTH_PORTS,
    );
  }

  row(
    factory,
    "after a client's GOAWAY an open Watch goes on, and a new call is not answered [B51]",
    async ({ server, peer }) => {
      await harmsNobody(server, peer, async () => {
        const raw = await opened(server, "watch");
        raw.write(h2frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(8)), check(3));
        await eventually(() => raw.goAway() === "NO_ERROR", "the answer to GOAWAY");
        server.set("w", "SERVING");
        await eventually(() => raw.data(1).includes(SERVING_FRAME), "the Watch's change");
        assert.equal(raw.data(3).length, 0);
        raw.write(cancel(1));
        await eventually(() => raw.closed, "the end of the connection, with that of its last stream");
      });
    },
  );

  row(factory, "five thousand calls that are cancelled at once are allowed [B52]", async ({ server, peer }) => {
    await harmsNobody(server, peer, async () => {
      const raw = await opened(server, "watch");
      for (let first = 3; first < 10_000; first += 2_000) {
        const streams = Array.from({ length: 1_000 }, (_, index) => first + 2 * index);
        raw.write(...streams.map((stream) => watch(stream, "b")));
        const last = streams.at(-1) ?? 0;
        await eventually(() => raw.closed || raw.data(last).equals(UNKNOWN_STATUS_FRAME), "the last Watch's status");
        raw.write(...streams.map(cancel));
      }
      raw.write(check(99_999));
      await eventually(() => raw.closed || raw.data(99_999).equals(SERVING_FRAME), "the answer");
      assert.deepEqual([raw.closed, raw.goAway()], [false, undefined]);
      raw.close();
    });
  });

  row(factory, "unknown frames and settings are ignored [B60]", async ({ server, peer }) => {
    await harmsNobody(server, peer, async () => {
      const raw = await opened(server, "greeting");
      const unknown = (stream: number) => h2frame(UNKNOWN_TYPE, 0xff, stream, Buffer.from("whatever"));
      const setting = h2frame(TYPE.SETTINGS, 0, 0, UNKNOWN_SETTING);
      const whole = check(1);
      const [head, body] = [whole.subarray(0, -EMPTY_BODY_BYTES), whole.subarray(-EMPTY_BODY_BYTES)];
      raw.write(unknown(0), setting, unknown(1), head, unknown(1), unknown(0), unknown(77), body);
      await eventually(() => raw.data(1).equals(SERVING_FRAME), "the answer");
      assert.equal(raw.goAway(), undefined);
      raw.close();
    });
  });
};

/** Breaks the protocol once, and sees what comes of it. */
async function breaks(server: ServerUnderTest, kind: BadFrames, opening: Opening): Promise<void> {
  const raw = await opened(server, opening, kind.onTlsPort);
  raw.write(kind.bytes());
  await eventually(() => outcomeOn(raw, kind) !== undefined, `what comes of it, after ${opening}`);
  const outcome = outcomeOn(raw, kind) ?? "";
  assert.ok(
    kind.outcomes.some((wanted) => wanted === outcome),
    `${outcome}, after ${opening}`,
  );
  if (kind.mayAnswer !== true) assert.ok(!raw.data(kind.stream ?? 3).includes(SERVING_FRAME), "it was answered");
  if (!raw.closed) await stillServes(raw);
  raw.close();
}

/** A connection that a test will break, opened in the right way. */
export async function opened(server: ServerUnderTest, opening: Opening, onTlsPort = false): Promise<RawPeer> {
  const port = onTlsPort ? Number(server.addresses[1]?.split(":").at(-1)) : server.port;
  const raw = new RawPeer(port);
  if (opening !== "nothing") await raw.greet();
  if (opening !== "watch") return raw;
  raw.write(watch(1, "w"));
  await eventually(() => raw.closed || raw.data(1).length > 0, "the Watch's first status");
  return raw;
}

/** An error of a stream is that stream's alone: another on the same connection is answered. */
async function stillServes(raw: RawPeer): Promise<void> {
  const LATER = 99_999;
  raw.write(check(LATER));
  await eventually(() => raw.closed || raw.data(LATER).equals(SERVING_FRAME), "the answer on another stream");
  assert.ok(!raw.closed, `the connection has ended: ${raw.goAway()}`);
}

/** Does harm; what there was before is there afterwards, and no more, and an honest client has not noticed. */
async function harmsNobody(server: ServerUnderTest, honest: GrpcPeer, harm: () => Promise<void>): Promise<void> {
  fill(server);
  const watching = honest.watch("a");
  await watching.saw(3);
  const former = countsOf(server);
  await harm();
  await eventually(() => countsOf(server) === former, `${former}, and not ${countsOf(server)}`, GONE_MS);
  server.set("a", "SERVING");
  await watching.saw(3, 1);
  assert.equal((await honest.check("")).status, 1);
  assert.equal(watching.end, undefined);
}

/** As many names, as long as they may be, as make a List worth keeping from its reader. */
export function fill(server: ServerUnderTest): void {
  server.set("", "SERVING");
  for (let index = 0; index < 90; index += 1) server.set(`${index}`.padEnd(200, "x"), "SERVING");
}

export const countsOf = (server: ServerUnderTest): string =>
  `${server.connectionCount()} connections with ${server.watcherCount()} watchers of ${server.watchedNameCount()} names`;
