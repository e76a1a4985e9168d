/**
 * The instruments of one instance, on prom-client: messages of the channels move counters and histograms, and whatever
 * the registry can tell is read when somebody asks.
 *
 * Loaded when it is needed: see `metrics`. The registry of instruments is our own, never prom-client's global one.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Published } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { OVERALL } from "../core/service-name.js";
import { SERVING_STATUSES, type ServingStatus } from "../core/serving-status.js";
import { version } from "../core/version.js";
import { BUCKETS_SECONDS, METRICS, type MetricRow } from "./metric-table.js";
import { OwnedCounter } from "./owned-counter.js";

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

/** What the instruments read. */
export interface MetricsSource {
  readonly clock: Clock;
  readonly reader: StatusReadings;
  /** Open connections of clients. */
  readonly connectionCount: () => number;
}

/** The channels that are measured. */
export type Measured =
  | "transition"
  | "probe"
  | "prober-failed"
  | "result-dropped"
  | "stall"
  | "isolation"
  | "call"
  | "http-request"
  | "reload";

/** For each channel, what a message does; `at` is when it came, on the clock's monotonic scale. */
export type Recorders = { readonly [Name in Measured]: (message: Published<Name>, at: number) => void };

/** What is kept of a check beside its counters. */
interface Probed {
  readonly duration: Histogram.Internal<string>;
  lastResultAt: number;
  certificateEndsAt: number | undefined;
}

const MS_PER_SECOND = 1_000;
const MS_PER_DAY = 86_400_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

