/** Records of checks and members, as a member holds them. */

import type { HeardMember } from "../../src/fleet/members/members.js";
import { type RosterMember, toRosterMember } from "../../src/fleet/members/roster.js";
import type { Beat } from "../../src/fleet/records/beat.js";
import type { Definition } from "../../src/fleet/records/vote.js";
import type { CheckRecord } from "../../src/fleet/seats/seats.js";

/** The record of a check that is probed here, and pending. */
export function recordOf(definition: Definition, change: Partial<CheckRecord> = {}): CheckRecord {
  return {
    ...{ check: definition.check, definition, hash: 1, owners: [], ownersSince: 0, role: "probing" },
    ...{ handsOverFrom: 0, handsOverUntil: 0, own: undefined, adopted: undefined, reviewAt: Number.POSITIVE_INFINITY },
    decision: { state: "pending", reason: undefined, validUntil: Number.POSITIVE_INFINITY },
    ...{ toldUntil: Number.POSITIVE_INFINITY, review: 0 },
    ...change,
  };
}

/** A member that is alive, and was heard at the time 0. Its run is `run-NAME`. */
export function heardMember(name: string, change: Partial<HeardMember> = {}, beat: Partial<Beat> = {}): HeardMember {
  const run = `run-${name}`;
  return {
    ...{
      run,
      name,
      counter: 9,
      hasLeft: false,
      notifier: undefined,
      isConfirmed: true,
      silenceMs: 0,
      heardAt: 0,
      provenAt: 0,
      growths: 9,
      vouch: undefined,
    },
    beat: {
      ...{ format: 1, run, member: name, zone: undefined, version: "1", counter: 9, uptimeMs: 9_000, head: "" },
      ...{
        config: "same",
        capacity: 100,
        stalest: 0,
        isLeaving: false,
        asks: [],
        heard: new Map([["self", 1]]),
        ...beat,
      },
    },
    ...change,
  };
}

/** A member that may get checks. Its run is `run-NAME`. */
export function rosterMember(name: string, config = "same"): RosterMember {
  return toRosterMember({ run: `run-${name}`, name, zone: undefined, capacity: 100, config });
}
