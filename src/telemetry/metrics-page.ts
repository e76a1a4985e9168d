/**
 * The page that Prometheus scrapes, by prom-client from a tally and from what the registry tells. It holds no numbers of
 * its own: every metric is filled when somebody asks.
 *
 * With thousands of checks the page is megabytes. Between two metrics, and after each slice of a histogram, the event
 * loop gets its turn: a page made in one go would be a stall of our own. prom-client's histograms can neither be filled
 * nor cut, so these lines are our own.
 */
import { Counter, Gauge, Registry } from "prom-client";
import type { Clock } from "../core/clock.js";
import { OVERALL } from "../core/service-name.js";
import { SERVING_STATUSES, type ServingStatus } from "../core/serving-status.js";
import { version } from "../core/version.js";
import type { Counts, Durations } from "./counts.js";
import { METRICS, type MetricRow } from "./metric-table.js";
import type { Tally } from "./tally.js";

const CHECK_STATES = ["pending", "passing", "warning", "failing"] as const;

/** As much of a service's status as is measured. */
interface ServiceReading {
  readonly status: ServingStatus;
  readonly degraded: boolean;
}

/** As much of a check as is measured. */
interface CheckReading {
  readonly name: string;
  readonly state: (typeof CHECK_STATES)[number];
}

/** As much of a registry as is measured. */
export interface StatusReadings {
  readonly instance: string;
  readonly draining: boolean;
  readonly watcherCount: number;
  read(service: string): ServiceReading | undefined;
  services(): Iterable<readonly [string, ServiceReading]>;
  checks(): Iterable<CheckReading>;
}

/** What the page tells of, beside the tally. */
export interface MetricsSource {
  readonly clock: Clock;
  readonly reader: StatusReadings;
  /** Open connections of clients. */
  readonly connectionCount: () => number;
}