export class Instruments {
  readonly #source: MetricsSource;
  readonly #registry = new Registry();
  readonly #gauges = {
    serviceStatus: this.#gauge(METRICS.serviceStatus),
    serviceDegraded: this.#gauge(METRICS.serviceDegraded),
    watchers: this.#gauge(METRICS.watchers),
    connections: this.#gauge(METRICS.connections),
    draining: this.#gauge(METRICS.draining),
    checkState: this.#gauge(METRICS.checkState),
    staleness: this.#gauge(METRICS.staleness),
    certificateDaysLeft: this.#gauge(METRICS.certificateDaysLeft),
    isolated: this.#gauge(METRICS.isolated),
    reloadSuccessful: this.#gauge(METRICS.reloadSuccessful),
    reloadTimestamp: this.#gauge(METRICS.reloadTimestamp),
    buildInfo: this.#gauge(METRICS.buildInfo),
    residentMemory: this.#gauge(METRICS.residentMemory),
    processStart: this.#gauge(METRICS.processStart),
    heapUsed: this.#gauge(METRICS.heapUsed),
  };
  readonly #counters = {
    transitions: new OwnedCounter(this.#counter(METRICS.transitions)),
    requests: new OwnedCounter(this.#counter(METRICS.requests)),
    httpRequests: new OwnedCounter(this.#counter(METRICS.httpRequests)),
    results: new OwnedCounter(this.#counter(METRICS.checkResults)),
    proberErrors: new OwnedCounter(this.#counter(METRICS.proberErrors)),
    dropped: new OwnedCounter(this.#counter(METRICS.resultsDropped)),
  };
  readonly #stalls = this.#counter(METRICS.stalls);
  readonly #reloads = this.#counter(METRICS.reloads);
  readonly #cpu = this.#counter(METRICS.cpu);
  readonly #duration = this.#histogram(METRICS.checkDuration);
  readonly #startLag = this.#histogram(METRICS.startLag);
  readonly #probed = new Map<string, Probed>();

  /** @param startedAt when the counting began, on the clock's monotonic scale. */
  constructor(source: MetricsSource, startedAt: number) {
    this.#source = source;
    this.#gauges.buildInfo.set({ version: version(), node: process.versions.node }, 1);
    this.#gauges.processStart.set(source.clock.wallTime() / MS_PER_SECOND - process.uptime());
    this.#gauges.reloadSuccessful.set(1);
    this.#gauges.reloadTimestamp.set(this.#unixTime(startedAt));
    // so that the first of its kind is an increase
    for (const result of ["success", "failure"]) this.#reloads.labels(result).inc(0);
  }

  readonly record: Recorders = {
    transition: ({ subject, name, from, to }) => {
      if (subject !== "service" || from === to) return;
      if (to === "SERVICE_UNKNOWN") this.#forget(name);
      else this.#counters.transitions.increment(name, to);
    },
    probe: ({ check, outcome, reason, latencyMs, startLagMs, certificateEndsAt }, at) => {
      const probed = this.#probed.get(check) ?? this.#createProbed(check);
      probed.lastResultAt = at;
      probed.certificateEndsAt = certificateEndsAt ?? probed.certificateEndsAt;
      probed.duration.observe(latencyMs / MS_PER_SECOND);
      this.#counters.results.increment(check, outcome, reason ?? "");
      this.#startLag.observe(startLagMs / MS_PER_SECOND);
    },
    "prober-failed": ({ check, reason }) => this.#counters.proberErrors.increment(check, reason),
    "result-dropped": ({ check }) => this.#counters.dropped.increment(check),
    stall: () => this.#stalls.inc(),
    isolation: ({ held }) => this.#gauges.isolated.set(held > 0 ? 1 : 0),
    call: ({ method, code }) => this.#counters.requests.increment(method, code),
    "http-request": ({ route, status }) => this.#counters.httpRequests.increment(route, String(status)),
    reload: ({ error }, at) => {
      this.#gauges.reloadSuccessful.set(error === undefined ? 1 : 0);
      this.#reloads.inc({ result: error === undefined ? "success" : "failure" });
      if (error === undefined) this.#gauges.reloadTimestamp.set(this.#unixTime(at));
    },
  };

  /** Everything in Prometheus' text format. O(services + checks). */
  text(): Promise<string> {
    const { reader, connectionCount } = this.#source;
    this.#gauges.watchers.set(reader.watcherCount);
    this.#gauges.connections.set(connectionCount());
    this.#gauges.draining.set(reader.draining ? 1 : 0);
    this.#readServices();
    this.#readChecks();
    this.#readProbes();
    this.#readProcess();
    for (const counter of Object.values(this.#counters)) counter.flush();
    return this.#registry.metrics();
  }

  #readServices(): void {
    const { serviceStatus, serviceDegraded } = this.#gauges;
    const { reader } = this.#source;
    serviceStatus.reset();
    serviceDegraded.reset();
    const tell = (service: string, { status, degraded }: ServiceReading) => {
      for (const each of SERVING_STATUSES) serviceStatus.set({ service, status: each }, each === status ? 1 : 0);
      serviceDegraded.set({ service }, degraded ? 1 : 0);
    };
    const overall = reader.read(OVERALL);
    if (overall !== undefined) tell(OVERALL, overall);
    for (const [service, status] of reader.services()) tell(service, status);
  }

  #readChecks(): void {
    const { checkState } = this.#gauges;
    checkState.reset();
    const tell = ({ name: check, state }: CheckReading) => {
      for (const each of CHECK_STATES) checkState.set({ check, state: each }, each === state ? 1 : 0);
    };
    for (const report of this.#source.reader.checks()) tell(report);
  }

  #readProbes(): void {
    const { staleness, certificateDaysLeft } = this.#gauges;
    const { clock } = this.#source;
    const [now, today] = [clock.now(), clock.wallTime()];
    staleness.reset();
    certificateDaysLeft.reset();
    for (const [check, { lastResultAt, certificateEndsAt }] of this.#probed) {
      staleness.set({ check }, (now - lastResultAt) / MS_PER_SECOND);
      if (certificateEndsAt !== undefined) certificateDaysLeft.set({ check }, (certificateEndsAt - today) / MS_PER_DAY);
    }
  }

  #readProcess(): void {
    const { user, system } = process.cpuUsage();
    this.#cpu.reset();
    this.#cpu.inc((user + system) / MICROSECONDS_PER_SECOND);
    const { rss, heapUsed } = process.memoryUsage();
    this.#gauges.residentMemory.set(rss);
    this.#gauges.heapUsed.set(heapUsed);
  }

  /** A service is gone, and the check of its name with it: every check is a service under its own name. */
  #forget(name: string): void {
    const { transitions, results, proberErrors, dropped } = this.#counters;
    for (const counter of [transitions, results, proberErrors, dropped]) counter.forget(name);
    this.#duration.remove(name);
    this.#probed.delete(name);
  }

  /** A reading of the monotonic clock as Unix time. */
  #unixTime(at: number): number {
    const { clock } = this.#source;
    return (clock.wallTime() - (clock.now() - at)) / MS_PER_SECOND;
  }

  #createProbed(check: string): Probed {
    const probed = { duration: this.#duration.labels(check), lastResultAt: 0, certificateEndsAt: undefined };
    this.#probed.set(check, probed);
    return probed;
  }

  #gauge({ name, help, labels }: MetricRow): Gauge {
    return new Gauge({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }

  #counter({ name, help, labels }: MetricRow): Counter {
    return new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }

  #histogram({ name, help, labels }: MetricRow): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name, help, labelNames: [...labels], buckets: [...BUCKETS_SECONDS], registers });
  }
}
