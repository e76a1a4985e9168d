/**
 * The panels of the dashboard for Grafana, with their queries, made from the table of metrics: a metric that is renamed or
 * removed does not compile here.
 *
 *     overall   not serving   degraded   workers | draining   watchers
 *     what is not serving now              | why probes fail
 *     status of each service over time
 *     latency p50, p99                     | results of probes
 *     errors of healthbridge itself        | certificates, days left
 *     requests                             | start of probes   CPU and memory
 *     drained, in maintenance              | versions
 *     instances by state                   | discovery: sources, pushes, refusals
 *     fleet: members, checks, propagation  | fleet: store, takeovers, refusals
 */
import { METRICS, type MetricRow } from "../src/telemetry/metric-table.js";

/** A query, with the legend of its series. */
type Query = readonly [expr: string, legend: string];

/** A panel: its place follows from its order and its size. */
export interface Panel {
  readonly title: string;
  readonly type: "stat" | "table" | "state-timeline" | "timeseries" | "bargauge";
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly queries: readonly Query[];
  readonly unit?: string;
  /** The colours of the values 0, 1 and 2, with their words. */
  readonly words?: Readonly<Record<string, readonly [text: string, color: string]>>;
  readonly thresholds?: readonly (readonly [from: number | null, color: string])[];
  /** Of a table: the value is 1 in each row, and says nothing. */
  readonly hidesValue?: true;
}

/** The width of a dashboard in columns. */
export const COLUMNS = 24;

/** Okabe and Ito's colours: they can be told apart by colour-blind people as well. */
export const [GOOD, BAD, UNKNOWN_COLOR] = ["#009E73", "#D55E00", "#E69F00"];

const STATUS_WORDS = {
  0: ["UNKNOWN", UNKNOWN_COLOR],
  1: ["SERVING", GOOD],
  2: ["NOT_SERVING", BAD],
} as const;

/** A metric of the chosen instances. */
function of({ name }: MetricRow, matchers = "", part = ""): string {
  return `${name}${part}{job=~"$job",instance=~"$instance"${matchers === "" ? "" : `,${matchers}`}}`;
}

/** With the names of the fleet and of the member. */
function named(expr: string): string {
  return `${expr} * on (job, instance) group_left (fleet, member) ${of(METRICS.fleetInfo)}`;
}

function rate(row: MetricRow, matchers = "", part = ""): string {
  return `rate(${of(row, matchers, part)}[$__rate_interval])`;
}

/** 0 for UNKNOWN, 1 for SERVING, 2 for NOT_SERVING. */
function statusCode(matchers: string, by: string): string {
  const is = (status: string) => of(METRICS.serviceStatus, `${matchers}status="${status}"`);
  return `sum by (${by}) (${is("SERVING")}) + 2 * sum by (${by}) (${is("NOT_SERVING")})`;
}

function quantile(share: number): string {
  const buckets = rate(METRICS.checkDuration, 'check!="self-check"', "_bucket");
  return `histogram_quantile(${share}, sum by (check, le) (${buckets}))`;
}

const NOT_WORKERS = 'service!~"celery[.]worker/.*"';

