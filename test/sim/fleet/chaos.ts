/**
 * Seeded faults. At any time at least two members are whole, so that the promises can be judged; beside that, anything may
 * happen at the same time.
 *
 * Targets turn too: one part of them never does, so what a fault does to them is the fault's alone.
 */
import type { LogEntry } from "../../../src/fleet/store/store.js";
import type { StoreFaults } from "../../support/fleet-memory-store.js";
import type { SeededRandom } from "../../support/seeded-random.js";
import { BEAT_MS, type CheckFacts, SETTLE_MS } from "./facts.js";
import { type MemberOptions, type SimMember, STORE_DEADLINE_MS } from "./member.js";
import type { FleetWorld } from "./world.js";

export const FAULTS = [
  ...[
    "kill",
    "restart",
    "pause",
    "stall",
    "cut",
    "half-open",
    "unreached",
    "isolated",
    "away",
    "silent",
    "slow",
    "flush",
  ],
  ...["evict", "lose", "split", "wall", "join", "leave", "drain", "forge", "replay", "duplicate"],
] as const;

export type FaultKind = (typeof FAULTS)[number];

export interface ChaosOptions {
  readonly maxMembers: number;
  /** Mean time between faults. */
  readonly meanMs: number;
  /** Mean time between turns of all targets together. */
  readonly meanTurnMs: number;
  readonly kinds: readonly FaultKind[];
  readonly memberOptions: (name: string, format: 1 | 2) => MemberOptions;
}

type Evicted = "beats" | "log" | { readonly run: string };

/** Whole members that are left alone. */
const MIN_WHOLE = 2;

/** Targets whose index is a multiple of this turn. */
const TURNING = 4;

export class Chaos {
  readonly counts = new Map<string, number>();
  /** Data that the store has lost, for the bound of rewrites. */
  losses = 0;
  readonly #world: FleetWorld;
  readonly #options: ChaosOptions;
  readonly #affected = new Set<SimMember>();
  #names = 0;
  /** Of members that start now. */
  #format: 1 | 2 = 1;

  constructor(world: FleetWorld, options: ChaosOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** A new member, with a new name. */
  join(): SimMember {
    this.#names += 1;
    return this.#world.add(this.#options.memberOptions(`m${this.#names}`, this.#format));
  }

  /** Faults from now until a time; what lasts is over some time after it. */
  plan(until: number): void {
    const { random, now } = this.#world;
    for (let at = now; at < until; ) {
      at += random.waiting(this.#options.meanMs);
      if (at < until) this.#at(at, () => this.#strike());
    }
  }

  /** A rolling upgrade from some time on: one member after the other leaves, or is killed, and starts as the next version. */
  planUpgrade(until: number): void {
    const { random, now } = this.#world;
    const at = now + random.between(0, 0.7) * (until - now);
    const hasRollback = random.next() < 0.3;
    const upgrade = (format: 1 | 2) => {
      this.#format = format;
      this.#upgradeNext(until);
    };
    this.#at(at, () => upgrade(2));
    if (hasRollback) this.#at(random.between(at, until), () => upgrade(1));
  }

  /** Reloads from some time on: another configuration at one member, or at one after the other, and perhaps back. */
  planReloads(until: number, random: SeededRandom): void {
    const { now } = this.#world;
    for (let at = now + random.between(0, 0.5) * (until - now); at < until; at += random.between(10_000, 60_000)) {
      const isRollout = random.next() < 0.6;
      const variant = random.next() < 0.7 ? 1 : 0;
      this.#at(at, () => {
        const members = [...this.#world.members.values()].filter((member) => member.options.variant !== variant);
        for (const [index, member] of members.slice(0, isRollout ? members.length : 1).entries())
          this.#after(index * random.between(500, 8_000), () => this.#reload(member, variant));
      });
    }
  }

  /** A store that answers now and then: members hear each other too rarely to trust their votes, and too often to take them for dead. */
  planFlaps(until: number, random: SeededRandom): void {
    const { now } = this.#world;
    const from = now + random.between(0, 0.6) * (until - now);
    const end = Math.min(until, from + random.between(20_000, 90_000));
    const fault = random.next() < 0.5 ? { isAway: true } : { isSilent: true };
    for (let at = from; at < end; ) {
      const awayMs = random.between(1_000, 9_000);
      this.#at(at, () => {
        if (!this.#storeFault("the store does not answer for a moment", fault, awayMs)) return;
        this.counts.set("flap", (this.counts.get("flap") ?? 0) + 1);
      });
      at += awayMs + random.between(100, 4_000);
    }
  }

