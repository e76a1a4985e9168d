/**
 * Metrics of one instance, for Prometheus.
 *
 *     channels --> tally (plain numbers) --.
 *                                           +--> the lines of the page, when a client asks
 *     registry, process -------------------'
 *
 * With 10,000 checks the page has 300,000 lines. They are produced piece by piece, so that the caller can give the event
 * loop its turn between two pieces. Statuses are those of the first piece; counters may grow meanwhile.
 */
import type { Clock } from "../core/clock.js";
import { residentBytes } from "../core/memory.js";
import { OVERALL } from "../core/service-name.js";
import { SERVING_STATUSES, type ServingStatus } from "../core/serving-status.js";
import { version } from "../core/version.js";
import type { Counts } from "./counts.js";
import { type DiscoveryReadings, discoveryMetrics } from "./discovery-metrics.js";
import { type ExpositionFormat, type Series, writeMetric } from "./exposition.js";
import { type FleetMeasurements, fleetMetrics } from "./fleet-metrics.js";
import { METRICS, type MetricRow } from "./metric-table.js";
import { type Membership, serviceMembers } from "./service-members.js";
import { Tally, type TallyState } from "./tally.js";

/** The part of a service's status that is measured. */
interface ServiceReading {
  readonly status: ServingStatus;
  readonly degraded: boolean;
}

/** The part of a check that is measured. */
interface CheckReading extends Membership {
  readonly critical: boolean;
  readonly state: (typeof CHECK_STATES)[number];
}

/** The part of a registry that is measured. */
export interface StatusReadings {
  readonly instance: string;
  readonly draining: boolean;
  readonly drained: ReadonlySet<string>;
  read(service: string): ServiceReading | undefined;
  services(): Iterable<readonly [string, ServiceReading]>;
  checks(): Iterable<CheckReading>;
}

/** What is shown beside the tally. */
export interface MetricsSource {
  readonly clock: Clock;
  readonly reader: StatusReadings;
  readonly server: () => ServerReadings;
  /** What is measured in the main thread alone. Default: there is none of it. */
  readonly main?: () => MainReadings | undefined;
}

/** What a thread that only answers clients cannot know. */
export interface MainReadings {
  readonly history: HistoryReadings | undefined;
  readonly discovery: DiscoveryReadings | undefined;
  readonly fleet: FleetMeasurements | undefined;
}

/** How full the history is. */
export interface HistoryReadings {
  /** Estimated bytes. */
  readonly bytes: number;
  /** Status changes of services for which there is no memory left. */
  readonly refused: number;
}

/** What the servers of an instance and its process show. */
export interface ServerReadings {
  readonly connectionCount: number;
  readonly watcherCount: number;
  /** Wall time at which the server's own certificate expires; `undefined` without TLS. */
  readonly certificateEndsAt: number | undefined;
  /** Heap of the thread that runs the checks. */
  readonly heapUsedBytes: number;
  /** Milliseconds since its last sign of life; `undefined` when it answers itself. */
  readonly silenceMs: number | undefined;
}

const CHECK_STATES = ["pending", "passing", "warning", "failing"] as const;

const MS_PER_SECOND = 1_000;
const MS_PER_DAY = 86_400_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** A metric with its series. */
export type Metric = readonly [row: MetricRow, series: Iterable<Series>];

export class Metrics {
  readonly #source: MetricsSource;
  readonly #tally: Tally;
  /** Unix time. It is read once: a start time that moved with the wall clock would look like a restart. */
  readonly #startedAtSeconds: number;

  /** Starts to count what the instance publishes, from `before` on. */
  constructor(source: MetricsSource, before?: TallyState) {
    this.#source = source;
    this.#tally = new Tally(source.reader.instance, source.clock, before);
    this.#startedAtSeconds = source.clock.wallTime() / MS_PER_SECOND - process.uptime();
  }

  /** What was counted until now. */
  get state(): TallyState {
    return this.#tally.state;
  }

  /** What another thread shows beside its own counts, as plain data. */
  get mainReadings(): MainReadings {
    const { history, discovery, fleet } = this.#source.main?.() ?? {};
    return {
      history: history && { bytes: history.bytes, refused: history.refused },
      discovery: discovery && { ...discovery, instances: [...discovery.instances] },
      fleet: fleet && {
        ...fleet,
        members: [...fleet.members].map(({ state }) => ({ state })),
        propagation: { ...fleet.propagation },
      },
    };
  }

