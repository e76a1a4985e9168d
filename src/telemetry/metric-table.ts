/**
 * Every metric on the page: the one table of names. docs/metrics.md repeats it, and a test keeps the two equal. No label
 * holds a word that a client sent, so the number of series is bounded by the configuration.
 */
import { DISCOVERY_METRICS } from "./discovery-metrics.js";
import { FLEET_METRICS } from "./fleet-metrics.js";
import { PROCESS_METRICS } from "./process-metrics.js";

export interface MetricRow {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

const CHECK = ["check"] as const;
const SERVICE = ["service"] as const;

/** What the server serves. */
const SERVER_METRICS = {
  serviceStatus: {
    name: "grpc_health_service_status",
    type: "gauge",
    labels: ["service", "status"],
    help: "1 for the current status of the service, 0 for the others. The server as a whole has an empty name.",
  },
  serviceDegraded: {
    name: "grpc_health_service_degraded",
    type: "gauge",
    labels: SERVICE,
    help: "1 while the service is SERVING and one of its checks warns, or a non-critical one fails.",
  },
  transitions: {
    name: "grpc_health_transitions_total",
    type: "counter",
    labels: ["service", "to"],
    help: "Changes of a service's status, by the new status.",
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
    help: "1 while all services report NOT_SERVING: before the server shuts down, or drained by an operator.",
  },
  drained: {
    name: "healthbridge_drained",
    type: "gauge",
    labels: SERVICE,
    help: "1 for each service that an operator has drained by its name. Absent for the others.",
  },
  maintenance: {
    name: "healthbridge_maintenance",
    type: "gauge",
    labels: [],
    help: "1 during a maintenance of all services.",
  },
  serviceMaintenance: {
    name: "healthbridge_service_maintenance",
    type: "gauge",
    labels: SERVICE,
    help: "1 for each service that is in maintenance by its name. Absent for the others.",
  },
  serviceMember: {
    name: "healthbridge_service_member",
    type: "gauge",
    labels: ["service", "member"],
    help: "Always 1. The check or service is a member of the service, or of one of its members.",
  },
  silence: {
    name: "healthbridge_main_thread_silence_seconds",
    type: "gauge",
    labels: [],
    help: "Time since the last sign of life of the main thread. Absent without a listener thread.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** What the checks find. */
const CHECK_METRICS = {
  checkState: {
    name: "healthbridge_check_state",
    type: "gauge",
    labels: ["check", "state"],
    help: "1 for the current state of the check, 0 for the others.",
  },
  checkNotCritical: {
    name: "healthbridge_check_not_critical",
    type: "gauge",
    labels: CHECK,
    help: "1 for each check with critical: false. Absent for the others.",
  },
  checkDuration: {
    name: "healthbridge_check_duration_seconds",
    type: "histogram",
    labels: CHECK,
    help: "Duration of probes, with any outcome.",
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
    help: "Probes that failed because of healthbridge itself. They do not change the state of the check.",
  },
  staleness: {
    name: "healthbridge_check_staleness_seconds",
    type: "gauge",
    labels: CHECK,
    help: "Age of the last result. Absent before the first result.",
  },
  resultsDropped: {
    name: "healthbridge_check_results_dropped_total",
    type: "counter",
    labels: CHECK,
    help: "Results that were ignored, because the event loop of healthbridge was blocked during the probe.",
  },
  certificateDaysLeft: {
    name: "healthbridge_check_certificate_days_left",
    type: "gauge",
    labels: CHECK,
    help: "Days until the certificate expires that the target showed last. Absent for a target without a certificate.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** The state of healthbridge itself. */
const OWN_METRICS = {
  historyBytes: {
    name: "healthbridge_history_bytes",
    type: "gauge",
    labels: [],
    help: "Estimated memory of the history of all services. Absent without a history in this thread.",
  },
  historyRefused: {
    name: "healthbridge_history_refused_total",
    type: "counter",
    labels: [],
    help: "Status changes of services for which the history has no memory left. Absent without a history in this thread.",
  },
  recoveryRuns: {
    name: "healthbridge_recovery_runs_total",
    type: "counter",
    labels: ["recovery", "outcome"],
    help: "Recovery programs that have ended, by outcome: success, failure, timeout or not-started.",
  },
  recoveryRefused: {
    name: "healthbridge_recovery_refused_total",
    type: "counter",
    labels: ["recovery", "cause"],
    help: "Recovery programs that were not run for a failing service, by cause: isolated, group, share, busy, detached or leaving.",
  },
  recoveryRunning: {
    name: "healthbridge_recovery_running",
    type: "gauge",
    labels: ["recovery", "service"],
    help: "1 while the recovery program of the service runs. Absent for the others.",
  },
  recoveryGivenUp: {
    name: "healthbridge_recovery_given_up",
    type: "gauge",
    labels: ["recovery", "service"],
    help: "1 for each service whose recovery has reached its limit of runs. Absent for the others.",
  },
  webhookSent: {
    name: "healthbridge_webhook_sent_total",
    type: "counter",
    labels: ["webhook", "outcome"],
    help: "Messages of webhooks by what became of them: queued, delivered, retry, rejected or folded (two became one).",
  },
  webhookPending: {
    name: "healthbridge_webhook_pending",
    type: "gauge",
    labels: ["webhook"],
    help: "Messages of the webhook that wait for their delivery. Absent before its first message.",
  },
  webhookDelivered: {
    name: "healthbridge_webhook_last_delivery_timestamp_seconds",
    type: "gauge",
    labels: ["webhook"],
    help: "Unix time at which the webhook has delivered a message last. Absent before the first.",
  },
  instanceSources: {
    name: "healthbridge_instance_source_answers_total",
    type: "counter",
    labels: ["service", "outcome"],
    help: "Answers of the sources of instances: found, failed (what is known stays), or refused (checks of some addresses cannot be made).",
  },
  startLag: {
    name: "healthbridge_check_start_lag_seconds",
    type: "histogram",
    labels: [],
    help: "Delay between the due time and the start of probes, over all checks.",
  },
  stalls: {
    name: "healthbridge_stalls_total",
    type: "counter",
    labels: [],
    help: "How many times the event loop of healthbridge was blocked.",
  },
  probesLate: {
    name: "healthbridge_probes_late",
    type: "gauge",
    labels: [],
    help: "1 while probes have been starting late for 10 s: healthbridge has more checks than it can probe in time.",
  },
  isolated: {
    name: "healthbridge_prober_isolated",
    type: "gauge",
    labels: [],
    help: "1 while checks are held at their last state, because the network of healthbridge itself seems to be down.",
  },
  certificateExpiry: {
    name: "healthbridge_certificate_expiry_timestamp_seconds",
    type: "gauge",
    labels: [],
    help: "Unix time at which the first certificate of the server's own chain expires. Absent without TLS.",
  },
  reloadSuccessful: {
    name: "healthbridge_config_last_reload_successful",
    type: "gauge",
    labels: [],
    help: "1 when the newest configuration is in use, 0 when it was rejected and the previous one is kept.",
  },
  reloadTimestamp: {
    name: "healthbridge_config_last_reload_success_timestamp_seconds",
    type: "gauge",
    labels: [],
    help: "Unix time at which the configuration in use was applied.",
  },
  reloads: {
    name: "healthbridge_config_reloads_total",
    type: "counter",
    labels: ["result"],
    help: "Reloads of the configuration, by result: success or failure.",
  },
  fileReloadFailures: {
    name: "healthbridge_file_reload_failures_total",
    type: "counter",
    labels: ["file_kind"],
    help: "Changed files that could not be used, so that the previous content stays in use. Absent before the first.",
  },
  clientsRefused: {
    name: "healthbridge_tls_clients_refused_total",
    type: "counter",
    labels: [],
    help: "Connections that were closed, because the valid certificate of the client has no name in tls.allowClients.",
  },
  proxyHeadersRefused: {
    name: "healthbridge_proxy_headers_refused_total",
    type: "counter",
    labels: ["fault"],
    help: "Connections of trusted proxies that did not begin with a valid PROXY header. Absent before the first.",
  },
  logLinesDropped: {
    name: "healthbridge_log_lines_dropped_total",
    type: "counter",
    labels: [],
    help: "Log lines that were dropped, because the reader of the log is too slow or gone.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

/** All metrics, by their names in the code. */
export const METRICS = {
  ...SERVER_METRICS,
  ...CHECK_METRICS,
  ...DISCOVERY_METRICS,
  ...FLEET_METRICS,
  ...OWN_METRICS,
  ...PROCESS_METRICS,
} as const;
