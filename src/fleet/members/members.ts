/**
 * Who is alive, by this member's own clock.
 *
 *     beats read:   c=7   c=8   c=8   c=8   c=8   c=8   c=8
 *     silence:       0     0     1     2     3     4     5 = lease: dead
 *
 * A run is alive when its counter has grown. No clock is compared with another one. Silence grows by the time since the
 * last read that has succeeded, but by at most one and a half beats: time in which this member heard nothing at all, because the
 * store was away or its own process stood still, does not count against the others.
 *
 * A run is first seen with some counter, perhaps that of a process which ended long ago. It is a member when its counter grows,
 * and its beats have a recent counter of this member:
 *
 *     own beats     1   2   3   4   5                     beat of r with heard: self=4     made after own beat 4
 *     played back, of a process that has ended:           heard: self=1, or none           does not count
 */
import { type Beat, FORMAT, MAX_HEARD } from "../records/beat.js";
import type { Run } from "../store/store.js";

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
  /** Its last beat has said so. */
  readonly hasLeft: boolean;
  /** The run that sends to webhooks, by its last beat. */
  readonly notifier: Run | undefined;
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

/** Without a word for so many leases, the store is gone, or this process has stood still. */
const DEAF_LEASES = 2;

/** A member that lives is heard within so many beats. */
const PAST_BEATS = 2;

/** More silence of one read than so many beats is this member's own deafness. */
const MAX_BEATS_A_READ = 1.5;

/** Own beats after which a counter of this member in another beat is old: a lease, and the way to the other member and back. */
const RECENT_BEATS_BESIDE_LEASE = 3;

/** Silence counts from the read, not from the beat. So a lease is over when less than half a beat is left of it. */
const LEASE_TOLERANCE_BEATS = 0.5;

interface SentBeat {
  readonly counter: number;
  /** Monotonic time. */
  readonly at: number;
}