  /** Writes that are refused from some time on, of one member or of all: beats go on. */
  planRefusals(until: number, random: SeededRandom): void {
    const { now } = this.#world;
    for (let at = now + random.between(0, 30_000); at < until; at += random.between(20_000, 60_000)) {
      const ms = random.between(500, 50_000);
      const isOfAll = random.next() < 0.5;
      this.#at(at, () => {
        const isPossible = isOfAll
          ? this.#storeFault("the store refuses writes", { refusesWrites: true }, ms)
          : this.#onMember((member) => this.#mute(member, ms));
        if (isPossible) this.counts.set("refusal", (this.counts.get("refusal") ?? 0) + 1);
      });
    }
  }

  #reload(member: SimMember, variant: 0 | 1): void {
    const isPossible = member.facts.isAwake && member.options.variant !== variant && !this.#affected.has(member);
    if (!isPossible) return;
    this.counts.set("reload", (this.counts.get("reload") ?? 0) + 1);
    member.reload(variant);
  }

  /** Turns of targets from now until a time. */
  planTurns(until: number): void {
    const { random, now, facts } = this.#world;
    for (let at = now; at < until; ) {
      at += random.waiting(this.#options.meanTurnMs);
      if (at >= until) break;
      this.#at(at, () => {
        const turning = facts.checks.filter(({ index }) => index % TURNING === 0);
        const check = turning[Math.floor(random.next() * turning.length)];
        if (check !== undefined) this.#turn(check);
      });
    }
    // everything falls, and comes back
    if (random.next() < 0.5) {
      this.#at(now + random.between(0.2, 0.8) * (until - now), () => {
        for (const check of facts.checks) if (check.index % TURNING === 0) facts.turn(check, "down");
      });
    }
    this.#at(until, () => {
      for (const check of facts.checks) facts.turn(check, check.index % (3 * TURNING) === 0 ? "down" : "up");
    });
  }

  #turn(check: CheckFacts): void {
    const { facts, random } = this.#world;
    if (check.target !== "up") facts.turn(check, "up");
    else facts.turn(check, random.next() < 0.2 ? "slow" : "down");
  }

  #upgradeNext(until: number): void {
    const { random, now, members } = this.#world;
    const format = this.#format;
    const isOld = (member: SimMember) => member.options.format !== format && !this.#affected.has(member);
    const old = [...members.values()].find(isOld);
    const isPossible = members.size - this.#affected.size > MIN_WHOLE;
    if (old !== undefined && isPossible) {
      this.#affected.add(old);
      if (random.next() < 0.3) this.#kill(old, random.between(200, 3_000));
      else this.#leave(old, () => void this.#world.add({ ...old.options, format: this.#format }));
      this.counts.set("upgrade", (this.counts.get("upgrade") ?? 0) + 1);
    }
    const next = now + random.between(3_000, 20_000);
    if (next < until) this.#at(next, () => this.#format === format && this.#upgradeNext(until));
  }

  #at(at: number, action: () => void): void {
    this.#world.at(at, undefined, () => {
      this.#world.isUnsettled = true;
      action();
    });
  }

  #after(ms: number, action: () => void): void {
    this.#at(this.#world.now + ms, action);
  }

  #strike(): void {
    const { random } = this.#world;
    const kind = this.#options.kinds[Math.floor(random.next() * this.#options.kinds.length)] ?? "kill";
    if (this.#apply(kind)) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Returns whether it was possible. */
  #apply(kind: FaultKind): boolean {
    const { random } = this.#world;
    switch (kind) {
      case "kill":
        return this.#onMember((member) => this.#kill(member, random.between(1_000, 40_000)));
      case "restart":
        return this.#onMember((member) => this.#kill(member, 200));
      case "pause":
        return this.#onMember((member) => this.#pause(member, random.between(500, 70_000)));
      case "stall":
        return this.#onMember((member) => this.#stall(member, random.between(3_000, 40_000)));
      case "cut":
        return this.#onMember((member) => this.#cut(member, "isAway", random.between(500, 60_000)));
      case "half-open":
        return this.#onMember((member) => this.#cut(member, "isSilent", random.between(500, 60_000)));
      case "unreached":
        return this.#onMember((member) => this.#unreach(member, random.between(10_000, 60_000)), 1);
      case "isolated":
        return this.#onMember((member) => this.#isolate(member, random.between(10_000, 60_000)));
      case "wall":
        return this.#onMember((member) => {
          member.clock.wallOffset += random.between(-7_200_000, 7_200_000);
          this.#affected.delete(member);
        });
      case "leave":
        return this.#onMember((member) => this.#leave(member));
      case "drain":
        return this.#onMember((member) => this.#drain(member, random.between(5_000, 60_000)));
      case "duplicate":
        return this.#onMember((member) => this.#duplicate(member, random.between(5_000, 40_000)));
      case "join":
        if (this.#world.members.size >= this.#options.maxMembers) return false;
        this.join();
        return true;
      case "away":
        return this.#storeFault("the store is away", { isAway: true }, random.between(500, 90_000));
      case "silent":
        return this.#storeFault("the store does not answer", { isSilent: true }, random.between(500, 60_000));
      case "slow":
        return this.#storeFault(
          "the store is slow",
          { delayMs: random.between(100, 2_000) },
          random.between(5_000, 40_000),
        );
      case "split":
        return this.#split(random.between(3_000, 40_000));
      default:
        return this.#onData(kind);
    }
  }

  /** Takes a whole member; the fault must give it back. */
  #onMember(fault: (member: SimMember) => void, atMost = Number.POSITIVE_INFINITY): boolean {
    const whole = [...this.#world.members.values()].filter((member) => !this.#affected.has(member));
    if (whole.length <= MIN_WHOLE) return false;
    if (atMost === 1 && [...this.#world.members.values()].some(({ unreached }) => unreached.size > 0)) return false;
    const member = whole[Math.floor(this.#world.random.next() * whole.length)];
    if (member === undefined) return false;
    this.#affected.add(member);
    fault(member);
    return true;
  }

  /** What lasts is over after a time, when the member still lives. */
  #untilOver(member: SimMember, ms: number, over: () => void): void {
    this.#after(ms, () => {
      this.#affected.delete(member);
      if (member.facts.diedAt === undefined) over();
    });
  }

  #kill(member: SimMember, restartMs: number): void {
    this.#world.end(member, "is killed");
    this.#affected.delete(member);
    this.#after(restartMs, () => {
      if (this.#world.members.size < this.#options.maxMembers)
        this.#world.add({ ...member.options, format: this.#format });
    });
  }

  #pause(member: SimMember, ms: number): void {
    this.#world.facts.pause(member.facts);
    this.#untilOver(member, ms, () => this.#world.resume(member));
  }

  #stall(member: SimMember, ms: number): void {
    this.#world.facts.stall(member.facts, true);
    this.#untilOver(member, ms, () => this.#world.facts.stall(member.facts, false));
  }

  #cut(member: SimMember, fault: "isAway" | "isSilent", ms: number): void {
    const { faults } = member.connection;
    faults[fault] = true;
    this.#world.facts.cut(member.facts, true);
    this.#untilOver(member, ms, () => {
      faults[fault] = false;
      this.#world.facts.cut(member.facts, false, fault === "isSilent" ? STORE_DEADLINE_MS : 0);
    });
  }

  #mute(member: SimMember, ms: number): void {
    const { faults } = member.connection;
    faults.refusesWrites = true;
    this.#world.facts.mute(member.facts, true);
    this.#untilOver(member, ms, () => {
      faults.refusesWrites = false;
      this.#world.facts.mute(member.facts, false);
    });
  }

  #unreach(member: SimMember, ms: number): void {
    const share = this.#world.random.between(0.05, 0.5);
    const { checks } = this.#world.facts;
    member.unreached = new Set(checks.filter(() => this.#world.random.next() < share).map(({ index }) => index));
    member.facts.isBlindToSome = true;
    this.#untilOver(member, ms, () => {
      member.unreached = new Set();
      member.facts.isBlindToSome = false;
      member.facts.sightSince = this.#world.now;
    });
  }

  #isolate(member: SimMember, ms: number): void {
    member.facts.isIsolated = true;
    this.#world.facts.disturb(`${member.facts.name} reaches no target`);
    this.#untilOver(member, ms, () => {
      member.facts.isIsolated = false;
      member.facts.sightSince = this.#world.now;
      this.#world.facts.disturb(`${member.facts.name} reaches all targets`);
    });
  }

  #leave(member: SimMember, onLeft = () => {}): void {
    member.facts.isCandidate = false;
    member.isLeaving = true;
    this.#world.facts.disturb(`${member.facts.name} leaves`);
    void member.fleet.leave().then(() => {
      this.#affected.delete(member);
      this.#world.end(member, "has left");
      onLeft();
    });
  }

  #drain(member: SimMember, ms: number): void {
    member.facts.isDrained = true;
    this.#world.facts.disturb(`${member.facts.name} is drained`);
    member.fleet.drain(true);
    this.#untilOver(member, ms, () => {
      member.facts.isDrained = false;
      this.#world.facts.disturb(`${member.facts.name} is drained no more`);
      member.fleet.drain(false);
    });
  }

  /** A second process with the name of the first. */
  #duplicate(member: SimMember, ms: number): void {
    const other = this.#world.add(member.options);
    this.#affected.add(other);
    const [second] = [member, other].sort((a, b) => (a.fleet.run < b.fleet.run ? 1 : -1));
    if (second !== undefined) second.facts.isCandidate = false;
    this.#after(ms, () => {
      this.#affected.delete(member);
      this.#affected.delete(other);
      member.facts.isCandidate = true;
      this.#world.end(other, "is killed");
    });
  }

  #storeFault(text: string, fault: Partial<StoreFaults>, ms: number): boolean {
    const { facts, store } = this.#world;
    if (facts.storeFaultSince !== undefined) return false;
    Object.assign(store.faults, fault);
    facts.storeFault(text, fault.isAway === true || fault.isSilent === true);
    this.#after(ms, () => {
      Object.assign(store.faults, { isAway: false, isSilent: false, delayMs: 0, refusesWrites: false });
      if (this.#world.random.next() < 0.3) this.#loseData();
      facts.storeBack(fault.isAway === true ? 0 : STORE_DEADLINE_MS);
    });
    return true;
  }

  /** Two primaries; when it is healed, what the second one was told is lost. */
  #split(ms: number): boolean {
    const { facts, store, members, random } = this.#world;
    if (facts.storeFaultSince !== undefined) return false;
    const fork = store.fork();
    for (const member of members.values()) {
      if (random.next() < 0.5) continue;
      member.connection.store = fork;
      facts.moveTo(member.facts, 1);
    }
    facts.storeFault("the store is split in two", false);
    this.#after(ms, () => {
      for (const member of members.values()) {
        member.connection.store = store;
        facts.moveTo(member.facts, 0);
      }
      this.losses += 1;
      facts.storeBack(SETTLE_MS + BEAT_MS);
    });
    return true;
  }

  #onData(kind: FaultKind): boolean {
    if (kind === "forge") this.#forge();
    else if (kind === "replay") this.#replay();
    else this.#loseData(kind);
    return true;
  }

  #loseData(kind?: FaultKind): void {
    const { store, random, facts } = this.#world;
    const what = kind ?? random.pick(["flush", "evict", "lose"]);
    this.losses += 1;
    if (what === "flush") store.flush();
    else if (what === "lose") store.loseLast(random.between(500, 10_000));
    else {
      const runs = [...store.cells.keys()];
      const run = runs[Math.floor(random.next() * runs.length)];
      store.evict(random.pick<Evicted>(["beats", "log", run === undefined ? "log" : { run }]));
    }
    facts.lose(`the store loses data: ${what}`);
  }

  /** Records with another text, or with the text of another one. */
  #forge(): void {
    const { store, random, facts } = this.#world;
    for (const [run, { cells }] of store.cells) {
      const texts = [...cells];
      const [one, two] = [texts[Math.floor(random.next() * texts.length)], texts[0]];
      if (one === undefined || two === undefined) continue;
      const forged = random.next() < 0.5 ? two[1] : one[1].replace("passing", "failing").replace(/"p"/, '"f"');
      store.log.push({ run, head: store.cells.get(run)?.head ?? "", cells: new Map([[one[0], forged]]) });
    }
    const [beats] = [[...store.beats]];
    for (const [run, beat] of beats) {
      if (random.next() >= 0.3) continue;
      store.beats.set(run, beat.replace(/\d/, "7"));
      const member = this.#world.peerOf(run);
      if (member !== undefined) member.beatForgedAt = facts.now;
    }
  }

  /** Entries of the log again; signatures are right. */
  #replay(): void {
    const { store, random } = this.#world;
    const old: LogEntry[] = store.log.filter(() => random.next() < 0.3).slice(0, 50);
    store.log.push(...old);
  }
}
