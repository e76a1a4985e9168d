/** What a member of a simulated fleet can know: when it has heard which other one, by the facts alone. */
import { type Facts, type MemberFacts, SPREAD_MS } from "./facts.js";

export class Hearing {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Votes that were cast before this time are known to the member, or by the member. */
  knownFrom(member: MemberFacts): number {
    const { now } = this.#facts;
    return (this.steadyFrom(member) === undefined ? member.unstableFrom : now) - SPREAD_MS - 500;
  }

  /** Since when a member hears all: `undefined` while it does not, or has just begun to. */
  steadyFrom(member: MemberFacts): number | undefined {
    const { reachedSince } = member;
    if (!member.isAwake || reachedSince === undefined || !this.#facts.hasCaughtUp(member)) return undefined;
    return reachedSince;
  }

  /** Since when a member hears nothing of a peer. */
  goneAt(peer: MemberFacts, member: MemberFacts): number | undefined {
    if (peer === member) return undefined;
    const since = [peer.diedAt, peer.pausedAt, peer.stalledAt].filter((at) => at !== undefined);
    if (peer.reachedSince === undefined) since.push(peer.unstableFrom);
    if (member.reachedSince === undefined) since.push(member.unstableFrom);
    if (peer.side !== member.side) since.push(Math.max(peer.sideChangedAt, member.sideChangedAt));
    return since.length === 0 ? undefined : Math.min(...since);
  }

  /** When a member has heard a peer last, for sure. */
  heardAt(peer: MemberFacts, member: MemberFacts): number {
    if (peer === member) return this.#facts.now;
    const unsteady = [peer, member].filter((each) => this.steadyFrom(each) === undefined);
    return Math.min(this.goneAt(peer, member) ?? this.#facts.now, ...unsteady.map((each) => each.unstableFrom));
  }
}
