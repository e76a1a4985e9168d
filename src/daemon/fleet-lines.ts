/** The lines of the log about a fleet. */
import type { FleetConfig } from "../config/validate-fleet.js";
import { detachedText } from "../core/store-faults.js";
import type { FleetEvent } from "../fleet/fleet-deps.js";
import type { FleetMemberState } from "../registry/ports.js";
import type { Log } from "../telemetry/log.js";

interface FleetLine {
  readonly level: "info" | "warn";
  readonly event: string;
  readonly message: string;
  readonly fields?: object;
}

/** Logs what changes in a fleet. A store that is away is one line for each kind of failure, and one when it is back. */
export function logFleet(log: Log, { name }: Pick<FleetConfig, "name">): (event: FleetEvent) => void {
  /** The codes of failures that are logged, until the store answers. */
  const failing = new Set<string>();
  return (event) => {
    if (event.kind === "store-answers" && failing.size === 0) return;
    if (event.kind === "store-failed" && failing.has(event.error.code)) return;
    if (event.kind === "resync" && failing.size > 0) return; // it follows from a failure that is logged
    if (event.kind === "store-answers") failing.clear();
    if (event.kind === "store-failed") failing.add(event.error.code);
    const line = lineOf(event);
    if (line !== undefined) log.write(line.level, line.event, line.message, { fleet: name, ...line.fields });
  };
}

/** Logs which members have another configuration than this one, when that changes: a rollout, or a mistake. */
export function logConfigs(log: Log, fleet: string): (members: readonly FleetMemberState[]) => void {
  let told = "";
  return (members) => {
    const differing = members.filter(({ sameConfig }) => sameConfig === false).map(({ member }) => member);
    const names = differing.join(", ");
    if (names === told) return;
    told = names;
    const fields = { fleet, members: differing };
    if (names === "") log.write("info", "fleet-config-differs", "all members have the same checks now", fields);
    else {
      const message = `${names}: other checks than here; a check counts only among members with the same definition of it`;
      log.write("warn", "fleet-config-differs", message, fields);
    }
  };
}

function lineOf(event: FleetEvent): FleetLine | undefined {
  switch (event.kind) {
    case "detached": {
      const { probesAll, fault } = event;
      const message = `detached: ${detachedText(fault)}, and probes ${probesAll ? "every check" : "its share"}`;
      return { level: "warn", event: "fleet-detached", message, fields: { probesAll, fault } };
    }
    case "attached":
      return { level: "info", event: "fleet-attached", message: "this member decides with the others again" };
    case "member-joined":
    case "member-left":
    case "member-dead":
      return memberLine(event);
    case "duplicate":
      return duplicateLine(event);
    case "takeover": {
      const { checks } = event;
      const message = `took over ${checks} ${checks === 1 ? "check" : "checks"}`;
      return { level: "info", event: "fleet-takeover", message, fields: { checks } };
    }
    case "order-sent": {
      const { member, isDraining } = event;
      const message = `an operator asks ${member} ${isDraining ? "to hand its checks over" : "to take its share again"}`;
      return { level: "info", event: "fleet-order", message, fields: { member, drained: isDraining } };
    }
    case "order-lost": {
      const { member, isDraining } = event;
      const message = `${member} has not read the order ${isDraining ? "to hand its checks over" : "to take its share again"}: it is given up`;
      return { level: "warn", event: "fleet-order-lost", message, fields: { member, drained: isDraining } };
    }
    case "drain":
      return drainLine(event);
    case "resync": {
      const { run, cause } = event;
      const message = `read all votes of the process ${run} (${cause})`;
      return { level: "info", event: "fleet-resync", message, fields: { run, cause } };
    }
    case "record-refused": {
      const { records } = event;
      const message = `ignored ${records} ${records === 1 ? "record" : "records"} with a wrong signature or form; a member may have another secret in fleet.secretFile`;
      return { level: "warn", event: "fleet-record-refused", message, fields: { records } };
    }
    case "store-failed": {
      const { code, message } = event.error;
      return { level: "warn", event: "fleet-store-failed", message: `the store: ${message}`, fields: { code } };
    }
    case "store-answers":
      return { level: "info", event: "fleet-store-answers", message: "the store answers again" };
    case "propagation":
      return undefined;
    default:
      return event satisfies never;
  }
}

function memberLine({
  kind,
  member,
  run,
}: Extract<FleetEvent, { readonly run: string; readonly member: string }>): FleetLine {
  const fields = { member, run };
  switch (kind) {
    case "member-joined":
      return { level: "info", event: "fleet-member-joined", message: `${member} has joined`, fields };
    case "member-left":
      return { level: "info", event: "fleet-member-left", message: `${member} has left`, fields };
    case "member-dead": {
      const message = `${member} is dead: it has not been heard for a lease`;
      return { level: "warn", event: "fleet-member-dead", message, fields };
    }
    default:
      return kind satisfies never;
  }
}

function drainLine({ isDraining, by }: Extract<FleetEvent, { readonly kind: "drain" }>): FleetLine {
  const fields = { by };
  const ordered = `ordered by an operator at ${by}`;
  if (!isDraining) {
    const message = `this member takes its share of the checks again; ${ordered}`;
    return { level: "info", event: "fleet-resumed", message, fields };
  }
  const message = `drained: this member hands its checks over; ${ordered}`;
  return { level: "info", event: "fleet-drained", message, fields };
}

function duplicateLine({ member, isOver }: Extract<FleetEvent, { readonly kind: "duplicate" }>): FleetLine {
  const message = isOver
    ? `only one process has the name ${member} now`
    : `two processes have the name ${member}; one of them probes no shared checks. Give each its own fleet.member`;
  return { level: "warn", event: "fleet-duplicate", message, fields: { member, isOver } };
}