export class Members {
  readonly #options: MembersOptions;
  readonly #members = new Map<Run, HeardMember>();
  #lastReadAt: number | undefined;
  #returnedAt = Number.NEGATIVE_INFINITY;
  /** The last own beats that the store has taken, the oldest first: of beats that were due. */
  readonly #sent: SentBeat[] = [];
  /** Beats whose counter was smaller than one that was read before. */
  replayed = 0;
  #past: ReadonlySet<Run> = new Set();
  /** With the last read, one is past that was not before, or the other way round. */
  hasOtherPast = false;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /**
   * The store has taken the own beat with this counter. Beats that were lost do not age what others have heard, nor do those
   * between two that are due.
   * @param at monotonic time at which it was sent
   */
  sent(counter: number, at: number): void {
    const { leaseMs, beatMs } = this.#options;
    if (at < (this.#sent.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + beatMs / 2) return;
    this.#sent.push({ counter, at });
    if (this.#sent.length > Math.ceil(leaseMs / beatMs) + RECENT_BEATS_BESIDE_LEASE) this.#sent.shift();
  }

  /** What was read of each run: for the own beat. Also of dead ones: two that believe so of each other may both live. */
  counters(): ReadonlyMap<Run, number> {
    const known = [...this.#members.values()].sort((one, other) => one.silenceMs - other.silenceMs);
    return new Map(known.slice(0, MAX_HEARD).map(({ run, counter }) => [run, counter]));
  }

  /** @param startedAt monotonic time before the read was sent: the beats are not older than the read before */
  hear(beats: Iterable<HeardBeat>, startedAt: number, now: number): void {
    const provenAt = this.#lastReadAt ?? Number.NEGATIVE_INFINITY;
    // two reads may overlap
    const elapsedMs = Math.max(0, startedAt - (this.#lastReadAt ?? startedAt));
    const silentMs = Math.min(elapsedMs, MAX_BEATS_A_READ * this.#options.beatMs);
    if (elapsedMs >= this.#options.leaseMs) this.#returnedAt = startedAt;
    this.#lastReadAt = Math.max(startedAt, this.#lastReadAt ?? startedAt);
    const heard = new Set<Run>();
    for (const beat of beats) {
      heard.add(beat.run);
      this.#hearOne(beat, { provenAt, silentMs, now });
    }
    for (const member of this.#members.values()) if (!heard.has(member.run)) this.#miss(member, silentMs);
    const past = new Set([...this.#members.values()].filter((member) => this.isPast(member)).map(({ run }) => run));
    this.hasOtherPast = past.size !== this.#past.size || [...past].some((run) => !this.#past.has(run));
    this.#past = past;
  }

  /** No beat was read for so long that all is decided anew when one is. */
  isDeaf(now: number): boolean {
    return now - (this.#lastReadAt ?? now) > DEAF_LEASES * this.#options.leaseMs;
  }

  /** Of a member that is deaf: when a lease without a word was over. Else minus infinity. */
  deafAt(now: number): number {
    return this.isDeaf(now) ? (this.#lastReadAt ?? now) + this.#options.leaseMs : Number.NEGATIVE_INFINITY;
  }

  /** Monotonic time of the first read after a lease in which this member has heard nothing. */
  get returnedAt(): number {
    return this.#returnedAt;
  }

  get(run: Run): HeardMember | undefined {
    return this.#members.get(run);
  }

  /** All runs that are known, in the order of their names and runs. This member itself is among them once it has read its own beat. */
  all(): readonly HeardMember[] {
    return [...this.#members.values()].sort(byNameAndRun);
  }

  /** It has left, or it is silent for a lease. */
  isGone({ silenceMs, hasLeft }: Pick<HeardMember, "silenceMs" | "hasLeft">): boolean {
    return hasLeft || silenceMs >= this.#options.leaseMs - LEASE_TOLERANCE_BEATS * this.#options.beatMs;
  }

  /** It is silent since this member hears again, after a lease without a word: its votes are of the time before. */
  isPast(member: Pick<HeardMember, "silenceMs" | "hasLeft" | "vouch">): boolean {
    const isSilent = this.isGone(member) || member.silenceMs >= PAST_BEATS * this.#options.beatMs;
    return isSilent && (member.vouch?.provenAt ?? Number.NEGATIVE_INFINITY) < this.#returnedAt;
  }

  isAlive(member: HeardMember): boolean {
    return member.isConfirmed && !this.isGone(member);
  }

  /** Runs whose records are of no use any more. */
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
    const hasHeard = this.#hasHeardThis(heard);
    const afterAt = this.#isAfter(heard, read.provenAt) ? read.provenAt : Number.NEGATIVE_INFINITY;
    const isRecent = hasHeard === "lately" || (hasHeard === "never" && !before.isConfirmed);
    if (heard.counter <= before.counter || !isRecent) {
      this.#miss({ ...before, counter: Math.max(before.counter, heard.counter) }, read.silentMs);
      return;
    }
    const after = namedBy(heard);
    // both are bounds from below: it beat after the last read, and its own clock says how much later than its last beat
    const byItsClock = before.provenAt + (after.beat?.uptimeMs ?? 0) - (before.beat?.uptimeMs ?? 0);
    const provenAt = Math.min(read.now, Math.max(afterAt, byItsClock));
    this.#members.set(heard.run, {
      ...after,
      isConfirmed: hasHeard === "lately",
      silenceMs: 0,
      heardAt: read.now,
      provenAt,
      growths: before.growths + 1,
      vouch: this.isGone(before) ? ended(before.vouch) : before.vouch,
    });
  }

  /** Whether a run has heard a recent beat of this member. Another format does not tell, and has no vote. */
  #hasHeardThis({ heard, format }: HeardBeat): "lately" | "long ago" | "never" {
    if (format !== FORMAT) return "lately";
    const counter = heard?.get(this.#options.run);
    if (counter === undefined) return "never";
    return counter >= (this.#sent[0]?.counter ?? 0) ? "lately" : "long ago";
  }

  /**
   * Whether a beat that the last read has not given was made after it. A store that changes its server may have given an older
   * one before. So it must have heard what this member has sent shortly before that read.
   */
  #isAfter({ heard, format }: HeardBeat, readAt: number): boolean {
    if (format !== FORMAT) return true;
    const counter = heard?.get(this.#options.run) ?? Number.NEGATIVE_INFINITY;
    const limit = readAt - RECENT_BEATS_BESIDE_LEASE * this.#options.beatMs;
    return this.#sent.some((sent) => sent.counter <= counter && sent.at >= limit);
  }

  #miss(member: HeardMember, silentMs: number): void {
    this.#members.set(member.run, { ...member, silenceMs: member.silenceMs + silentMs, growths: 0 });
  }
}

/** A run that was dead has said more since: what is known of it is over, and waits for what is read anew. */
function ended(vouch: Vouch | undefined): Vouch | undefined {
  return vouch && { ...vouch, stalest: 1 };
}

function namedBy(heard: HeardBeat): Pick<HeardMember, "run" | "name" | "beat" | "counter" | "hasLeft" | "notifier"> {
  const { run, member, counter, hasLeft = false, notifier } = heard;
  return { run, name: member, beat: isUnderstood(heard) ? heard : undefined, counter, hasLeft, notifier };
}

function isUnderstood(heard: HeardBeat): heard is Beat {
  return heard.format === FORMAT && heard.head !== undefined;
}

function byNameAndRun(one: HeardMember, other: HeardMember): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return one.run < other.run ? -1 : 1;
}