  /** The page, in the order of the table. O(services + checks + members). */
  *lines(format: ExpositionFormat = "text"): IterableIterator<string> {
    for (const [row, series] of [...this.readings(), ...this.#process()]) yield* writeMetric(row, series, format);
    if (format === "openmetrics") yield "# EOF\n";
  }

  /** Every metric that is not about the process. Its series are made while they are read. */
  readings(): readonly Metric[] {
    const { reader } = this.#source;
    const [services, checks] = [[...reader.services()], [...reader.checks()]];
    const main = this.#source.main?.();
    return [
      ...this.#server(services, checks),
      ...this.#checks(checks),
      ...discoveryMetrics(main?.discovery),
      ...fleetMetrics(main?.fleet),
      ...this.#own(main?.history),
    ];
  }

  close(): void {
    this.#tally.close();
  }

  #server(declared: Iterable<readonly [string, ServiceReading]>, checks: readonly CheckReading[]): readonly Metric[] {
    const { reader } = this.#source;
    const { watcherCount, connectionCount, silenceMs } = this.#source.server();
    const { transitions, calls, httpRequests, maintained } = this.#tally;
    const inMaintenance = [...maintained].filter((service) => service !== undefined);
    const overall = reader.read(OVERALL);
    const services = function* () {
      if (overall !== undefined) yield [OVERALL, overall] as const;
      for (const service of declared) if (service[0] !== OVERALL) yield service;
    };
    return [
      [METRICS.serviceStatus, oneOf(SERVING_STATUSES, services(), ([service, { status }]) => [service, status])],
      [METRICS.serviceDegraded, map(services(), ([service, { degraded }]) => [service, degraded ? 1 : 0])],
      [METRICS.transitions, snapshotOf(transitions)],
      [METRICS.requests, snapshotOf(calls)],
      [METRICS.httpRequests, snapshotOf(httpRequests)],
      [METRICS.watchers, single(watcherCount)],
      [METRICS.connections, single(connectionCount)],
      [METRICS.draining, single(reader.draining ? 1 : 0)],
      [METRICS.drained, map([...reader.drained], (service) => [service, 1])],
      [METRICS.maintenance, single(maintained.has(undefined) ? 1 : 0)],
      [METRICS.serviceMaintenance, map(inMaintenance, (service) => [service, 1])],
      [METRICS.serviceMember, mapPairs(serviceMembers(checks))],
      [METRICS.silence, silenceMs === undefined ? [] : single(silenceMs / MS_PER_SECOND)],
    ];
  }

  #checks(checks: readonly CheckReading[]): readonly Metric[] {
    const { clock } = this.#source;
    const { results, proberErrors, resultsDropped } = this.#tally;
    const probed = [...this.#tally.probed];
    const certified = probed.filter(([, { certificateEndsAt }]) => certificateEndsAt !== undefined);
    const notCritical = checks.filter(({ critical }) => !critical);
    const wallTime = clock.wallTime();
    // the clock is read with the time of the result: the page may be written in many turns
    const ageOf = (lastResultAt: number) => (clock.now() - lastResultAt) / MS_PER_SECOND;
    return [
      [METRICS.checkState, oneOf(CHECK_STATES, checks, ({ name, state }) => [name, state])],
      [METRICS.checkNotCritical, map(notCritical, ({ name }) => [name, 1])],
      [METRICS.checkDuration, map(probed, ([check, { durations }]) => [check, durations])],
      [METRICS.checkResults, snapshotOf(results)],
      [METRICS.proberErrors, snapshotOf(proberErrors)],
      [METRICS.staleness, map(probed, ([check, { lastResultAt }]) => [check, ageOf(lastResultAt)])],
      [METRICS.resultsDropped, snapshotOf(resultsDropped)],
      [
        METRICS.certificateDaysLeft,
        map(certified, ([check, { certificateEndsAt = 0 }]) => [check, (certificateEndsAt - wallTime) / MS_PER_DAY]),
      ],
    ];
  }

  #own(history: HistoryReadings | undefined): readonly Metric[] {
    const { certificateEndsAt: endsAt } = this.#source.server();
    const { startLag, stalls, isolated, lastReloadSuccessful, configuredAt, reloads, logLinesDropped, clientsRefused } =
      this.#tally;
    const { runs, refused, running, givenUp } = this.#tally.recovery;
    const webhooks = [...this.#tally.webhooks];
    const delivered = webhooks.filter(([, { deliveredAt }]) => deliveredAt !== undefined);
    return [
      [METRICS.historyBytes, history === undefined ? [] : single(history.bytes)],
      [METRICS.historyRefused, history === undefined ? [] : single(history.refused)],
      [METRICS.recoveryRuns, snapshotOf(runs)],
      [METRICS.recoveryRefused, snapshotOf(refused)],
      [METRICS.recoveryRunning, mapPairs(byRule(running))],
      [METRICS.recoveryGivenUp, mapPairs(byRule(givenUp))],
      [METRICS.webhookSent, snapshotOf(this.#tally.webhookSent)],
      [METRICS.webhookPending, map(webhooks, ([webhook, { pending }]) => [webhook, pending])],
      [
        METRICS.webhookDelivered,
        map(delivered, ([webhook, { deliveredAt = 0 }]) => [webhook, deliveredAt / MS_PER_SECOND]),
      ],
      [METRICS.instanceSources, snapshotOf(this.#tally.instanceSources)],
      [METRICS.startLag, single(startLag)],
      [METRICS.stalls, single(stalls)],
      [METRICS.probesLate, single(this.#tally.areProbesLate ? 1 : 0)],
      [METRICS.isolated, single(isolated ? 1 : 0)],
      [METRICS.certificateExpiry, endsAt === undefined ? [] : single(endsAt / MS_PER_SECOND)],
      [METRICS.reloadSuccessful, single(lastReloadSuccessful ? 1 : 0)],
      [METRICS.reloadTimestamp, single(configuredAt / MS_PER_SECOND)],
      [METRICS.reloads, map(Object.entries(reloads), ([result, count]) => [result, count])],
      [METRICS.fileReloadFailures, snapshotOf(this.#tally.fileReloadFailures)],
      [METRICS.clientsRefused, single(clientsRefused)],
      [METRICS.proxyHeadersRefused, snapshotOf(this.#tally.proxyHeadersRefused)],
      [METRICS.logLinesDropped, single(logLinesDropped)],
      [METRICS.buildInfo, [{ labels: [version(), process.versions.node], value: 1 }]],
    ];
  }

  #process(): readonly Metric[] {
    const { user, system } = process.cpuUsage();
    const resident = residentBytes();
    return [
      [METRICS.cpu, single((user + system) / MICROSECONDS_PER_SECOND)],
      [METRICS.residentMemory, resident === undefined ? [] : single(resident)],
      [METRICS.processStart, single(this.#startedAtSeconds)],
      [METRICS.heapUsed, single(this.#source.server().heapUsedBytes)],
    ];
  }
}

/** The series of a metric without labels. */
function single(value: Series["value"]): readonly Series[] {
  return [{ labels: [], value }];
}

/** The series of a metric with one label, made one by one as they are written. */
function* map<Item>(
  items: Iterable<Item>,
  read: (item: Item) => readonly [label: string, value: Series["value"]],
): IterableIterator<Series> {
  for (const item of items) {
    const [label, value] = read(item);
    yield { labels: [label], value };
  }
}

/** The series of a metric that is always 1, with two labels. */
function* mapPairs(pairs: Iterable<readonly [string, string]>): IterableIterator<Series> {
  for (const labels of pairs) yield { labels, value: 1 };
}

/** The services of rules, in pairs of rule and service. A copy, as of counters. */
function byRule(services: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...services].map(([service, recovery]) => [recovery, service]);
}

/** For each item a series for each word: 1 for its own word, 0 for the others. */
function* oneOf<Item>(
  words: readonly string[],
  items: Iterable<Item>,
  read: (item: Item) => readonly [label: string, word: string],
): IterableIterator<Series> {
  for (const item of items) {
    const [label, word] = read(item);
    for (const each of words) yield { labels: [label, each], value: each === word ? 1 : 0 };
  }
}

/**
 * The series of a counter. A copy: a series that is removed and added while the page is written must not be listed
 * twice.
 */
function* snapshotOf(counts: Counts): IterableIterator<Series> {
  yield* [...counts.series()];
}
