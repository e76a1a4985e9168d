/**
 * Judges what each member serves of each heartbeat, by the promises alone. It imports no code of the rules.
 *
 *     no false OK       a good state needs a report that passed, and that is not older than the ttl (and a tenth, where its
 *                       receiver is gone), however often it was handed on. It must not be older than one that failed, which is known
 *     no false down     while a member knows a report that passed, and that is younger than the ttl, the heartbeat is not missed
 *     no false unknown  nor is it unknown
 *     told              in a calm time, a heartbeat without a report that counts fails
 *     equal             in a calm time, members that hear each other serve the same
 *
 * `known` is what a member surely knows, `possible` what it may know. A state that follows from some possible report is right.
 *
 *     age of a report    0 ----------------- ttl ------- ttl + a tenth ------>
 *                        it counts            it may      it does not count
 */
import type { CheckState } from "../../../../src/registry/ports.js";
import { BEAT_MS, CATCH_UP_MS, type Facts, isGood, LEASE_MS, type MemberFacts, SETTLE_MS } from "../facts.js";
import type { Hearing } from "../hearing.js";
import type { HeartbeatFacts, ReportFacts } from "./facts.js";

/** Members other than the receiver know the age of a report to this share of the ttl. */
const AGE_TOLERANCE = 0.1;

/** Between a time that is over and the tables. */
const ROUNDING_MS = 100;

/** The age of a report of a member that is not heard is known to the time between two beats: each time that it is handed on. */
const AGE_ERROR_MS = 3 * BEAT_MS;

/** A member that was silent counts as alive for so long: what it says of a report stands. */
const ALIVE_MS = LEASE_MS + BEAT_MS;

/** Without a fault for this time, members agree who is alive. */
const CALM_MS = LEASE_MS + SETTLE_MS + 2 * BEAT_MS + CATCH_UP_MS;

export interface ServedHeartbeats {
  state(member: MemberFacts, heartbeat: HeartbeatFacts): CheckState;
}

export class HeartbeatOracle {
  readonly faults: string[] = [];
  readonly #facts: Facts;
  readonly #heartbeats: readonly HeartbeatFacts[];
  readonly #served: ServedHeartbeats;
  readonly #hearing: Hearing;
  readonly #reported = new Set<string>();
  /** Since when members serve something else than the others. */
  readonly #unequalSince = new Map<HeartbeatFacts, number>();

  constructor(facts: Facts, hearing: Hearing, heartbeats: readonly HeartbeatFacts[], served: ServedHeartbeats) {
    this.#facts = facts;
    this.#hearing = hearing;
    this.#heartbeats = heartbeats;
    this.#served = served;
  }

