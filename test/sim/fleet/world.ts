/**
 * A fleet in one virtual time: events of all members in one queue. A paused member's events wait until it resumes, and are
 * late then; those of a dead one are dropped.
 */
import type { CancelTimer } from "../../../src/core/clock.js";
import { MemoryStore } from "../../support/fleet-memory-store.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { type Event, EventHeap } from "../sim-clock.js";
import { type CheckFacts, type CheckOptions, Facts, type MemberFacts } from "./facts.js";
import { Hearing } from "./hearing.js";
import type { HeartbeatOptions } from "./heartbeats/facts.js";
import { Heartbeats } from "./heartbeats/heartbeats.js";
import { FLEET, type MemberOptions, SECRET, SimMember } from "./member.js";
import { Oracle } from "./oracle.js";
import { SharedCodec } from "./shared-codec.js";

export class FleetWorld {
  readonly facts: Facts;
  readonly oracle: Oracle;
  readonly heartbeats: Heartbeats;
  readonly store: MemoryStore;
  readonly codec = new SharedCodec(FLEET, SECRET);
  /** The second primary, while the store is split. */
  fork: MemoryStore | undefined;
  readonly random: SeededRandom;
  readonly members = new Map<MemberFacts, SimMember>();
  /** A member's code has run that may await something: it goes on before the next event. */
  isUnsettled = false;
  now = 0;
  events = 0;
  readonly checkOf = (name: string): CheckFacts => {
    const check = this.#checks.get(name);
    if (check === undefined) throw new Error(`there is no check ${name}`);
    return check;
  };
  readonly #checks: ReadonlyMap<string, CheckFacts>;
  readonly #runs = new Map<string, MemberFacts>();
  readonly #heap = new EventHeap();
  #order = 0;

  constructor(checks: readonly CheckOptions[], seed: number, heartbeats: readonly HeartbeatOptions[] = []) {
    this.random = new SeededRandom(seed);
    this.facts = new Facts(checks);
    this.#checks = new Map(this.facts.checks.map((check) => [check.name, check]));
    this.oracle = new Oracle(this.facts, {
      state: (member, check) => this.members.get(member)?.served(check) ?? "pending",
      troubled: (member) => this.members.get(member)?.troubled ?? [],
    });
    this.heartbeats = new Heartbeats(this, new Hearing(this.facts), heartbeats);
    this.store = new MemoryStore({
      now: () => this.now,
      wallTime: () => this.now,
      setTimer: (delayMs, action) => this.at(this.now + delayMs, undefined, action),
    });
  }

  add(options: MemberOptions): SimMember {
    const member = new SimMember(this, options, Math.floor(this.random.next() * 2 ** 32));
    this.members.set(member.facts, member);
    this.#runs.set(member.fleet.run, member.facts);
    member.start();
    return member;
  }

  peerOf(run: string): MemberFacts | undefined {
    return this.#runs.get(run);
  }

  /** It is killed, or has left. */
  end(member: SimMember, text: "is killed" | "has left"): void {
    if (member.facts.diedAt !== undefined) return;
    this.members.delete(member.facts);
    this.facts.end(member.facts, text);
    member.end();
    const staleMs = Math.max(...this.facts.checks.map(({ staleAfterMs }) => staleAfterMs));
    this.at(this.now + staleMs + 10_000, undefined, () => this.facts.forget(member.facts));
  }

  resume(member: SimMember): void {
    this.facts.resume(member.facts);
    for (const action of member.deferred.splice(0)) this.at(this.now, member, action);
  }

  /** @param member whose event it is; `undefined`: of the world */
  at(time: number, member: SimMember | undefined, action: () => void): CancelTimer {
    let isCancelled = false;
    const event: Event = { at: time, order: this.#order, action: undefined };
    const onTime = () => {
      if (isCancelled || (member !== undefined && member.facts.diedAt !== undefined)) return;
      if (member !== undefined && member.facts.pausedAt !== undefined) member.deferred.push(onTime);
      else action();
    };
    event.action = onTime;
    this.#order += 1;
    this.#heap.push(event);
    return () => {
      isCancelled = true;
      event.action = undefined;
    };
  }

  /** Runs all events until a time. */
  async run(until: number): Promise<void> {
    for (;;) {
      const event = this.#heap.top;
      if (event === undefined || event.at > until) break;
      this.#heap.pop();
      this.now = Math.max(this.now, event.at);
      this.facts.now = this.now;
      const { action } = event;
      event.action = undefined;
      this.events += 1;
      action?.();
      if (!this.isUnsettled) continue;
      this.isUnsettled = false;
      await settled();
    }
    this.now = until;
    this.facts.now = until;
  }

  sweep(): void {
    for (const member of this.members.values()) if (member.facts.isAwake) member.sweep();
    this.facts.sweep();
    this.oracle.sweep();
    this.heartbeats.oracle.sweep();
  }
}

/** All promises that need no timer are settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