const MS_PER_SECOND = 1_000;
const MS_PER_DAY = 86_400_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** Series of a histogram that are written before the event loop gets its turn. */
const SLICE = 250;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class MetricsPage {
  readonly #registry = new Registry();
  readonly #source: MetricsSource;
  readonly #tally: Tally;

  constructor(source: MetricsSource, tally: Tally) {
    this.#source = source;
    this.#tally = tally;
    this.#addServer();
    this.#addChecks();
    this.#addCounters();
    this.#addOwn();
  }

  /** The page, in the order of the table. O(services + checks). */
  async text(): Promise<string> {
    const parts: string[] = [];
    for (const row of Object.values<MetricRow>(METRICS)) {
      if (row.type === "histogram") await this.#writeHistogram(row, parts);
      else parts.push(await this.#registry.getSingleMetricAsString(row.name));
      await nextTurn();
    }
    return `${parts.join("\n")}\n`;
  }

  #addServer(): void {
    const { reader, connectionCount } = this.#source;
    const services = function* () {
      const overall = reader.read(OVERALL);
      if (overall !== undefined) yield [OVERALL, overall] as const;
      yield* reader.services();
    };
    this.#addGauge(METRICS.serviceStatus, (gauge) => {
      for (const [service, { status }] of services())
        for (const each of SERVING_STATUSES) gauge.set({ service, status: each }, each === status ? 1 : 0);
    });
    this.#addGauge(METRICS.serviceDegraded, (gauge) => {
      for (const [service, { degraded }] of services()) gauge.set({ service }, degraded ? 1 : 0);
    });
    this.#addGauge(METRICS.watchers, (gauge) => gauge.set(reader.watcherCount));
    this.#addGauge(METRICS.connections, (gauge) => gauge.set(connectionCount()));
    this.#addGauge(METRICS.draining, (gauge) => gauge.set(reader.draining ? 1 : 0));
  }

  #addChecks(): void {
    const { reader, clock } = this.#source;
    const { probed } = this.#tally;
    this.#addGauge(METRICS.checkState, (gauge) => {
      for (const { name: check, state } of reader.checks())
        for (const each of CHECK_STATES) gauge.set({ check, state: each }, each === state ? 1 : 0);
    });
    this.#addGauge(METRICS.staleness, (gauge) => {
      const now = clock.now();
      for (const [check, { lastResultAt }] of probed) gauge.set({ check }, (now - lastResultAt) / MS_PER_SECOND);
    });
    this.#addGauge(METRICS.certificateDaysLeft, (gauge) => {
      const now = clock.wallTime();
      for (const [check, { certificateEndsAt }] of probed)
        if (certificateEndsAt !== undefined) gauge.set({ check }, (certificateEndsAt - now) / MS_PER_DAY);
    });
  }

  #addCounters(): void {
    const { transitions, calls, httpRequests, results, proberErrors, resultsDropped } = this.#tally;
    const table: readonly (readonly [MetricRow, Counts])[] = [
      [METRICS.transitions, transitions],
      [METRICS.requests, calls],
      [METRICS.httpRequests, httpRequests],
      [METRICS.checkResults, results],
      [METRICS.proberErrors, proberErrors],
      [METRICS.resultsDropped, resultsDropped],
    ];
    for (const [row, counts] of table)
      this.#addCounter(row, (counter) => {
        for (const { labels, value } of counts.series()) counter.labels(...labels).inc(value);
      });
  }

  #addOwn(): void {
    const tally = this.#tally;
    this.#addCounter(METRICS.stalls, (counter) => counter.inc(tally.stalls));
    this.#addGauge(METRICS.isolated, (gauge) => gauge.set(tally.isolated ? 1 : 0));
    this.#addGauge(METRICS.reloadSuccessful, (gauge) => gauge.set(tally.lastReloadSuccessful ? 1 : 0));
    this.#addGauge(METRICS.reloadTimestamp, (gauge) => gauge.set(tally.configuredAt / MS_PER_SECOND));
    this.#addCounter(METRICS.reloads, (counter) => {
      for (const [result, count] of Object.entries(tally.reloads)) counter.labels(result).inc(count);
    });
    const build = { version: version(), node: process.versions.node };
    this.#addGauge(METRICS.buildInfo, (gauge) => gauge.set(build, 1));
    this.#addCounter(METRICS.cpu, (counter) => {
      const { user, system } = process.cpuUsage();
      counter.inc((user + system) / MICROSECONDS_PER_SECOND);
    });
    this.#addGauge(METRICS.residentMemory, (gauge) => gauge.set(process.memoryUsage.rss()));
    const startedAt = this.#source.clock.wallTime() / MS_PER_SECOND - process.uptime();
    this.#addGauge(METRICS.processStart, (gauge) => gauge.set(startedAt));
    this.#addGauge(METRICS.heapUsed, (gauge) => gauge.set(process.memoryUsage().heapUsed));
  }

  #addGauge({ name, help, labels }: MetricRow, fill: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect() {
        this.reset();
        fill(this);
      },
    });
  }

  #addCounter({ name, help, labels }: MetricRow, fill: (counter: Counter) => void): void {
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect() {
        this.reset();
        fill(this);
      },
    });
  }

  async #writeHistogram({ name, help }: MetricRow, parts: string[]): Promise<void> {
    const { probed, startLag } = this.#tally;
    parts.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
    if (name === METRICS.startLag.name) {
      parts.push(...linesOf(name, "", startLag));
      return;
    }
    // a copy: a check that goes and comes back meanwhile must not stand here twice
    for (const [index, [check, { durations }]] of [...probed].entries()) {
      if (index % SLICE === SLICE - 1) await nextTurn();
      parts.push(...linesOf(name, `check="${escapeLabel(check)}"`, durations));
    }
  }
}

function linesOf(name: string, label: string, durations: Durations): string[] {
  const buckets = label === "" ? "" : `${label},`;
  const braces = label === "" ? "" : `{${label}}`;
  return [
    ...[...durations.cumulative()].map(([bound, count]) => `${name}_bucket{${buckets}le="${bound}"} ${count}`),
    `${name}_bucket{${buckets}le="+Inf"} ${durations.count}`,
    `${name}_sum${braces} ${durations.sumSeconds}`,
    `${name}_count${braces} ${durations.count}`,
  ];
}

/** A label's value, as the text format wants it written. */
function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