export const PANELS: readonly Panel[] = [
  {
    ...{ title: "Overall", type: "stat", width: 6, height: 4, words: STATUS_WORDS },
    description: "The status of the server as a whole, of each instance.",
    queries: [[statusCode('service="",', "instance"), "{{instance}}"]],
  },
  {
    ...{ title: "Services not serving", type: "stat", width: 4, height: 4 },
    description: "Services and checks that are NOT_SERVING or UNKNOWN, without Celery workers.",
    queries: [
      [`count(${of(METRICS.serviceStatus, `status!="SERVING",${NOT_WORKERS},service!=""`)} == 1) or vector(0)`, ""],
    ],
    thresholds: [
      [null, GOOD],
      [1, BAD],
    ],
  },
  {
    ...{ title: "Degraded", type: "stat", width: 3, height: 4 },
    description: "Services that are SERVING with a warning, or with a failing check that is not critical.",
    queries: [[`sum(${of(METRICS.serviceDegraded, 'service!=""')})`, ""]],
    thresholds: [
      [null, GOOD],
      [1, UNKNOWN_COLOR],
    ],
  },
  {
    ...{ title: "Celery workers online", type: "stat", width: 3, height: 4 },
    description: "Workers that Flower reports as online.",
    queries: [[`sum(${of(METRICS.serviceStatus, 'status="SERVING",service=~"celery[.]worker/.*"')}) or vector(0)`, ""]],
  },
  {
    ...{ title: "Draining, isolated", type: "stat", width: 4, height: 4 },
    description:
      "Instances on which all services are drained, and instances that seem to be cut off from their targets.",
    queries: [
      [`sum(${of(METRICS.draining)})`, "draining"],
      [`sum(${of(METRICS.isolated)})`, "isolated"],
    ],
    thresholds: [
      [null, GOOD],
      [1, UNKNOWN_COLOR],
    ],
  },
  {
    ...{ title: "Watchers, connections", type: "stat", width: 4, height: 4 },
    description: "Open Watch streams, and open connections of clients.",
    queries: [
      [`sum(${of(METRICS.watchers)})`, "watchers"],
      [`sum(${of(METRICS.connections)})`, "connections"],
    ],
  },
  {
    ...{ title: "Not serving now", type: "table", width: 12, height: 8, hidesValue: true },
    description: "Services and checks that are not SERVING.",
    queries: [
      [`max by (service, status, instance) (${of(METRICS.serviceStatus, 'status!="SERVING",service!=""')} == 1)`, ""],
    ],
  },
  {
    ...{ title: "Why probes fail", type: "timeseries", width: 12, height: 8, unit: "ops" },
    description: "Failed probes per second, by check and reason code.",
    queries: [
      [`sum by (check, reason) (${rate(METRICS.checkResults, 'outcome="fail"')}) > 0`, "{{check}}: {{reason}}"],
    ],
  },
  {
    ...{ title: "Status over time", type: "state-timeline", width: COLUMNS, height: 10, words: STATUS_WORDS },
    description: "Each service and check, without Celery workers.",
    queries: [[statusCode(`${NOT_WORKERS},service!="",`, "instance, service"), "{{service}} ({{instance}})"]],
  },
  {
    ...{ title: "Latency of probes", type: "timeseries", width: 12, height: 8, unit: "s" },
    description: "Median and 99th percentile of each check, with any outcome.",
    queries: [
      [quantile(0.5), "{{check}} p50"],
      [quantile(0.99), "{{check}} p99"],
    ],
  },
  {
    ...{ title: "Results of probes", type: "timeseries", width: 12, height: 8, unit: "ops" },
    description: "Probes per second, by outcome.",
    queries: [[`sum by (outcome) (${rate(METRICS.checkResults)})`, "{{outcome}}"]],
  },
  {
    ...{ title: "Errors of healthbridge itself", type: "timeseries", width: 12, height: 8, unit: "ops" },
    description:
      "Probes that could not be run, results that were ignored because the event loop was blocked, and blocks.",
    queries: [
      [`sum(${rate(METRICS.proberErrors)}) or vector(0)`, "prober errors"],
      [`sum(${rate(METRICS.resultsDropped)}) or vector(0)`, "results ignored"],
      [`sum(${rate(METRICS.stalls)})`, "event loop blocked"],
    ],
  },
  {
    ...{ title: "Certificates of targets", type: "bargauge", width: 12, height: 8, unit: "d" },
    description: "Days until the certificate of each target expires.",
    queries: [[`min by (check) (${of(METRICS.certificateDaysLeft)})`, "{{check}}"]],
    thresholds: [
      [null, BAD],
      [2, UNKNOWN_COLOR],
      [14, GOOD],
    ],
  },
  {
    ...{ title: "Requests", type: "timeseries", width: 12, height: 8, unit: "reqps" },
    description: "Answered gRPC calls and HTTP requests per second.",
    queries: [
      [`sum by (method, code) (${rate(METRICS.requests)})`, "gRPC {{method}} {{code}}"],
      [`sum by (route, code) (${rate(METRICS.httpRequests)})`, "HTTP {{route}} {{code}}"],
    ],
  },
  {
    ...{ title: "Start of probes, p99 late", type: "timeseries", width: 6, height: 8, unit: "s" },
    description: "Delay between the due time and the start of probes: it grows when there are too many checks.",
    queries: [
      [`histogram_quantile(0.99, sum by (instance, le) (${rate(METRICS.startLag, "", "_bucket")}))`, "{{instance}}"],
    ],
  },
  {
    ...{ title: "CPU and memory", type: "timeseries", width: 6, height: 8 },
    description: "CPU in cores, and resident memory in GiB.",
    queries: [
      [rate(METRICS.cpu), "CPU {{instance}}"],
      [`${of(METRICS.residentMemory)} / 2 ^ 30`, "GiB {{instance}}"],
    ],
  },
  {
    ...{ title: "Drained, in maintenance", type: "table", width: 12, height: 6, hidesValue: true },
    description: "Services that an operator has drained, or put into maintenance, by name.",
    queries: [
      [
        [
          `label_replace(${of(METRICS.drained)}, "what", "drained", "", "")`,
          `label_replace(${of(METRICS.serviceMaintenance)}, "what", "maintenance", "", "")`,
        ].join(" or "),
        "",
      ],
    ],
  },
  {
    ...{ title: "Versions", type: "table", width: 12, height: 6, hidesValue: true },
    description: "healthbridge and Node, of each instance.",
    queries: [[`max by (instance, version, node) (${of(METRICS.buildInfo)})`, ""]],
  },
  {
    ...{ title: "Instances", type: "timeseries", width: 12, height: 8 },
    description: "Instances that discovery knows, of each service by state.",
    queries: [[`sum by (service, state) (${of(METRICS.discoveryInstances)}) > 0`, "{{service}} {{state}}"]],
  },
  {
    ...{ title: "Discovery", type: "timeseries", width: 12, height: 8, unit: "ops" },
    description:
      "Answers of sources that were not good, xDS responses that were sent, and those that clients have refused.",
    queries: [
      [`sum by (service, outcome) (${rate(METRICS.instanceSources, 'outcome!="found"')})`, "{{service}} {{outcome}}"],
      [`sum(${rate(METRICS.discoveryPushes)})`, "pushes"],
      [`sum(${rate(METRICS.discoveryNacks)})`, "refused"],
    ],
  },
  {
    ...{ title: "Fleet", type: "timeseries", width: 12, height: 8 },
    description:
      "Members as each instance sees them, by state, the checks that each one probes for the fleet, and those that it alone finds failing.",
    queries: [
      [`max by (state) (${of(METRICS.fleetMembers)}) > 0`, "members {{state}}"],
      [named(of(METRICS.fleetChecks, 'role="owner"')), "checks of {{member}}"],
      [named(of(METRICS.fleetDissents)), "dissents of {{member}}"],
      [`max(${of(METRICS.fleetConfigDigests)})`, "configurations"],
    ],
  },
  {
    ...{ title: "Store of the fleet", type: "timeseries", width: 12, height: 8 },
    description:
      "Instances that are detached, calls that fail and checks that are taken over per second, and the time until a vote is read back (p99, seconds).",
    queries: [
      [`sum(${of(METRICS.fleetDetached)})`, "detached"],
      [`sum by (code) (${rate(METRICS.fleetStoreErrors)})`, "errors {{code}}"],
      [`sum(${rate(METRICS.fleetTakeovers)})`, "takeovers"],
      [`sum by (cause) (${rate(METRICS.fleetResyncs)})`, "resyncs {{cause}}"],
      [`sum(${rate(METRICS.fleetRefused)})`, "refused records"],
      [`histogram_quantile(0.99, sum by (le) (${rate(METRICS.fleetPropagation, "", "_bucket")}))`, "propagation p99"],
    ],
  },
];
