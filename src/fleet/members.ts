/**
 * Who is alive, by this member's own clock.
 *
 *     beats read:   c=7   c=8   c=8   c=8   c=8   c=8   c=8
 *     silence:       0     0     1     2     3     4     5 = lease: dead
 *
 * Alive means that the counter of a run has grown. No clock is compared with another one. Silence grows by the time since the
 * last read that has succeeded, but by at most one and a half beats: time in which this member heard nothing at all, because the
 * store was away or its own process stood still, does not count against the others.
 *
 * A run is first seen with some counter, perhaps that of a process which ended long ago. It is a member when its counter grows.
 */
import { type Beat, FORMAT } from "./beat.js";
import type { Run } from "./store.js";

/** A beat whose signature is right. A beat of another format has no more than these fields. */
export type HeardBeat = Pick<Beat, "format" | "run" | "member" | "counter"> & Partial<Beat>;

/** What a beat says of the votes: at that time, no result was older than a share of its `staleAfter`. */
export interface Vouch {
  readonly provenAt: number;
  readonly stalest: number;
}

export interface HeardMember {
  readonly run: Run;
  readonly name: string;
  /** `undefined`: it has another format, which is not understood. */
  readonly beat: Beat | undefined;
  readonly counter: number;
  /** Its counter has grown since this member knows it. */
  readonly isConfirmed: boolean;
  /** Milliseconds that it has been silent, as far as this member could hear. */
  readonly silenceMs: number;
  /** Monotonic time at which the last beat that grew was read. */
  readonly heardAt: number;
  /** Monotonic time at which it has certainly been alive: its last beat is not older than that. */
  readonly provenAt: number;
  /** The last beat that vouches for the votes that this member has a copy of. */
  readonly vouch: Vouch | undefined;
  /** Reads in a row in which it has grown. */
  readonly growths: number;
}

export interface MembersOptions {
  readonly run: Run;
  readonly beatMs: number;
  readonly leaseMs: number;
}

/** After so many leases of silence, the records of a run are removed from the store. */
const LEASES_UNTIL_FORGOTTEN = 10;

/** More silence of one read than so many beats is this member's own deafness. */
const MAX_BEATS_A_READ = 1.5;

/** Silence counts from the read, not from the beat. So a lease is over when less than half a beat is left of it. */
const LEASE_TOLERANCE_BEATS = 0.5;

export class Members {
  readonly #options: MembersOptions;
  readonly #members = new Map<Run, HeardMember>();
  #lastReadAt: number | undefined;
  /** Beats whose counter was smaller than one that was read before. */
  replayed = 0;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** @param startedAt monotonic time before the read was sent: the beats are not older than the read before */
  hear(beats: Iterable<HeardBeat>, startedAt: number, now: number): void {
    const provenAt = this.#lastReadAt ?? Number.NEGATIVE_INFINITY;
    // two reads may overlap
    const elapsedMs = Math.max(0, startedAt - (this.#lastReadAt ?? startedAt));
    const silentMs = Math.min(elapsedMs, MAX_BEATS_A_READ * this.#options.beatMs);
    this.#lastReadAt = Math.max(startedAt, this.#lastReadAt ?? startedAt);
    const heard = new Set<Run>();
    for (const beat of beats) {
      heard.add(beat.run);
      this.#hearOne(beat, { provenAt, silentMs, now });
    }
    for (const member of this.#members.values()) if (!heard.has(member.run)) this.#miss(member, silentMs);
  }

  get(run: Run): HeardMember | undefined {
    return this.#members.get(run);
  }

  /** All runs that are known, in the order of their names and runs. This member itself is among them once it has read its own beat. */
  all(): readonly HeardMember[] {
    return [...this.#members.values()].sort(byNameAndRun);
  }

  isDead({ silenceMs }: Pick<HeardMember, "silenceMs">): boolean {
    return silenceMs >= this.#options.leaseMs - LEASE_TOLERANCE_BEATS * this.#options.beatMs;
  }

  isAlive(member: HeardMember): boolean {
    return member.isConfirmed && !this.isDead(member);
  }

  /** Runs whose records nobody needs any more. */
  forgettable(): readonly Run[] {
    const limitMs = LEASES_UNTIL_FORGOTTEN * this.#options.leaseMs;
    return [...this.#members.values()]
      .filter(({ run, silenceMs }) => run !== this.#options.run && silenceMs >= limitMs)
      .map(({ run }) => run);
  }

  /** The copy of the votes of a run is as its last beat tells: so the beat vouches for these votes. */
  vouch(run: Run): void {
    const member = this.#members.get(run);
    if (member?.beat === undefined || !member.isConfirmed || member.beat.stalest >= 1) return;
    const { provenAt, beat } = member;
    if (member.vouch?.provenAt !== provenAt)
      this.#members.set(run, { ...member, vouch: { provenAt, stalest: beat.stalest } });
  }

  forget(run: Run): void {
    this.#members.delete(run);
  }

  #hearOne(heard: HeardBeat, read: { provenAt: number; silentMs: number; now: number }): void {
    const before = this.#members.get(heard.run);
    if (before === undefined) {
      this.#members.set(heard.run, {
        ...namedBy(heard),
        isConfirmed: false,
        silenceMs: 0,
        heardAt: read.now,
        provenAt: Number.NEGATIVE_INFINITY,
        growths: 0,
        vouch: undefined,
      });
      return;
    }
    if (heard.counter < before.counter) this.replayed += 1;
    if (heard.counter <= before.counter) {
      this.#miss(before, read.silentMs);
      return;
    }
    const after = namedBy(heard);
    // both are bounds from below: it beat after the last read, and its own clock says how much later than its last beat
    const byItsClock = before.provenAt + (after.beat?.uptimeMs ?? 0) - (before.beat?.uptimeMs ?? 0);
    const provenAt = Math.min(read.now, Math.max(read.provenAt, byItsClock));
    this.#members.set(heard.run, {
      ...after,
      isConfirmed: true,
      silenceMs: 0,
      heardAt: read.now,
      provenAt,
      growths: before.growths + 1,
      vouch: before.vouch,
    });
  }

  #miss(member: HeardMember, silentMs: number): void {
    this.#members.set(member.run, { ...member, silenceMs: member.silenceMs + silentMs, growths: 0 });
  }
}

function namedBy(heard: HeardBeat): Pick<HeardMember, "run" | "name" | "beat" | "counter"> {
  const { run, member, counter } = heard;
  return { run, name: member, beat: isUnderstood(heard) ? heard : undefined, counter };
}

function isUnderstood(heard: HeardBeat): heard is Beat {
  return heard.format === FORMAT && heard.head !== undefined;
}

function byNameAndRun(one: HeardMember, other: HeardMember): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return one.run < other.run ? -1 : 1;
}
