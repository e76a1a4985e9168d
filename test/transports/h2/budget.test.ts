/** What a client may make us do for nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Health } from "../../../src/index.js";
import { Budget } from "../../../src/transports/h2/budget.js";
import { ConnectionError } from "../../../src/wire/http2/frames.js";
import { eventually } from "../../support/eventually.js";
import { HEALTH } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { callHeaders, FLAG, h2frame, headerBlock, RawPeer, TYPE } from "../../support/raw-http2.js";
import { VirtualClock } from "../../support/virtual-clock.js";

/** How often something can be done before it is too much, up to 20,000 times. */
function countOf(action: () => void): number {
  for (let count = 0; count < 20_000; count += 1) {
    try {
      action();
    } catch (error) {
      assert.ok(error instanceof ConnectionError && error.code === "ENHANCE_YOUR_CALM");
      return count;
    }
  }
  return Number.POSITIVE_INFINITY;
}

test("5,000 calls may be cancelled at once, and 200 a second after that", async () => {
  const clock = new VirtualClock();
  const budget = new Budget(clock);
  assert.equal(
    countOf(() => budget.spendReset("cancelled")),
    5_000,
  );
  await clock.advance(1_000);
  assert.equal(
    countOf(() => budget.spendReset("cancelled")),
    200,
  );
  await clock.advance(3_600_000);
  assert.equal(
    countOf(() => budget.spendReset("cancelled")),
    5_000,
    "it fills up to the burst and no further",
  );
});

test("a request that is cancelled before it is complete counts as five [B52]", () => {
  const budget = new Budget(new VirtualClock());
  assert.equal(
    countOf(() => budget.spendReset("broken")),
    1_000,
  );
});

test("2,000 frames without a request are allowed at once, and each request allows four more", () => {
  const budget = new Budget(new VirtualClock());
  assert.equal(
    countOf(() => budget.spendFrame()),
    2_000,
  );
  for (let request = 0; request < 10; request += 1) budget.earn();
  assert.equal(
    countOf(() => budget.spendFrame()),
    40,
  );
});

const LENGTHS: Readonly<Record<string, string>> = { "longer than its content-length": "1", "shorter than it": "3" };

for (const [what, length] of Object.entries(LENGTHS))
  test(`a request that the server must reset counts as five: a body ${what} [B52]`, async (t) => {
    const health = new Health();
    const server = await health.listen(["127.0.0.1:0"], { engine: "native" });
    t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
    const peer = new RawPeer(portOf(server));
    t.after(() => peer.close());
    await peer.greet();
    const head = headerBlock([...callHeaders(`${HEALTH}/Check`), ["content-length", length]]);
    const broken = (stream: number) => [
      h2frame(TYPE.HEADERS, FLAG.END_HEADERS, stream, head),
      h2frame(TYPE.DATA, FLAG.END_STREAM, stream, Buffer.alloc(2)),
    ];
    const count = 1_100;
    peer.write(...Array.from({ length: count }, (_, index) => broken(2 * index + 1)).flat());
    await eventually(() => peer.goAway() === "ENHANCE_YOUR_CALM", "the connection is ended");
    assert.equal(peer.reset(1), "PROTOCOL_ERROR");
  });