  /** A member serves something of it. */
  onStatus(member: MemberFacts, heartbeat: HeartbeatFacts): void {
    if (this.#isJudged(member)) this.#check(member, heartbeat);
  }

  sweep(): void {
    for (const heartbeat of this.#heartbeats) {
      heartbeat.spread(this.#facts, this.#hearing);
      for (const member of this.#facts.members) if (this.#isJudged(member)) this.#check(member, heartbeat);
      this.#checkEqual(heartbeat);
    }
  }

  /** One that stands still serves nothing; one that does not start what is due tells no miss, until its report is stale. */
  #isJudged({ isAwake, stalledAt, wokeAt }: MemberFacts): boolean {
    return isAwake && stalledAt === undefined && this.#facts.now - wokeAt >= BEAT_MS;
  }

  #check(member: MemberFacts, heartbeat: HeartbeatFacts): void {
    const state = this.#served.state(member, heartbeat);
    const known = heartbeat.reports.filter((report) => this.#isKnown(report, member, heartbeat));
    const possible = heartbeat.reports.filter(
      (report) => this.#isPossible(report, member, heartbeat) && !known.some(({ over }) => over.has(report)),
    );
    if (isGood(state)) {
      if (possible.some(({ report }) => report === "pass")) return;
      const text = known.length > 0 ? "the newest report is a failure" : "no report that passed is young enough";
      this.#fault("false OK", member, heartbeat, text);
      return;
    }
    if (known.length === 0) {
      if (state === "pending") this.#checkTold(member, heartbeat, possible);
      return;
    }
    if (state === "pending") this.#fault("false unknown", member, heartbeat, "a report that counts is known");
    else if (possible.every(({ report }) => report === "pass"))
      this.#fault("false down", member, heartbeat, "each report that counts has passed");
  }

  /** It surely knows the report, and that one surely counts. */
  #isKnown(report: ReportFacts, member: MemberFacts, heartbeat: HeartbeatFacts): boolean {
    const { now } = this.#facts;
    const { known, restored, receiver, at } = report;
    const ageMs = now - at;
    if (restored.has(member) && !known.has(member)) return false;
    const learnedAt = known.get(member);
    if (learnedAt === undefined || this.#mayHold(member)) return false;
    if (receiver === member) return ageMs < heartbeat.boundsOf(member, at).minMs - ROUNDING_MS;
    if (now - Math.max(member.wokeAt, learnedAt) < CATCH_UP_MS) return false;
    if (this.#hasStayed(report, member)) return ageMs < heartbeat.boundsOf(receiver, at).minMs - AGE_ERROR_MS;
    const { minMs, maxMs } = heartbeat.boundsSince(at);
    return ageMs < (1 + AGE_TOLERANCE) * minMs - AGE_TOLERANCE * maxMs - AGE_ERROR_MS;
  }

  /** A member that hears the others again may hold what it serves, until it has caught up. One that hears nothing gives that up. */
  #mayHold(member: MemberFacts): boolean {
    const { now } = this.#facts;
    const isAlone = now - (member.deafSince ?? now) > LEASE_MS + 2 * BEAT_MS;
    return !isAlone && this.#hearing.steadyFrom(member) === undefined;
  }

  /** It may know the report, and that one may count. */
  #isPossible(report: ReportFacts, member: MemberFacts, heartbeat: HeartbeatFacts): boolean {
    const { now } = this.#facts;
    const { receiver, at, restored } = report;
    // a process of another version may have it in its state folder
    if (![receiver, ...restored].some(({ format }) => format === member.format)) return false;
    // what has arrived at others since it hears nothing is not known to it
    const heardUntil = member.deafSince ?? Number.POSITIVE_INFINITY;
    if (receiver !== member && at > heardUntil && !report.known.has(member)) return false;
    if (receiver === member) return now - at <= heartbeat.boundsSince(at).maxMs * (1 + AGE_TOLERANCE) + ALIVE_MS;
    if (this.#hasStayed(report, member)) return now - at <= heartbeat.boundsOf(receiver, at).maxMs + CATCH_UP_MS;
    return now - at <= heartbeat.boundsSince(at).maxMs * (1 + AGE_TOLERANCE) + ALIVE_MS;
  }

  /** The receiver has been heard by the member since then, and is no member that leaves. */
  #hasStayed({ receiver, at }: ReportFacts, member: MemberFacts): boolean {
    const isSteady = [receiver, member].every((each) => (this.#hearing.steadyFrom(each) ?? this.#facts.now) < at);
    const isStaying =
      receiver.isCandidate && !receiver.isDrained && this.#hearing.goneAt(receiver, member) === undefined;
    return isSteady && isStaying && receiver.side === member.side;
  }

  /** A job that is dead is told: all members have waited for longer than a ttl. */
  #checkTold(member: MemberFacts, heartbeat: HeartbeatFacts, possible: readonly ReportFacts[]): void {
    if (possible.length > 0 || !this.#isCalm) return;
    const { now } = this.#facts;
    const { maxMs } = heartbeat.boundsSince(member.startedAt);
    if (now - member.startedAt <= maxMs + CATCH_UP_MS + SETTLE_MS) return;
    this.#fault("untold", member, heartbeat, "no report has come for longer than the ttl, and it is unknown");
  }

  get #isCalm(): boolean {
    const { storeFaultSince, disturbances, now } = this.#facts;
    return storeFaultSince === undefined && now - disturbances.lastAt > CALM_MS;
  }

  #checkEqual(heartbeat: HeartbeatFacts): void {
    const { now, members } = this.#facts;
    const steady = members.filter((each) => this.#isJudged(each) && this.#hearing.steadyFrom(each) !== undefined);
    const states = new Map<string, CheckState>();
    let different: MemberFacts | undefined;
    for (const member of steady) {
      const key = `${member.format} ${member.side} ${heartbeat.ttlOf(member)}`;
      const state = this.#served.state(member, heartbeat);
      if ((states.get(key) ?? state) !== state) different = member;
      states.set(key, state);
    }
    if (different === undefined || !this.#isCalm) {
      this.#unequalSince.delete(heartbeat);
      return;
    }
    const since = this.#unequalSince.get(heartbeat) ?? now;
    this.#unequalSince.set(heartbeat, since);
    if (now - since > CATCH_UP_MS)
      this.#fault("unequal", different, heartbeat, `others serve something else for ${ms(now - since)}`);
  }

  /** One of each kind and heartbeat. */
  #fault(kind: string, member: MemberFacts, heartbeat: HeartbeatFacts, text: string): void {
    const key = `${kind} ${heartbeat.name}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    const { now, disturbances, members } = this.#facts;
    const state = this.#served.state(member, heartbeat);
    const what = `${ms(now)}: ${kind} of a heartbeat, at ${member.name} ${member.run.slice(0, 6)}, ${heartbeat.name}: ${text}; served: ${state}`;
    const reports = heartbeat.reports.slice(-6).map((each) => `    ${describe(each, now)}`);
    const served = members.map(
      (each) => `${each.name} ${this.#served.state(each, heartbeat)} (${heartbeat.ttlOf(each)} ms)`,
    );
    const recent = disturbances.all.slice(-10).map((each) => `    ${ms(each.at)}: ${each.text}`);
    this.faults.push([what, ...reports, `    ${served.join(", ")}`, ...recent].join("\n"));
  }
}

function describe({ at, report, receiver, known }: ReportFacts, now: number): string {
  const gone = receiver.diedAt === undefined ? "" : ` (dead for ${ms(now - receiver.diedAt)})`;
  const knowers = [...known.keys()].filter(({ diedAt }) => diedAt === undefined).map(({ name }) => name);
  return `${report} ${ms(now - at)} ago, at ${receiver.name} ${receiver.run.slice(0, 6)}${gone}; known to ${knowers.join(" ")}`;
}

function ms(duration: number): string {
  return `${(duration / 1_000).toFixed(2)} s`;
}
