/**
 * The metrics of one instance, through a Meter of OpenTelemetry's API.
 *
 *     registry, tally --readings, when the SDK collects--> gauges and counters
 *     channel `probe` --each result--------------------->  histograms: OpenTelemetry has none that is observed
 *
 * The SDK for JavaScript (2.12) exports a series that is not observed any more for ever, with its last value, against
 * opentelemetry.io/docs/specs/otel/metrics/sdk, "Observations inside asynchronous callbacks". A removed service would stay
 * SERVING. So each series of a gauge that is gone is set to 0 once.
 *
 * The application gives the Meter, so nothing is loaded here. The interfaces below are the part of `@opentelemetry/api` 1
 * that is used. Names are those of the table without their unit, which an instrument has beside its name: the translation
 * to Prometheus adds it again (opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics, "Metric metadata").
 */
import { subscribe } from "../core/channels.js";
import { BUCKETS_SECONDS } from "./counts.js";
import { METRICS, type MetricRow } from "./metric-table.js";
import { Metrics, type MetricsSource } from "./metrics.js";

/** Attributes of a measurement. */
type MeterAttributes = Record<string, string>;

/** Options of an instrument. */
export interface MeterInstrumentOptions {
  readonly description: string;
  readonly unit: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

/** What the SDK gives to a callback. */
export interface MeterBatchResult {
  observe(instrument: object, value: number, attributes: MeterAttributes): void;
}

/** The part of a `Meter` of `@opentelemetry/api` that is used. */
export interface OpenTelemetryMeter {
  createObservableGauge(name: string, options: MeterInstrumentOptions): object;
  createObservableCounter(name: string, options: MeterInstrumentOptions): object;
  createHistogram(
    name: string,
    options: MeterInstrumentOptions,
  ): { record(value: number, attributes?: MeterAttributes): void };
  addBatchObservableCallback(callback: (result: MeterBatchResult) => Promise<void>, observables: object[]): void;
  removeBatchObservableCallback(callback: (result: MeterBatchResult) => Promise<void>, observables: object[]): void;
}

/** Series of a gauge by their labels, as the SDK has them. */
type ObservedSeries = Map<string, readonly string[]>;

const MS_PER_SECOND = 1_000;

/** Measurements that are given in one turn of the event loop: about 1 ms. */
const MEASUREMENTS_PER_TURN = 1_000;

export class OpenTelemetryMetrics {
  readonly #meter: OpenTelemetryMeter;
  readonly #metrics: Metrics;
  readonly #instruments: ReadonlyMap<MetricRow, object>;
  /** What was observed last, of each gauge. */
  readonly #observed = new Map<MetricRow, ObservedSeries>();
  readonly #unsubscribe: () => void;
  readonly #callback = (result: MeterBatchResult) => this.#observe(result);

  /** Starts to count and to publish. */
  constructor(source: MetricsSource, meter: OpenTelemetryMeter) {
    this.#meter = meter;
    this.#metrics = new Metrics(source);
    this.#instruments = new Map(
      this.#metrics.readings().flatMap(([row]) => {
        if (row.type === "histogram") return [];
        const [name, options] = instrumentOf(row);
        const isCounter = row.type === "counter";
        const instrument = isCounter
          ? meter.createObservableCounter(name, options)
          : meter.createObservableGauge(name, options);
        return [[row, instrument]];
      }),
    );
    const durations = histogram(meter, METRICS.checkDuration);
    const startLag = histogram(meter, METRICS.startLag);
    this.#unsubscribe = subscribe("probe", ({ instance, check, latencyMs, startLagMs }) => {
      if (instance !== source.reader.instance) return;
      durations.record(latencyMs / MS_PER_SECOND, { check });
      startLag.record(startLagMs / MS_PER_SECOND);
    });
    meter.addBatchObservableCallback(this.#callback, [...this.#instruments.values()]);
  }

  /** Stops counting. The SDK can still collect the last values. */
  stopCounting(): void {
    this.#unsubscribe();
    this.#metrics.close();
  }

  /** Stops publishing as well. */
  close(): void {
    this.stopCounting();
    this.#meter.removeBatchObservableCallback(this.#callback, [...this.#instruments.values()]);
  }

  async #observe(result: MeterBatchResult): Promise<void> {
    let measurements = 0;
    for (const [row, series] of this.#metrics.readings()) {
      const instrument = this.#instruments.get(row);
      if (instrument === undefined) continue;
      const observed: ObservedSeries = new Map();
      for (const { labels, value } of series) {
        if (typeof value === "number") result.observe(instrument, value, attributesOf(row, labels));
        if (row.type === "gauge") observed.set(labels.join("\n"), labels);
        measurements += 1;
        if (measurements % MEASUREMENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // 0 days would mean a certificate that has expired
      for (const [key, labels] of this.#observed.get(row) ?? [])
        if (!observed.has(key) && row !== METRICS.certificateDaysLeft)
          result.observe(instrument, 0, attributesOf(row, labels));
      this.#observed.set(row, observed);
    }
  }
}

function histogram(meter: OpenTelemetryMeter, row: MetricRow): ReturnType<OpenTelemetryMeter["createHistogram"]> {
  const [name, options] = instrumentOf(row);
  return meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries: [...BUCKETS_SECONDS] } });
}

/** The name of a metric without its suffixes, and its unit in UCUM's words. */
function instrumentOf({ name, help }: MetricRow): readonly [name: string, options: MeterInstrumentOptions] {
  const family = name.replace(/_total$/, "");
  if (family.endsWith("_seconds")) return [family.slice(0, -"_seconds".length), { description: help, unit: "s" }];
  return [family, { description: help, unit: "" }];
}

function attributesOf({ labels: names }: MetricRow, values: readonly string[]): MeterAttributes {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}
