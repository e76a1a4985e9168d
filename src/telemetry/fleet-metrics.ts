/** The names of the metrics of a fleet, and their series: they are computed while the page is written. */
import { MEMBER_STATES } from "../core/member-states.js";
import type { DurationCounts } from "./counts.js";
import type { MetricRow } from "./metric-table.js";
import type { Metric } from "./metrics.js";

/** The metrics of a fleet. They are absent without one. */
export const FLEET_METRICS = {
  fleetInfo: {
    name: "healthbridge_fleet_info",
    type: "gauge",
    labels: ["fleet", "member", "zone"],
    help: "1, with the names of the fleet, of this member and of its zone: other series of the instance have none of them.",
  },
  fleetMembers: {
    name: "healthbridge_fleet_members",
    type: "gauge",
    labels: ["state"],
    help: "Members of the fleet as this one sees them, by state: alive, silent, leaving, dead, duplicate, other-format or drained.",
  },
  fleetStoreUp: {
    name: "healthbridge_fleet_store_up",
    type: "gauge",
    labels: [],
    help: "1 while no kind of call to the store of the fleet fails.",
  },
  fleetDetached: {
    name: "healthbridge_fleet_detached",
    type: "gauge",
    labels: [],
    help: "1 while calls of the store have failed for a lease: this member decides by its own probes.",
  },
  fleetChecks: {
    name: "healthbridge_fleet_checks",
    type: "gauge",
    labels: ["role"],
    help: "Checks by what this member does: probes them for the fleet (owner), for itself (local), or follows other members (follower).",
  },
  fleetDissents: {
    name: "healthbridge_fleet_dissents",
    type: "gauge",
    labels: [],
    help: "Checks that this member finds failing while the fleet finds them healthy (reason partial).",
  },
  fleetTakeovers: {
    name: "healthbridge_fleet_takeovers_total",
    type: "counter",
    labels: [],
    help: "Checks that this member has taken over from another one.",
  },
  fleetResyncs: {
    name: "healthbridge_fleet_resyncs_total",
    type: "counter",
    labels: ["cause"],
    help: "Times that all votes of a member were read anew, by cause: new-run, gap, digest or log-lost.",
  },
  fleetRefused: {
    name: "healthbridge_fleet_refused_records_total",
    type: "counter",
    labels: [],
    help: "Records in the store that were ignored: a wrong signature or form.",
  },
  fleetStoreErrors: {
    name: "healthbridge_fleet_store_errors_total",
    type: "counter",
    labels: ["code"],
    help: "Calls of the store that failed, by code: unreachable, timeout, refused or protocol.",
  },
  fleetPropagation: {
    name: "healthbridge_fleet_propagation_seconds",
    type: "histogram",
    labels: [],
    help: "Time from the begin of a write of own votes until this member has read it back from the log of the store.",
  },
  fleetConfigDigests: {
    name: "healthbridge_fleet_config_digests",
    type: "gauge",
    labels: [],
    help: "Different configurations among the live members. More than 1 is a rollout, or a mistake.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export interface FleetMeasurements {
  readonly fleet: string;
  readonly member: string;
  readonly zone: string;
  readonly isDetached: boolean;
  readonly isStoreUp: boolean;
  readonly members: Iterable<{ readonly state: string }>;
  readonly roles: Readonly<Record<string, number>>;
  readonly dissents: number;
  readonly takeovers: number;
  readonly resyncs: Readonly<Record<string, number>>;
  readonly refusedRecords: number;
  readonly storeErrors: Readonly<Record<string, number>>;
  readonly configDigests: number;
  readonly propagation: DurationCounts;
}

/** The metrics, without series where there is no fleet. */
export function fleetMetrics(fleet: FleetMeasurements | undefined): readonly Metric[] {
  const single = (value: number | boolean | undefined) =>
    value === undefined ? [] : [{ labels: [], value: Number(value) }];
  const byLabel = (counts: Readonly<Record<string, number>> = {}) =>
    Object.entries(counts).map(([label, value]) => ({ labels: [label], value }));
  const names = fleet && [fleet.fleet, fleet.member, fleet.zone];
  return [
    [FLEET_METRICS.fleetInfo, names === undefined ? [] : [{ labels: names, value: 1 }]],
    [FLEET_METRICS.fleetMembers, byLabel(fleet && countStates(fleet))],
    [FLEET_METRICS.fleetStoreUp, single(fleet?.isStoreUp)],
    [FLEET_METRICS.fleetDetached, single(fleet?.isDetached)],
    [FLEET_METRICS.fleetChecks, byLabel(fleet?.roles)],
    [FLEET_METRICS.fleetDissents, single(fleet?.dissents)],
    [FLEET_METRICS.fleetTakeovers, single(fleet?.takeovers)],
    [FLEET_METRICS.fleetResyncs, byLabel(fleet?.resyncs)],
    [FLEET_METRICS.fleetRefused, single(fleet?.refusedRecords)],
    [FLEET_METRICS.fleetStoreErrors, byLabel(fleet?.storeErrors)],
    [FLEET_METRICS.fleetPropagation, fleet === undefined ? [] : [{ labels: [], value: fleet.propagation }]],
    [FLEET_METRICS.fleetConfigDigests, single(fleet?.configDigests)],
  ];
}

/** Each state has a series, also without a member in it: an alert can then compare. */
function countStates(fleet: FleetMeasurements): Readonly<Record<string, number>> {
  const states = [...fleet.members].map(({ state }) => state);
  return Object.fromEntries(MEMBER_STATES.map((state) => [state, states.filter((each) => each === state).length]));
}
