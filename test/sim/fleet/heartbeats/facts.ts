/**
 * What is true of the heartbeats of a simulated fleet: reports, the members that surely know each of them, and the ttl that each
 * member has. The world writes it down, the oracle reads it. Nothing here comes from the rules of `src/fleet/`.
 */
import { CATCH_UP_MS, type Facts, LEASE_MS, type MemberFacts, SETTLE_MS, SPREAD_MS } from "../facts.js";
import type { Hearing } from "../hearing.js";

export interface HeartbeatOptions {
  readonly name: string;
  readonly ttlMs: number;
}

export type Report = "pass" | "fail";

/** A report of a job. */
export interface ReportFacts {
  readonly at: number;
  readonly report: Report;
  /** The member that it arrived at. */
  readonly receiver: MemberFacts;
  /** Members that surely know it, each with the time since when. */
  readonly known: Map<MemberFacts, number>;
  /** Members that have read it from their state folder: others may have reports that are older and go first. */
  readonly restored: Set<MemberFacts>;
  /** The receiver knew these, or one that goes before them: so this one goes before them wherever it is known. */
  readonly over: ReadonlySet<ReportFacts>;
}

/** A ttl that a member has had from a time on. */
interface HeldTtl {
  readonly since: number;
  readonly ttlMs: number;
}

/** Shortest and longest ttl that counts for something. */
export interface TtlBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** From a report until those that hear its receiver know it. */
const TELL_MS = SPREAD_MS + 500;

/** From the death of a receiver until another member has its report, and has told it. */
const ADOPT_MS = LEASE_MS + 2 * SETTLE_MS + CATCH_UP_MS + TELL_MS;

/** A report is remembered for so many times the longest ttl: much longer than it may count. */
const REMEMBERED_TTLS = 4;

export class HeartbeatFacts {
  readonly name: string;
  /** Of the newest file: a member that starts reads it. */
  ttlMs: number;
  /** In the order of time. */
  readonly reports: ReportFacts[] = [];
  readonly #held = new Map<MemberFacts, HeldTtl[]>();

  constructor({ name, ttlMs }: HeartbeatOptions) {
    this.name = name;
    this.ttlMs = ttlMs;
  }

  /** A member has this ttl from now on. */
  hold(member: MemberFacts, ttlMs: number, now: number): void {
    const held = this.#held.get(member) ?? [];
    held.push({ since: now, ttlMs });
    this.#held.set(member, held);
  }

  ttlOf(member: MemberFacts): number {
    return this.#held.get(member)?.at(-1)?.ttlMs ?? this.ttlMs;
  }

  /** Those that a member has had since a time. */
  boundsOf(member: MemberFacts, since: number): TtlBounds {
    return boundsOf(heldSince(this.#held.get(member) ?? [], since), this.ttlMs);
  }

  /** Those that any member has had since a time. */
  boundsSince(since: number): TtlBounds {
    const all = [...this.#held].filter(([{ diedAt }]) => diedAt === undefined || diedAt >= since);
    return boundsOf(
      all.flatMap(([, held]) => heldSince(held, since)),
      this.ttlMs,
    );
  }

  /** A report has arrived. */
  report(receiver: MemberFacts, report: Report, now: number): void {
    const over = new Set<ReportFacts>();
    for (const earlier of this.reports) {
      if (!earlier.known.has(receiver)) continue;
      over.add(earlier);
      for (const each of earlier.over) over.add(each);
    }
    this.reports.push({ at: now, report, receiver, known: new Map([[receiver, now]]), restored: new Set(), over });
  }

  /** The last report that arrived at a process is read by its successor. */
  restore(restored: ReportFacts, member: MemberFacts): void {
    restored.restored.add(member);
  }

  /** Who has learned of which report since the last time. */
  spread({ now, members }: Facts, hearing: Hearing): void {
    const { maxMs } = this.boundsSince(Number.NEGATIVE_INFINITY);
    while (now - (this.reports[0]?.at ?? now) > REMEMBERED_TTLS * maxMs) this.reports.shift();
    for (const each of this.reports) {
      for (const member of members) {
        if (each.known.has(member) || hearing.steadyFrom(member) === undefined) continue;
        for (const [teller, since] of each.known)
          if (this.#isTold(each, { teller, since }, member, { now, hearing })) each.known.set(member, now);
      }
    }
  }

  /** Whether a member knows a report by now from one that has it, and that it hears for long enough. */
  #isTold(
    { receiver }: ReportFacts,
    { teller, since }: { readonly teller: MemberFacts; readonly since: number },
    member: MemberFacts,
    { now, hearing }: { readonly now: number; readonly hearing: Hearing },
  ): boolean {
    const { format, side, reachedSince = now } = member;
    if (teller.format !== format || teller.side !== side || hearing.goneAt(teller, member) !== undefined) return false;
    if (hearing.steadyFrom(teller) === undefined) return false;
    if (teller === receiver) return now - since >= TELL_MS;
    // it has the report of another one, and tells it when that one is gone
    const goneAt = hearing.goneAt(receiver, teller) ?? now;
    return now - Math.max(since, goneAt, reachedSince, teller.reachedSince ?? now) >= ADOPT_MS;
  }
}

function heldSince(held: readonly HeldTtl[], since: number): readonly number[] {
  return held
    .filter((_, index) => (held[index + 1]?.since ?? Number.POSITIVE_INFINITY) >= since)
    .map(({ ttlMs }) => ttlMs);
}

function boundsOf(ttls: readonly number[], ttlMs: number): TtlBounds {
  if (ttls.length === 0) return { minMs: ttlMs, maxMs: ttlMs };
  return { minMs: Math.min(...ttls), maxMs: Math.max(...ttls) };
}
