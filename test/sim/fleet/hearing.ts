/** What a member of a simulated fleet can know: when it has heard which other one, by the facts alone. */
import { type Facts, type MemberFacts, SPREAD_MS } from "./facts.js";

export class Hearing {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** Votes of this member that were cast before this time are known to those that hear. */
  saidFrom(member: MemberFacts): number {
    return Math.min(this.knownFrom(member), member.backlog.knownUntil(this.#facts.now) - 500);
  }

  /** Votes that were cast before this time are known to the member, or by the member when none waits to be written. */
  knownFrom(member: MemberFacts): number {
    const { now, massMs } = this.#facts;
    return (this.steadyFrom(member) === undefined ? member.unstableFrom : now) - SPREAD_MS - 500 - massMs;
  }

  /** Since when a member hears all: `undefined` while it does not, has just begun to, or has yet to write what it said before. */
  steadyFrom(member: MemberFacts): number | undefined {
    const { reachedSince } = member;
    if (!member.isAwake || reachedSince === undefined || !this.#facts.hasCaughtUp(member)) return undefined;
    return member.backlog.knownUntil(this.#facts.now) < reachedSince ? undefined : reachedSince;
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
