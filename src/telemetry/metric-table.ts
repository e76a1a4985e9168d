/**
 * Every metric that Prometheus is told: the one table of names, which docs/metrics.md repeats for people (a test holds
 * the two equal).
 *
 * No label ever holds what a client said: services and checks are those that were declared, everything else comes from
 * a list of ours. So the number of series is bounded by the configuration.
 */

/** A metric. */
export interface MetricRow {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

const CHECK = ["check"] as const;
const SERVICE = ["service"] as const;

/** What is served. */
const SERVER_METRICS = {
  serviceStatus: {
    name: "grpc_health_service_status",
    type: "gauge",
    labels: ["service", "status"],
    help: "1 for the status that the service has, 0 for the others. The server as a whole has an empty name.",
  },
  serviceDegraded: {
    name: "grpc_health_service_degraded",
    type: "gauge",
    labels: SERVICE,
    help: "1 while the service is SERVING, but a check warns or a non-critical one fails.",
  },
  transitions: {
    name: "grpc_health_transitions_total",
    type: "counter",
    labels: ["service", "to"],
    help: "Changes of a service's status, by the new one.",
  },
  requests: {
    name: "grpc_health_requests_total",
    type: "counter",
    labels: ["method", "code"],
    help: "Answered gRPC calls. A Watch or reflection stream counts when it ends, as CANCELLED when the client ended it.",
  },
  httpRequests: {
    name: "grpc_health_http_requests_total",
    type: "counter",
    labels: ["route", "code"],
    help: "Answered HTTP requests, by the kind of route and the status code.",
  },
  watchers: {
    name: "grpc_health_watchers",
    type: "gauge",
    labels: [],
    help: "Open Watch streams.",
  },
  connections: {
    name: "grpc_health_connections",
    type: "gauge",
    labels: [],
    help: "Open connections of clients.",
  },
  draining: {
    name: "grpc_health_draining",
    type: "gauge",
    labels: [],
    help: "1 while everybody is told NOT_SERVING, because this server is about to leave.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** What is checked. */
const CHECK_METRICS = {
  checkState: {
    name: "healthbridge_check_state",
    type: "gauge",
    labels: ["check", "state"],
    help: "1 for the state that the check has, 0 for the others.",
  },
  checkDuration: {
    name: "healthbridge_check_duration_seconds",
    type: "histogram",
    labels: CHECK,
    help: "How long probes took, whatever they found.",
  },
  checkResults: {
    name: "healthbridge_check_results_total",
    type: "counter",
    labels: ["check", "outcome", "reason"],
    help: "Results of probes, by outcome and reason code. A plain pass has no reason.",
  },
  proberErrors: {
    name: "healthbridge_check_prober_errors_total",
    type: "counter",
    labels: ["check", "reason"],
    help: "Probes that could not look, for a fault of our own. They say nothing of the target.",
  },
  staleness: {
    name: "healthbridge_check_staleness_seconds",
    type: "gauge",
    labels: CHECK,
    help: "Age of the last result. Absent before the first.",
  },
  resultsDropped: {
    name: "healthbridge_check_results_dropped_total",
    type: "counter",
    labels: CHECK,
    help: "Results thrown away, because our own event loop stood still while the probe ran.",
  },
  certificateDaysLeft: {
    name: "healthbridge_check_certificate_days_left",
    type: "gauge",
    labels: CHECK,
    help: "Days until the certificate ends that the target showed last. Absent where none was seen.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** How the prober itself is. */
const OWN_METRICS = {
  startLag: {
    name: "healthbridge_check_start_lag_seconds",
    type: "histogram",
    labels: [],
    help: "How long after their due time probes started, over all checks.",
  },
  stalls: {
    name: "healthbridge_stalls_total",
    type: "counter",
    labels: [],
    help: "Times that our own event loop stood still.",
  },
  isolated: {
    name: "healthbridge_prober_isolated",
    type: "gauge",
    labels: [],
    help: "1 while checks are held at their last state, because this prober itself seems cut off.",
  },
  reloadSuccessful: {
    name: "healthbridge_config_last_reload_successful",
    type: "gauge",
    labels: [],
    help: "1 when the newest configuration is the one in use, 0 when it was refused and the one before goes on.",
  },
  reloadTimestamp: {
    name: "healthbridge_config_last_reload_success_timestamp_seconds",
    type: "gauge",
    labels: [],
    help: "When the configuration in use was taken over, as Unix time.",
  },
  reloads: {
    name: "healthbridge_config_reloads_total",
    type: "counter",
    labels: ["result"],
    help: "Reloads of the configuration, by result: success or failure.",
  },
  buildInfo: {
    name: "healthbridge_build_info",
    type: "gauge",
    labels: ["version", "node"],
    help: "Always 1; the labels tell the versions of healthbridge and of Node.",
  },
  cpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    labels: [],
    help: "CPU time that the process has used, user and system.",
  },
  residentMemory: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    labels: [],
    help: "Resident memory of the process.",
  },
  processStart: {
    name: "process_start_time_seconds",
    type: "gauge",
    labels: [],
    help: "When the process started, as Unix time.",
  },
  heapUsed: {
    name: "nodejs_heap_size_used_bytes",
    type: "gauge",
    labels: [],
    help: "Heap in use by JavaScript.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** All metrics, by what the code calls them. */
export const METRICS = { ...SERVER_METRICS, ...CHECK_METRICS, ...OWN_METRICS } as const;
