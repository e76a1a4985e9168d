/** The metrics through a Meter of OpenTelemetry: its real API and SDK. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { createNoopMeter } from "@opentelemetry/api";
import { DataPointType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { Health } from "../../src/index.js";
import { METRICS } from "../../src/telemetry/metric-table.js";
import { eventually } from "../support/eventually.js";
import { familiesOf, samplesOf } from "../support/exposition.js";
import { portOf } from "../support/port-of.js";

class Reader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** A measurement, as the exporter of Prometheus' names would write it. */
interface Point {
  readonly name: string;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

/** A health whose metrics go to an SDK, with one check that passes and one that fails. */
function observed(t: TestContext) {
  const reader = new Reader();
  const provider = new MeterProvider({ readers: [reader] });
  const health = new Health({ metrics: true });
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  t.after(() => provider.shutdown());
  const stop = health.observe(provider.getMeter("healthbridge"));
  const points = async (): Promise<readonly Point[]> => {
    const { resourceMetrics, errors } = await reader.collect();
    assert.deepEqual(errors, []);
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap((metric) => {
        const unit = metric.descriptor.unit === "s" ? "_seconds" : "";
        const isCounter = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
        const name = metric.descriptor.name + unit + (isCounter ? "_total" : "");
        return metric.dataPoints.map(({ attributes, value }) => ({ name, labels: attributes, value }));
      }),
    );
  };
  return { health, provider, stop, points };
}

const keyOf = ({ name, labels }: Pick<Point, "name" | "labels">) =>
  name + JSON.stringify(Object.entries(labels).sort());

describe("health.observe(meter)", () => {
  test("publishes what /metrics has, under the same names and labels, with the same values", async (t) => {
    const { health, points } = observed(t);
    const server = await health.listen(["127.0.0.1:0"]);
    health.check("db", () => true, { services: ["acme.Orders"] });
    health.check("broken", () => false, { critical: false });
    await eventually(() => health.status("db") === "SERVING" && health.status("broken") === "NOT_SERVING", "results");
    await fetch(`http://127.0.0.1:${portOf(server)}/healthcheck`);
    const page = await (await fetch(`http://127.0.0.1:${portOf(server)}/metrics`)).text();
    const now = await points();
    const isOfProcess = /^(?:process_|nodejs_)/;
    // what changes between the two by itself
    const changing = /_connections|staleness|http_requests|timestamp/;
    const values = new Map(now.map((point) => [keyOf(point), point.value]));
    const expected = samplesOf(page).filter(
      ({ name }) => !isOfProcess.test(name) && !/_(?:bucket|sum|count)$/.test(name),
    );
    assert.ok(expected.length > 30);
    for (const sample of expected) {
      assert.ok(values.has(keyOf(sample)), keyOf(sample));
      if (!changing.test(sample.name)) assert.equal(values.get(keyOf(sample)), sample.value, keyOf(sample));
    }
    const known = new Set(familiesOf(page).map(({ name }) => name));
    for (const { name } of now) assert.ok(known.has(name), name);
  });

  test("publishes durations as histograms with the bounds of the page", async (t) => {
    const { health, points } = observed(t);
    health.check("db", () => true);
    await eventually(async () => {
      const durations = (await points()).filter(({ name }) => name === METRICS.checkDuration.name);
      const [{ labels, value } = { labels: { check: "" }, value: {} }] = durations;
      const { count, buckets } = Object(value);
      return labels.check === "db" && count >= 1 && buckets.boundaries.length === 13 && buckets.boundaries[0] === 0.001;
    }, "a histogram");
  });

  test("never leaves a removed service SERVING, though the SDK exports its series for ever", async (t) => {
    const { health, points } = observed(t);
    const statuses = async () =>
      (await points())
        .filter(({ name, labels }) => name === METRICS.serviceStatus.name && labels.service === "a")
        .map(({ labels, value }) => [labels.status, value]);
    const isEvery = (value: number) => async () => (await statuses()).every(([, each]) => each === value);
    health.set("a", "SERVING");
    assert.deepEqual(
      (await statuses()).filter(([, value]) => value === 1),
      [["SERVING", 1]],
    );
    health.clear("a");
    for (let round = 0; round < 3; round += 1) assert.ok(await isEvery(0)());
    health.set("a", "NOT_SERVING");
    assert.deepEqual(
      (await statuses()).filter(([, value]) => value === 1),
      [["NOT_SERVING", 1]],
    );
  });

  test("observes nothing after stop(), which can be called twice", async (t) => {
    const { health, points, stop } = observed(t);
    health.set("a", "SERVING");
    stop();
    stop();
    assert.deepEqual(await points(), []);
  });

  test("belongs to one instance", async (t) => {
    const { points } = observed(t);
    const other = new Health({ instance: "other" });
    t.after(() => other.shutdown({ drainDelayMs: 0 }));
    other.check("elsewhere", () => true);
    await eventually(() => other.status("elsewhere") === "SERVING", "a result");
    assert.ok(!(await points()).some(({ labels }) => labels.check === "elsewhere"));
  });

  test("shows the drain after a shutdown, and counts no more", async (t) => {
    const { health, points } = observed(t);
    health.set("a", "SERVING");
    await health.shutdown({ drainDelayMs: 0 });
    const now = await points();
    assert.equal(now.find(({ name }) => name === METRICS.draining.name)?.value, 1);
    assert.throws(() => health.observe(createNoopMeter()), /observe\(\) must come before shutdown/);
  });

  test("gives the event loop its turns: 3,000 services are no single block", async (t) => {
    const { health, points } = observed(t);
    for (let index = 0; index < 3_000; index += 1) health.set(`service-${index}`, "SERVING");
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await points();
    isDone = true;
    assert.ok(turns >= 10, `${turns} turns`);
  });

  test("refuses what is no Meter, and works with the API alone, without an SDK", (t) => {
    const health = new Health();
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    for (const meter of [undefined, null, {}, "meter"])
      assert.throws(() => Reflect.apply(health.observe, health, [meter]), { code: "INVALID_OPTION" });
    health.observe(createNoopMeter())();
  });
});

test("the names and units give the names of the page again, as the translation to Prometheus makes them", async (t) => {
  const { points } = observed(t);
  const names: readonly string[] = Object.values(METRICS).map(({ name }) => name);
  for (const { name } of await points()) assert.ok(names.includes(name), name);
});
