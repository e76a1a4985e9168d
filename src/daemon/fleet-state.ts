/**
 * What readers see of the fleet, kept up to date: for `?verbose`, JSON, `/events` and the page, also in a listener thread.
 *
 *     with each beat, and with each event --readings--> another state than before? --> registry --> readers
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import type { FleetReadings, MemberReading } from "../fleet/readings.js";
import type { FleetMemberState, FleetState } from "../registry/ports.js";

export interface FleetWatchDeps {
  readonly clock: Clock;
  readonly beatMs: number;
  readonly readings: FleetReadings;
  /** Called with each state that differs from the one before. */
  readonly onState: (state: FleetState) => void;
}

const MAX_MEMBERS = 20;

/** Names come from the store. */
const MAX_NAME_CHARACTERS = 64;

export class FleetWatch {
  readonly #deps: FleetWatchDeps;
  #told = "";
  #cancel: CancelTimer | undefined;

  constructor(deps: FleetWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock, beatMs } = this.#deps;
    this.look();
    this.#cancel = clock.setTimer(beatMs, () => this.start());
  }

  /** Tells the state of now, if it is another one. */
  look(): void {
    const state = fleetState(this.#deps.readings);
    const text = JSON.stringify(state);
    if (text === this.#told) return;
    this.#told = text;
    this.#deps.onState(state);
  }

  close(): void {
    this.#cancel?.();
  }
}

/** The members that are shown: of too many, this one and those with a problem first. */
export function shownMembers(readings: FleetReadings): readonly MemberReading[] {
  const members = readings.members();
  if (members.length <= MAX_MEMBERS) return members;
  const rank = ({ isSelf, state }: MemberReading) => (isSelf ? 0 : state === "alive" ? 2 : 1);
  const shown = new Set([...members].sort((one, other) => rank(one) - rank(other)).slice(0, MAX_MEMBERS));
  return members.filter((member) => shown.has(member));
}

function fleetState(readings: FleetReadings): FleetState {
  const all = readings.members();
  const config = all.find(({ isSelf }) => isSelf)?.config;
  const members = shownMembers(readings).map((reading) => memberState(reading, config));
  const detached = readings.isDetached;
  const storeFault = detached ? readings.storeFailure?.fault : undefined;
  return { name: readings.fleet, detached, storeFault, members, more: all.length - members.length };
}

/** @param config that of this member */
export function memberState(reading: MemberReading, config: string | undefined): FleetMemberState {
  const { member, zone = "", checks } = reading;
  // some late beats are no news for each reader: the last beat is shown beside it
  const state = reading.state === "silent" ? "alive" : reading.state;
  const sameConfig = state === "dead" || reading.config === "" ? undefined : reading.config === config;
  return { member: cut(member), zone: cut(zone), state, checks, sameConfig };
}

/** A name from the store. */
export function cut(name: string): string {
  return name.length <= MAX_NAME_CHARACTERS ? name : `${name.slice(0, MAX_NAME_CHARACTERS - 1).toWellFormed()}…`;
}
