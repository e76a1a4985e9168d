import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokenCall } from "../../src/client/broken-call.js";
import type { WatchListener } from "../../src/client/health-stub.js";
import { ReusedWatch, retryDelayMs, type WatchSource } from "../../src/client/reused-watch.js";
import { VirtualClock } from "../support/virtual-clock.js";

class Bench implements WatchSource {
  readonly clock = new VirtualClock();
  readonly opened: WatchListener[] = [];
  room = true;
  news = 0;
  readonly kept: ReusedWatch;

  constructor() {
    const onChange = () => {
      this.news += 1;
    };
    this.kept = new ReusedWatch(this, "s", { clock: this.clock, random: () => 0.5, onChange });
  }

  watch(service: string, listener: WatchListener): boolean {
    assert.equal(service, "s");
    if (this.room) this.opened.push(listener);
    return this.room;
  }

  keep(): void {
    this.kept.ensureOpen();
  }

  get last(): WatchListener {
    return this.opened.at(-1) ?? assert.fail("no watch was opened");
  }
}

const UNAVAILABLE = { code: "UNAVAILABLE", text: "" } as const;

test("a Watch that is open is not opened again", () => {
  const bench = new Bench();
  bench.keep();
  bench.keep();
  assert.equal(bench.opened.length, 1);
});

test("if there is no room for a Watch, it is tried again at the next probe", () => {
  const bench = new Bench();
  bench.room = false;
  bench.keep();
  bench.room = true;
  bench.keep();
  assert.equal(bench.opened.length, 1);
});

test("a change is a status other than the last one; the first status is not a change", () => {
  const bench = new Bench();
  bench.keep();
  for (const status of ["SERVING", "SERVING", "NOT_SERVING", "NOT_SERVING", "unreadable"] as const)
    bench.last.onStatus(status);
  assert.equal(bench.news, 2);
});

test("UNIMPLEMENTED is final", async () => {
  const bench = new Bench();
  bench.keep();
  bench.last.onEnd({ code: "UNIMPLEMENTED", text: "" });
  await bench.clock.advance(3_600_000);
  bench.keep();
  assert.deepEqual([bench.opened.length, bench.news], [1, 0]);
});

test("a Watch that ended without a status is opened again 1.6 s, 2.56 s and so on after its start, and is not a change", async () => {
  const bench = new Bench();
  bench.keep();
  for (const wait of [1_600, 2_560, 4_096]) {
    bench.last.onEnd(UNAVAILABLE);
    const before = bench.opened.length;
    await bench.clock.advance(wait - 1);
    bench.keep();
    assert.equal(bench.opened.length, before, `not before ${wait} ms`);
    await bench.clock.advance(2);
    bench.keep();
    assert.equal(bench.opened.length, before + 1, `after ${wait} ms`);
  }
  assert.equal(bench.news, 0);
});

test("the end of a Watch that sent a status is a change, and resets the back-off", async () => {
  const bench = new Bench();
  for (let round = 0; round < 5; round += 1) {
    bench.keep();
    bench.last.onEnd(UNAVAILABLE);
    await bench.clock.advance(60_000);
  }
  bench.keep();
  bench.last.onStatus("SERVING");
  bench.last.onEnd(new BrokenCall("reset", "gone"));
  assert.equal(bench.news, 1);
  await bench.clock.advance(1_001);
  bench.keep();
  assert.equal(bench.opened.length, 7);
});

test("a Watch that was open for long is opened again at once", async () => {
  const bench = new Bench();
  bench.keep();
  bench.last.onStatus("SERVING");
  await bench.clock.advance(60_000);
  bench.last.onEnd(UNAVAILABLE);
  bench.keep();
  assert.equal(bench.opened.length, 2);
});

test("a new Watch starts again: its first status is not a change, nor is its end without a status", async () => {
  const bench = new Bench();
  bench.keep();
  bench.last.onStatus("SERVING");
  await bench.clock.advance(60_000);
  bench.last.onEnd(UNAVAILABLE);
  assert.equal(bench.news, 1);
  bench.keep();
  bench.last.onStatus("NOT_SERVING");
  assert.equal(bench.news, 1);
  bench.last.onEnd(UNAVAILABLE);
  assert.equal(bench.news, 2);
  await bench.clock.advance(60_000);
  bench.keep();
  bench.last.onEnd(UNAVAILABLE);
  assert.equal(bench.news, 2);
});

test("the end of a Watch that we cancel is not a change", () => {
  const bench = new Bench();
  bench.keep();
  bench.last.onStatus("SERVING");
  bench.last.onEnd(new BrokenCall("cancelled", "closed"));
  assert.equal(bench.news, 0);
});

test("more than 100 statuses between two probes are a flood: the Watch is closed, and that is not a change", () => {
  const bench = new Bench();
  bench.keep();
  const flood = () => {
    for (let index = 0; index < 100; index += 1) bench.last.onStatus(index % 2 === 0 ? "SERVING" : "NOT_SERVING");
  };
  flood();
  bench.keep(); // a look came between: the count begins anew
  flood();
  const before = bench.news;
  assert.throws(
    () => bench.last.onStatus("SERVING"),
    (error) => {
      assert.ok(error instanceof BrokenCall);
      bench.last.onEnd(error);
      return true;
    },
  );
  bench.keep();
  assert.deepEqual([bench.opened.length, bench.news], [1, before]);
});

const middle = () => 0.5;

test("gRFC A17: the wait is 1 s, and grows by a factor of 1.6 with each failed attempt", () => {
  const waits = [0, 1, 2, 3].map((vain) => Math.round(retryDelayMs(vain, middle)));
  assert.deepEqual(waits, [1_000, 1_600, 2_560, 4_096]);
});

test("gRFC A17: the wait is at most 120 s", () => {
  assert.equal(retryDelayMs(11, middle), 120_000);
  assert.equal(retryDelayMs(100_000, middle), 120_000);
});

test("gRFC A17: each wait varies by a fifth", () => {
  assert.equal(
    retryDelayMs(0, () => 0),
    800,
  );
  assert.ok(Math.abs(retryDelayMs(0, () => 0.999_999) - 1_200) < 1);
});

test("a Watch whose connection is replaced again and again is opened at once each time", async () => {
  const bench = new Bench();
  for (let round = 1; round <= 20; round += 1) {
    bench.keep();
    assert.equal(bench.opened.length, round);
    bench.last.onStatus("SERVING");
    await bench.clock.advance(10_000);
    bench.last.onEnd(new BrokenCall("cancelled", "the connection is closed"));
  }
  assert.equal(bench.news, 0);
});
