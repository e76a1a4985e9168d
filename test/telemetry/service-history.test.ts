import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ServiceHistory } from "../../src/telemetry/history/service-history.js";
import { VirtualClock } from "../support/virtual-clock.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MB = 1_048_576;

function historyOf({ maxBytes = 32 * MB, retainMs = 30 * DAY } = {}) {
  const clock = new VirtualClock();
  const history = new ServiceHistory({ clock, maxBytes, retainMs });
  /** Lets a time pass with one tick at its end: many ticks would make the same. */
  const pass = async (ms: number) => {
    clock.stall(ms - 10 * SECOND);
    await clock.advance(10 * SECOND);
  };
  const seconds = (name: string, hours: number) => {
    const { parts, from, to } = history.read(name, clock.wallTime() - hours * HOUR, clock.wallTime()) ?? assert.fail();
    const covered = Object.values(parts).reduce((sum, ms) => sum + ms, 0);
    return { ...parts, noData: Math.round(to - from - covered) };
  };
  return { clock, history, pass, seconds };
}

const NONE = { serving: 0, notServing: 0, unknown: 0, maintenance: 0, noData: 0 };

describe("the history of services", () => {
  test("a bucket keeps each part of a mixed time", async () => {
    const { clock, history, pass } = historyOf();
    history.setStatus("a", "SERVING");
    await clock.advance(70 * SECOND);
    history.setStatus("a", "NOT_SERVING", "timeout");
    await clock.advance(30 * SECOND);
    history.setStatus("a", "UNKNOWN");
    await clock.advance(20 * SECOND);
    history.setStatus("a", "SERVICE_UNKNOWN");
    await clock.advance(100 * SECOND);
    history.setStatus("a", "SERVING");
    await pass(10 * MINUTE);
    const past = history.read("a", clock.wallTime() - HOUR, clock.wallTime());
    const expected = { serving: 150 * SECOND, notServing: 30 * SECOND, unknown: 20 * SECOND, maintenance: 0 };
    assert.deepEqual(past?.buckets[0]?.parts, expected);
    assert.deepEqual(
      past?.buckets.map(({ parts }) => parts.serving / SECOND),
      [150, 300, 220],
    );
    assert.equal(past?.bucketMs, 5 * MINUTE);
  });

  test("buckets of an hour keep the same parts when those of 5 minutes are gone", async () => {
    const { clock, history, pass, seconds } = historyOf();
    history.setStatus("a", "SERVING");
    await pass(HOUR + 90 * SECOND);
    history.setStatus("a", "NOT_SERVING");
    await pass(3 * MINUTE);
    history.setStatus("a", "SERVING");
    await pass(10 * DAY);
    const { bucketMs, buckets, parts } =
      history.read("a", clock.wallTime() - 15 * DAY, clock.wallTime()) ?? assert.fail();
    assert.equal(bucketMs, HOUR);
    assert.equal(buckets[1]?.parts.notServing, 3 * MINUTE);
    assert.equal(parts.notServing, 3 * MINUTE);
    assert.equal(parts.serving, 10 * DAY + HOUR + 90 * SECOND);
    assert.deepEqual(seconds("a", 24), { ...NONE, serving: DAY + 4.5 * MINUTE });
  });

  test("latencies have number, least, mean, most and 95th percentile, the same in open and in stored buckets", async () => {
    const { clock, history, pass } = historyOf();
    history.setStatus("a", "SERVING");
    await clock.advance(SECOND);
    for (let ms = 1; ms <= 100; ms += 1) history.addLatency("a", ms);
    const read = () =>
      history.read("a", clock.wallTime() - 20 * HOUR, clock.wallTime())?.buckets.find(({ latency }) => latency)
        ?.latency;
    const near = (latency: ReturnType<typeof read>) => {
      assert.ok(latency !== undefined && latency.count === 100);
      for (const [value, expected, share] of [
        [latency.min, 1, 0.001],
        [latency.avg, 50.5, 0.001],
        [latency.max, 100, 0.001],
        [latency.p95, 95, 0.13],
      ] as const)
        assert.ok(Math.abs(value - expected) <= expected * share, `${value} is near ${expected}`);
    };
    near(read());
    await pass(HOUR);
    near(read());
    history.addLatency("unknown", 5);
    assert.equal(history.read("unknown", 0, clock.wallTime()), undefined);
  });

  test("the range is what was asked for, as far as there is a past and no future", async () => {
    const { clock, history, pass } = historyOf({ retainMs: 2 * DAY });
    history.setStatus("a", "SERVING");
    await pass(5 * DAY + 7 * MINUTE);
    const now = clock.wallTime();
    const all = history.read("a", 0, now + DAY) ?? assert.fail();
    assert.deepEqual([all.from, all.to], [now - 2 * DAY - 7 * MINUTE, now]);
    assert.equal(all.parts.serving, 2 * DAY + 7 * MINUTE);
    const future = history.read("a", now + HOUR, now + DAY) ?? assert.fail();
    assert.deepEqual([future.buckets.length, future.to - future.from], [0, 0]);
  });

  test("a wall clock that jumps ahead leaves a gap without data", async () => {
    const { clock, history, pass, seconds } = historyOf();
    history.setStatus("a", "SERVING");
    await pass(HOUR);
    clock.wallOffset += 3 * HOUR;
    await pass(HOUR);
    assert.deepEqual(seconds("a", 5), { ...NONE, serving: 2 * HOUR, noData: 3 * HOUR });
  });

  test("a wall clock that jumps back never makes a bucket longer than its time", async () => {
    const backs = [10 * MINUTE, 90 * MINUTE, 40 * DAY];
    for (const [back, before] of backs.flatMap((each) => [[each, 150 * SECOND] as const, [each, HOUR / 2] as const])) {
      const { clock, history, pass } = historyOf();
      history.setStatus("a", "NOT_SERVING");
      await pass(3 * HOUR + before);
      history.setStatus("a", "SERVING");
      clock.wallOffset -= back;
      await clock.advance(20 * SECOND);
      await pass(4 * HOUR);
      for (const from of [clock.wallTime() - 24 * HOUR, clock.wallTime() - 29 * DAY]) {
        const { buckets, bucketMs } = history.read("a", from, clock.wallTime()) ?? assert.fail();
        for (const { at, parts } of buckets) {
          const sum = parts.serving + parts.notServing;
          assert.ok(sum <= bucketMs && at <= clock.wallTime(), `${back}: ${sum} of ${bucketMs}`);
        }
        const last = buckets.at(-2);
        assert.deepEqual([last?.parts.serving, last?.parts.notServing], [bucketMs, 0]);
      }
    }
  });

  test("what was recorded in a future that a corrected clock took back is not shown when that time comes", async () => {
    const { clock, history, pass } = historyOf();
    history.setStatus("a", "SERVING");
    await pass(2 * HOUR);
    clock.wallOffset -= HOUR;
    await clock.advance(20 * SECOND);
    history.setStatus("a", "SERVICE_UNKNOWN");
    const removedAt = clock.wallTime();
    await pass(3 * HOUR);
    const { buckets } = history.read("a", removedAt + 5 * MINUTE, clock.wallTime()) ?? assert.fail();
    assert.deepEqual(buckets, []);
  });

  test("a wall clock that is set back a little at the start of a bucket does not spoil the bucket before", async () => {
    const { clock, history } = historyOf();
    history.setStatus("a", "SERVING");
    await clock.advance(5 * MINUTE + 100);
    history.setStatus("a", "SERVING"); // the next bucket has begun
    clock.wallOffset -= 500;
    history.addLatency("a", 1);
    await clock.advance(MINUTE);
    const { buckets } = history.read("a", clock.wallTime() - HOUR, clock.wallTime()) ?? assert.fail();
    assert.equal(buckets[0]?.parts.serving, 5 * MINUTE);
  });

  test("many small corrections of the wall clock lose and invent nothing", async () => {
    const { clock, history, pass, seconds } = historyOf();
    history.setStatus("a", "SERVING");
    for (let minute = 0; minute < 120; minute += 1) {
      clock.wallOffset += minute % 2 === 0 ? 900 : -900;
      await pass(MINUTE);
    }
    const { serving, noData } = seconds("a", 2);
    assert.ok(Math.abs(serving - 2 * HOUR) < 2_000 && noData < 2_000, `${serving} ${noData}`);
  });

  test("maintenance is a part of its own, and a drain of this server is unknown", async () => {
    const { history, pass, seconds } = historyOf();
    let isInMaintenance = false;
    history.askMaintenance((service) => isInMaintenance && service === "a");
    for (const name of ["a", "b"]) history.setStatus(name, "NOT_SERVING");
    await pass(10 * MINUTE);
    isInMaintenance = true;
    await pass(10 * MINUTE);
    isInMaintenance = false;
    history.setStatus("b", "NOT_SERVING", "draining");
    await pass(10 * MINUTE);
    assert.deepEqual(seconds("a", 1), {
      ...NONE,
      notServing: 20 * MINUTE,
      maintenance: 10 * MINUTE,
      noData: 30 * MINUTE,
    });
    assert.deepEqual(seconds("b", 1), { ...NONE, notServing: 20 * MINUTE, unknown: 10 * MINUTE, noData: 30 * MINUTE });
  });

  test("a view has no history, and a service that is gone is forgotten when its buckets are too old", async () => {
    const { clock, history, pass } = historyOf({ retainMs: DAY });
    history.setStatus("startup", "SERVING");
    assert.equal(history.read("startup", 0, clock.wallTime()), undefined);
    history.setStatus("worker", "SERVING");
    await pass(5 * MINUTE);
    history.setStatus("worker", "SERVICE_UNKNOWN");
    await pass(20 * HOUR);
    assert.equal(history.read("worker", 0, clock.wallTime())?.parts.serving, 5 * MINUTE);
    await pass(3 * DAY);
    assert.equal(history.read("worker", 0, clock.wallTime()), undefined);
    assert.equal(history.bytes, 0);
  });

  test("30 days fit 32 KB a check; with less memory each check keeps its newest days", async () => {
    for (const [maxMb, days] of [
      [32, 30],
      [16, 10],
    ] as const) {
      const { clock, history, pass } = historyOf({ maxBytes: (maxMb * MB) / 20 });
      const names = Array.from({ length: 50 }, (_, index) => `check-${index}`);
      for (const name of names) history.setStatus(name, "SERVING");
      for (let hour = 0; hour < 31 * 24; hour += 1) {
        await pass(HOUR);
        for (const name of names) history.addLatency(name, 3);
        assert.ok(history.bytes <= (maxMb * MB) / 20, `${history.bytes}`);
      }
      const { parts } = history.read("check-7", clock.wallTime() - days * DAY, clock.wallTime()) ?? assert.fail();
      assert.ok(parts.serving >= (days - 1) * DAY, `${maxMb} MB: ${parts.serving / DAY} days`);
      assert.equal(history.refused, 0);
    }
  });

  test("however little the memory is, the newest hours stay, and the bound holds", async () => {
    for (const bytesPerService of [4_500, 6_000, 9_000]) {
      const maxBytes = 50 * bytesPerService;
      const { clock, history, pass, seconds } = historyOf({ maxBytes });
      for (let index = 0; index < 60; index += 1) history.setStatus(`s-${index}`, "SERVING");
      assert.ok(history.refused <= 10, `${history.refused} refused`);
      for (let hour = 1; hour <= 60; hour += 1) {
        await pass(HOUR);
        assert.ok(history.bytes <= maxBytes, `${history.bytes}`);
        const hours = (clock.wallTime() % (6 * HOUR)) / HOUR;
        const { serving } = seconds("s-7", 24);
        assert.ok(
          serving >= Math.min(hour, hours) * HOUR,
          `after ${hour} h: ${serving / HOUR} h, ${bytesPerService} bytes`,
        );
      }
    }
  });

  test("a name that finds no room has no history, and is counted", () => {
    const { history } = historyOf({ maxBytes: 10_000 });
    for (let index = 0; index < 20; index += 1) history.setStatus(`s-${index}`, "SERVING");
    assert.ok(history.refused > 0 && history.bytes <= 10_000);
  });

  test("its timer ends with it", () => {
    const { clock, history } = historyOf();
    history.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
