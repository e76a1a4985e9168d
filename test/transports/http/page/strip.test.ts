import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Bucket } from "../../../../src/telemetry/history/bucket-series.js";
import type { PastOfService } from "../../../../src/telemetry/history/service-history.js";
import { drawChart, drawSpark } from "../../../../src/transports/http/page/latency-lines.js";
import { cellRange, cellsOf, drawStrip, stripLabel } from "../../../../src/transports/http/page/strip.js";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 27, 14, 10);
const DAY = cellRange("24h", NOW);

function bucket(at: number, parts: Partial<Bucket["parts"]>, ms?: number): Bucket {
  const latency = ms === undefined ? undefined : { count: 1, min: ms, avg: ms, max: ms, p95: ms };
  return { at, parts: { serving: 0, notServing: 0, unknown: 0, maintenance: 0, ...parts }, latency };
}

/** One bucket of five minutes in each of the first cells. */
const inCells = (...parts: readonly Partial<Bucket["parts"]>[]) =>
  parts.map((each, index) => bucket(DAY.from + index * DAY.cellMs, each));

function past(buckets: readonly Bucket[]): PastOfService {
  const parts = { serving: 0, notServing: 0, unknown: 0, maintenance: 0 };
  for (const each of buckets) {
    parts.serving += each.parts.serving;
    parts.notServing += each.parts.notServing;
    parts.unknown += each.parts.unknown;
    parts.maintenance += each.parts.maintenance;
  }
  return { from: DAY.from, to: NOW, bucketMs: 5 * MINUTE, buckets, parts };
}

describe("a strip", () => {
  test("ends with the cell of now, and its cells begin at the same times for all services", () => {
    assert.deepEqual(
      [new Date(DAY.from).toISOString(), new Date(DAY.to).toISOString(), DAY.count],
      ["2026-11-26T14:30:00.000Z", "2026-11-27T14:30:00.000Z", 48],
    );
    assert.deepEqual([cellRange("7d", NOW).count, cellRange("30d", NOW).count], [56, 60]);
  });

  test("has a kind of its own for a cell in which only a part was an outage, however short", () => {
    const cells = cellsOf(
      past(
        inCells(
          { serving: 300_000 },
          { notServing: 300_000 },
          { serving: 299_000, notServing: 1_000 },
          { unknown: 200_000, serving: 100_000 },
          { maintenance: 1_000, serving: 299_000 },
          {},
        ),
      ),
      DAY,
    );
    assert.deepEqual(cells.slice(0, 6), ["serving", "down", "mixed", "unknown", "maintenance", "none"]);
  });

  test("does not call an outage partial because of the moment before the first result", () => {
    const cells = cellsOf(
      past(
        inCells(
          { unknown: 999, notServing: 5_000 },
          { unknown: 1_000, notServing: 5_000 },
          { serving: 1, notServing: 5_000 },
        ),
      ),
      DAY,
    );
    assert.deepEqual(cells.slice(0, 3), ["down", "mixed", "mixed"]);
  });

  test("has one path for each kind, and a pattern for each kind that is not plain", () => {
    const drawing = drawStrip(["serving", "serving", "mixed", "serving", "none"], "a").text;
    assert.match(drawing, /<path class="serving" d="M0 10h10M15 10h5"\/>/);
    assert.match(drawing, /<path class="mixed" stroke="url\(#mixed\)" d="M10 10h5"\/>/);
    assert.match(drawing, /viewBox="0 0 25 20"/);
    assert.ok(!drawing.includes("style="));
  });

  test("says in its label what it shows", () => {
    const buckets = [
      bucket(DAY.from, { serving: 300_000 }),
      bucket(DAY.from + 5 * MINUTE, { notServing: 120_000, serving: 180_000 }),
      bucket(DAY.from + 10 * MINUTE, { notServing: 60_000, serving: 240_000 }),
      bucket(DAY.from + 15 * MINUTE, { serving: 60_000, unknown: 120_000, maintenance: 120_000 }),
    ];
    assert.equal(
      stripLabel("orders", past(buckets), "24h"),
      "orders, last 24 hours: 81.25 % serving, 1 outage of 3 min, unknown for 2 min, in maintenance for 2 min",
    );
    const again = [...buckets, bucket(DAY.from + 20 * MINUTE, { notServing: 60_000 })];
    assert.match(stripLabel("orders", past(again), "7d"), /^orders, last 7 days: .* 2 outages, 4 min in all/);
    const start = [bucket(DAY.from, { unknown: 24, serving: 200_000, maintenance: 900 })];
    assert.equal(stripLabel("orders", past(start), "24h"), "orders, last 24 hours: 100 % serving");
    assert.equal(stripLabel("orders", past([]), "30d"), "orders, last 30 days: no data");
    assert.equal(stripLabel("orders", undefined, "30d"), "orders, last 30 days: no data");
  });
});

describe("a line of latencies", () => {
  test("has a gap where there is no latency", () => {
    const buckets = [0, 2, 8].map((index) => bucket(DAY.from + index * DAY.cellMs, {}, 10));
    assert.match(drawSpark(buckets, DAY)?.text ?? "", /d="M0 \d+l0 0 4 0M16 \d+l0 0"/);
    assert.equal(drawSpark([bucket(DAY.from, {})], DAY), undefined);
  });

  test("of a service has a label with its average and its highest value", () => {
    const buckets = [10, 30].map((ms, index) => bucket(DAY.from + index * DAY.cellMs, {}, ms));
    assert.equal(drawChart(buckets, DAY)?.label, "average 20 ms; 95 % of the probes took at most 30 ms (dotted)");
    assert.equal(drawChart([], DAY), undefined);
  });
});
