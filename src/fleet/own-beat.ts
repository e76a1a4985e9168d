/** The own beats: what this member says of itself each second, and at its end. */

import type { Ledger } from "./exchange/ledger.js";
import type { Rounds } from "./exchange/rounds.js";
import type { FleetChecks, FleetSettings } from "./fleet-deps.js";
import type { FleetMembership } from "./members/membership.js";
import type { NotifierChoice } from "./notifier-choice.js";
import type { Orders } from "./orders/orders.js";
import { FORMAT } from "./records/beat.js";
import type { FleetCodec } from "./records/codec.js";
import type { OwnVotes } from "./seats/own-votes.js";
import type { SharedConfigs } from "./seats/shared-configs.js";
import type { Run } from "./store/store.js";

export interface OwnBeatDeps {
  readonly run: Run;
  readonly settings: FleetSettings;
  readonly codec: FleetCodec;
  readonly checks: FleetChecks;
  readonly ledger: Ledger;
  readonly membership: FleetMembership;
  readonly votes: OwnVotes;
  readonly orders: Pick<Orders, "forBeat">;
  readonly notifier: Pick<NotifierChoice, "choice">;
  readonly rounds: Pick<Rounds, "isBehind">;
  readonly configs: Pick<SharedConfigs, "unread">;
}

/** A beat with 1 vouches for nothing: that is for a member whose writes fail, or have yet to replace a vote that is too old. */
const MAX_STALEST = 0.999;

export class OwnBeat {
  readonly #deps: OwnBeatDeps;
  /** Of the newest beat. */
  counter = 0;

  constructor(deps: OwnBeatDeps) {
    this.#deps = deps;
  }

  /** `undefined`: this process does not probe now, and is silent. */
  next(): string | undefined {
    return this.#deps.checks.isScheduling() ? this.#seal(undefined) : undefined;
  }

  /** After it, there is none. */
  last(): string {
    return this.#seal(true);
  }

  #seal(hasLeft: true | undefined): string {
    const { run, settings, codec, checks, ledger, membership, votes, orders, notifier, rounds, configs } = this.#deps;
    const { member, zone, version, capacity } = settings;
    this.counter += 1;
    return codec.sealBeat({
      ...{ format: FORMAT, run, member, zone, version, capacity, hasLeft },
      ...{ counter: this.counter, uptimeMs: votes.uptimeMs, head: ledger.head },
      heard: membership.members.counters(),
      config: membership.self.config,
      unread: configs.unread,
      stalest: rounds.isBehind ? 1 : Math.max(Math.min(MAX_STALEST, checks.stalest()), votes.supersededStalest),
      isLeaving: membership.isLeaving,
      isDrained: membership.isDrained,
      notifier: hasLeft ? undefined : notifier.choice,
      ...orders.forBeat(this.counter),
    });
  }
}
