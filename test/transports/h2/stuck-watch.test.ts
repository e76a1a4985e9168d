/** The deadline of a Watch whose client does not read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Health } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { VirtualClock } from "../../support/virtual-clock.js";

test("the deadline ends a Watch also when its client does not read [A46]", async (t) => {
  const clock = new VirtualClock();
  const health = new Health({ clock });
  const server = await health.listen(["127.0.0.1:0"], { engine: "native" });
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  const peer = new GrpcPeer(portOf(server), { settings: { initialWindowSize: 0 } });
  t.after(() => peer.close());
  const watch = peer.watch("a", { "grpc-timeout": "300m" });
  await eventually(() => health.watcherCount === 1, "the Watch is open");
  await clock.advance(299);
  assert.equal(health.watcherCount, 1);
  await clock.advance(1);
  await eventually(() => health.watcherCount === 0, "the Watch has ended");
  assert.deepEqual(watch.statuses, []);
});
