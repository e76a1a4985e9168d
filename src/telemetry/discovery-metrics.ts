/** The names of the metrics of discovery, and their series: they are computed while the page is written. */
import type { Series } from "./exposition.js";
import type { MetricRow } from "./metric-table.js";
import type { Metric } from "./metrics.js";

/** The metrics of discovery. They are absent without discovery in this thread. */
export const DISCOVERY_METRICS = {
  discoveryInstances: {
    name: "healthbridge_discovery_instances",
    type: "gauge",
    labels: ["service", "state"],
    help: "Instances of the service that discovery knows, by state: healthy, degraded, unhealthy, unknown or drained.",
  },
  discoverySubscribers: {
    name: "healthbridge_discovery_subscribers",
    type: "gauge",
    labels: ["form"],
    help: "Clients that wait for changes: blocked queries (consul) and open streams (xds).",
  },
  discoveryPushes: {
    name: "healthbridge_discovery_pushes_total",
    type: "counter",
    labels: [],
    help: "xDS responses that were sent.",
  },
  discoveryNacks: {
    name: "healthbridge_discovery_nacks_total",
    type: "counter",
    labels: [],
    help: "xDS responses that clients have refused.",
  },
  discoveryUnaddressed: {
    name: "healthbridge_discovery_unaddressed_instances",
    type: "gauge",
    labels: [],
    help: "Instances that are in no xDS response, because the IP address of their host name is not known.",
  },
  discoveryAgentAnswers: {
    name: "healthbridge_discovery_agent_answers_total",
    type: "counter",
    labels: [],
    help: "Answers to agent-checks of HAProxy. Connections that end without an answer do not count.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export interface DiscoveryReadings {
  /** Open xDS streams, and blocked queries of clients of Consul. */
  readonly subscribers: Readonly<Record<"consul" | "xds", number>>;
  /** xDS responses that were sent, and those that clients have refused. */
  readonly pushes: number;
  readonly nacks: number;
  /** Instances that are in no xDS response, because the IP address of their host is not known. */
  readonly unaddressed: number;
  /** Answers to agent-checks. */
  readonly agentAnswers: number;
  /** Instances of each service by their states. */
  readonly instances: Iterable<readonly [service: string, states: Readonly<Record<string, number>>]>;
}

/** The metrics, without series where there is no discovery. */
export function discoveryMetrics(readings: DiscoveryReadings | undefined): readonly Metric[] {
  const subscribers: readonly (readonly [string, number])[] = Object.entries(readings?.subscribers ?? {});
  const single = (value: number | undefined) => (value === undefined ? [] : [{ labels: [], value }]);
  return [
    [DISCOVERY_METRICS.discoveryInstances, stateSeries(readings?.instances ?? [])],
    [DISCOVERY_METRICS.discoverySubscribers, subscribers.map(([form, value]) => ({ labels: [form], value }))],
    [DISCOVERY_METRICS.discoveryPushes, single(readings?.pushes)],
    [DISCOVERY_METRICS.discoveryNacks, single(readings?.nacks)],
    [DISCOVERY_METRICS.discoveryUnaddressed, single(readings?.unaddressed)],
    [DISCOVERY_METRICS.discoveryAgentAnswers, single(readings?.agentAnswers)],
  ];
}

/** The series of numbers by a service and a state. */
function* stateSeries(
  services: Iterable<readonly [service: string, states: Readonly<Record<string, number>>]>,
): IterableIterator<Series> {
  for (const [service, states] of services)
    for (const [state, value] of Object.entries(states)) yield { labels: [service, state], value };
}
