/** The answers to ListMembers, DrainMember and ListOwners. */
import { nearestTo } from "../core/nearest.js";
import { printable } from "../core/printable.js";
import type { FleetReadings, OwnerReading } from "../fleet/readings.js";
import type { ControlAnswer, OwnerDetails } from "../wire/control-messages.js";
import { ControlError } from "./control-error.js";
import { MAX_COMPARED_NAMES } from "./operator.js";

/** What is asked of a fleet. */
export interface ControlFleet {
  readonly readings: FleetReadings;
  /**
   * Asks a live member to hand its checks over, or to take its share again. `unknown`: there is none of that name. `full`: too
   * many orders are on their way. `last`: no other one would take its checks. The store has the order then, if it answers.
   */
  ask(member: string, isDraining: boolean): Promise<"asked" | "unknown" | "full" | "last">;
}

/** @throws ControlError FAILED_PRECONDITION */
export function listMembers(fleet: ControlFleet | undefined): ControlAnswer<"ListMembers"> {
  const { readings } = requireFleet(fleet);
  const { fleet: name, isDetached, configDigests } = readings;
  return {
    ...{ fleet: name, detached: isDetached, configDigests, ...storeOf(readings) },
    members: readings.members().map(({ isSelf: self, zone = "", ...member }) => ({ ...member, self, zone })),
  };
}

/** @throws ControlError FAILED_PRECONDITION (no fleet, or the last member), NOT_FOUND, RESOURCE_EXHAUSTED */
export async function askMember(fleet: ControlFleet | undefined, member: string, isDraining: boolean): Promise<void> {
  const running = requireFleet(fleet);
  const outcome = await running.ask(member, isDraining);
  if (outcome === "asked") return;
  if (outcome === "full")
    throw new ControlError(
      "RESOURCE_EXHAUSTED",
      "too many orders to members are on their way; try again in a few seconds",
    );
  if (outcome === "last")
    throw new ControlError(
      "FAILED_PRECONDITION",
      `${JSON.stringify(member)} is the only member that is not drained, so no other one would take its checks; first resume another one`,
    );
  const names = running.readings.members().map((each) => each.member);
  const near = nearestTo(member, names);
  const hint = near === undefined || near === member ? "healthbridge members lists all" : `did you mean ${near}?`;
  throw new ControlError("NOT_FOUND", `there is no live member ${JSON.stringify(member)}; ${hint}`);
}

/** @throws ControlError FAILED_PRECONDITION, NOT_FOUND */
export function listOwners(
  fleet: ControlFleet | undefined,
  check: string,
  known: Iterable<{ readonly name: string }>,
): ControlAnswer<"ListOwners"> {
  const { readings } = requireFleet(fleet);
  const found = readings.owners(check);
  if (found === undefined) {
    const names = Array.from(known, ({ name }) => name);
    const near = names.length > MAX_COMPARED_NAMES ? undefined : nearestTo(check, names);
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new ControlError("NOT_FOUND", `there is no check ${JSON.stringify(check)}${hint}`);
  }
  const { scope, isHeartbeat, owners } = found;
  const self = readings.members().find(({ isSelf }) => isSelf)?.run;
  // it decides alone then, by what it probes itself
  const decidesAlone = ({ run, vote }: OwnerReading) => readings.isDetached && run === self && vote !== undefined;
  return {
    scope,
    heartbeat: isHeartbeat,
    detached: readings.isDetached,
    storeFault: storeOf(readings).storeFault,
    owners: owners.map((each) => detailsOf({ ...each, isOwner: each.isOwner || decidesAlone(each) })),
  };
}

function detailsOf({ member, run, zone = "", isOwner, ...said }: OwnerReading): OwnerDetails {
  const { vote = "none", reason = "", hasNewestReport: newestReport } = said;
  return { member, run, zone, owner: isOwner, vote, reason, newestReport };
}

/** What is said of the store. The text comes from it. */
export function storeOf({ storeFailure }: Pick<FleetReadings, "storeFailure">) {
  return { storeFault: storeFailure?.fault ?? "", storeError: printable(storeFailure?.message ?? "") };
}

function requireFleet(fleet: ControlFleet | undefined): ControlFleet {
  if (fleet !== undefined) return fleet;
  throw new ControlError("FAILED_PRECONDITION", "there is no fleet: the configuration has no key fleet");
}
