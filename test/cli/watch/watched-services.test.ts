/** Which services are watched, and whether the status of their Watch is used. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_WATCHES, WatchedServices } from "../../../src/cli/watch/watched-services.js";
import { VirtualClock } from "../../support/virtual-clock.js";

function watched(room = 1_000) {
  const clock = new VirtualClock();
  return { clock, services: new WatchedServices(room, { clock, random: () => 0.5 }) };
}

describe("watched services", () => {
  test("are at most 100, and at most the streams that there is room for", () => {
    const names = Array.from({ length: 500 }, (_, index) => String(index));
    assert.equal(watched().services.takeUnwatched(names).length, MAX_WATCHES);
    const { services } = watched(2);
    assert.deepEqual(services.takeUnwatched(names), ["0", "1"]);
    assert.deepEqual(services.takeUnwatched(names), []);
    services.onEnd("0");
    assert.deepEqual(services.takeUnwatched(["0", "2"]), ["2"], "a Watch that ended waits");
    assert.deepEqual(watched(-5).services.takeUnwatched(names), []);
  });

  test("a Watch that ended is opened again after the back-off of gRPC", async () => {
    const { clock, services } = watched();
    services.takeUnwatched(["a"]);
    services.onEnd("a");
    await clock.advance(1_599);
    assert.deepEqual(services.takeUnwatched(["a"]), []);
    await clock.advance(1);
    assert.deepEqual(services.takeUnwatched(["a"]), ["a"]);
  });

  test("one poll that contradicts a Watch does not count, the second in a row does", () => {
    const { services } = watched();
    services.takeUnwatched(["a"]);
    assert.ok(services.acceptsPolled("a", "SERVING"), "before the first status of the Watch");
    assert.ok(services.onStatus("a", "NOT_SERVING"));
    assert.ok(!services.acceptsPolled("a", "SERVING"), "the poll may be older than the change");
    assert.ok(services.acceptsPolled("a", "NOT_SERVING"));
    assert.ok(!services.acceptsPolled("a", "SERVING"));
    assert.ok(services.acceptsPolled("a", "SERVING"));
    assert.ok(!services.onStatus("a", "NOT_SERVING"), "the Watch is ignored from here on");
    assert.ok(!services.isReported("a"));
  });

  test("one reported service after the other is verified", () => {
    const { services } = watched();
    assert.equal(services.nextVerified(), undefined);
    for (const service of services.takeUnwatched(["a", "b", "c"])) services.onStatus(service, "SERVING");
    const verified = [1, 2, 3].map(() => services.nextVerified());
    assert.deepEqual([...verified].sort(), ["a", "b", "c"]);
  });
});
