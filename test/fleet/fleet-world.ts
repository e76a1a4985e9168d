/**
 * Members of one fleet on a virtual clock, with modelled runners: a runner probes a target that a test makes fail, counts
 * thresholds, and votes.
 */
import type { CancelTimer, Clock } from "../../src/core/clock.js";
import { Fleet } from "../../src/fleet/fleet.js";
import type { FleetChecks, FleetEvent, FleetSettings } from "../../src/fleet/fleet-deps.js";
import type { Decision, Definition, Vote } from "../../src/fleet/records/vote.js";
import type { CheckState } from "../../src/registry/ports.js";
import { OtherFormat } from "../support/fleet-format.js";
import { type MemoryConnection, MemoryStore } from "../support/fleet-memory-store.js";
import { SeededRandom } from "../support/seeded-random.js";
import { VirtualClock } from "../support/virtual-clock.js";

export const INTERVAL_MS = 10_000;
const EDGE_MS = 2_000;
const UNHEALTHY_THRESHOLD = 2;
export const STALE_MS = 31_000;

const SETTINGS: FleetSettings = {
  ...{
    instance: "test",
    fleet: "prod",
    member: "a",
    zone: undefined,
    secret: "a secret of the fleet",
    version: "1.0.0",
  },
  ...{ beatMs: 1_000, leaseMs: 5_000, settleMs: 2_000, capacity: 4_000, whenStoreIsGone: "auto", leaveMs: 15_000 },
};

type TestSettings = Partial<FleetSettings> & { readonly format?: 1 | 2 };

/** What a member sees of a target. */
export type Sight = "pass" | "warn" | "fail" | "blind";

export function definition(check: string, change: Partial<Definition> = {}): Definition {
  return {
    ...{ check, digest: "d1", scope: "shared", copies: 2, agree: "majority", staleAfterMs: STALE_MS },
    ...{ isHeartbeat: false, rate: 1_000 / INTERVAL_MS, ...change },
  };
}

export function definitions(count: number, change: Partial<Definition> = {}): readonly Definition[] {
  return Array.from({ length: count }, (_, index) => definition(`check-${index}`, change));
}

export class World {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);
  readonly members = new Map<string, TestMember>();
  readonly #random: SeededRandom;
  /** Runners do nothing: the test votes. */
  isSilent = false;
  /** What members see of the targets: the first rule that says something. */
  sight: (member: string, check: string) => Sight = () => "pass";

  constructor(seed = 1) {
    this.#random = new SeededRandom(seed);
  }

  /** @param settings with `format: 2`, its records are those of the next version */
  add(name: string, checks: readonly Definition[], settings: TestSettings = {}): TestMember {
    const member = new TestMember(this, name, checks, { ...SETTINGS, member: name, ...settings }, this.#random);
    this.members.set(name, member);
    return member;
  }

  /** Adds members a, b, c..., and lets them find each other and vote. */
  async grow(
    count: number,
    checks: readonly Definition[],
    settings: TestSettings = {},
  ): Promise<readonly TestMember[]> {
    const members = Array.from({ length: count }, (_, index) => this.add("abcdefghij"[index] ?? "", checks, settings));
    await this.seconds(20);
    for (const member of members) member.decisions.length = 0;
    return members;
  }

  async seconds(count: number): Promise<void> {
    await this.clock.advance(count * 1_000);
  }
}

/** The clock of one process: while it stands still, timers that become due wait. */
class ProcessClock implements Clock {
  /** How wrong the clock of its machine is, in milliseconds. */
  wallOffset = 0;
  readonly #clock: VirtualClock;
  #waiting: (() => void)[] | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  wallTime(): number {
    return this.#clock.wallTime() + this.wallOffset;
  }

  setTimer(delayMs: number, action: () => void): CancelTimer {
    let isCancelled = false;
    const cancel = this.#clock.setTimer(delayMs, () => {
      const run = () => {
        if (!isCancelled) action();
      };
      if (this.#waiting === undefined) run();
      else this.#waiting.push(run);
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  stop(): void {
    this.#waiting ??= [];
  }

  continue(): void {
    const due = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const run of due) run();
  }
}

interface Runner {
  state: CheckState;
  votes: number;
  failures: number;
  lastAt: number;
  timer: CancelTimer | undefined;
}

export class TestMember {
  readonly name: string;
  readonly fleet: Fleet;
  readonly connection: MemoryConnection;
  readonly events: FleetEvent[] = [];
  readonly runners = new Map<string, Runner>();
  /** What the member serves. */
  readonly table = new Map<string, Decision>();
  /** Each change of what it serves: state, and the state before. */
  readonly decisions: {
    readonly at: number;
    readonly check: string;
    readonly state: CheckState;
    readonly reason: string | undefined;
  }[] = [];
  probes = 0;
  isScheduling = true;
  isLate = false;
  /** What its beats say of the age of its probes. `undefined`: as it is. */
  stalest: number | undefined;
  isEnded = false;
  /** What the fleet tells it throws once. */
  failsOnce = false;
  readonly clock: ProcessClock;
  readonly #staleMs = new Map<string, number>();
  readonly #world: World;
  readonly #random: SeededRandom;

  constructor(
    world: World,
    name: string,
    checks: readonly Definition[],
    { format, ...settings }: FleetSettings & TestSettings,
    random: SeededRandom,
  ) {
    this.#world = world;
    this.name = name;
    this.#random = random;
    this.connection = world.store.connect();
    this.clock = new ProcessClock(world.clock);
    const { clock, connection } = this;
    const store = format === 2 ? new OtherFormat(connection, settings.fleet, settings.secret ?? "") : connection;
    this.fleet = new Fleet({
      ...{ clock, random: random.next, store, settings, checks: this.#checks() },
      onEvent: (event) => void this.events.push(event),
    });
    for (const { check, staleAfterMs } of checks) this.#staleMs.set(check, staleAfterMs);
    this.fleet.define(checks);
    this.fleet.start();
  }

  /** What it serves of a check now: with the age of its decision. */
  state(check: string): CheckState {
    const decision = this.table.get(check);
    return decision === undefined || decision.validUntil <= this.#world.clock.now() ? "pending" : decision.state;
  }

  probed(): readonly string[] {
    return [...this.runners.keys()].sort();
  }

  /** The process is killed. */
  kill(): void {
    this.isEnded = true;
    for (const { timer } of this.runners.values()) timer?.();
    this.runners.clear();
    this.connection.faults.isAway = true;
    void this.fleet.close();
  }

  vote(check: string, vote: Vote, validUntil = this.#world.clock.now() + this.#staleAfter(check)): void {
    this.fleet.vote(check, vote, validUntil);
  }

  #checks(): FleetChecks {
    const isLate = () => this.isLate;
    return {
      probe: (check, from) => this.#probe(check, from),
      rest: (check) => {
        this.runners.get(check)?.timer?.();
        this.runners.delete(check);
      },
      batch: (decisions) => decisions(),
      decide: (check, decision) => {
        if (this.failsOnce) {
          this.failsOnce = false;
          throw new Error("the checks failed");
        }
        const before = this.table.get(check)?.state;
        this.table.set(check, decision);
        const { state, reason } = decision;
        if (state !== before) this.decisions.push({ at: this.#world.clock.now(), check, state, reason });
      },
      isScheduling: () => this.isScheduling,
      get isLate() {
        return isLate();
      },
      stalest: () => {
        if (this.stalest !== undefined) return this.stalest;
        const now = this.#world.clock.now();
        let oldest = 0;
        if (!this.#world.isSilent)
          for (const [check, { lastAt }] of this.runners)
            oldest = Math.max(oldest, (now - lastAt) / this.#staleAfter(check));
        return Math.min(1, oldest);
      },
    };
  }

  #probe(check: string, from: Decision | undefined): void {
    if (this.runners.has(check) || this.isEnded) return;
    const runner: Runner = {
      state: from?.state ?? "pending",
      failures: 0,
      votes: 0,
      lastAt: this.#world.clock.now(),
      timer: undefined,
    };
    this.runners.set(check, runner);
    if (this.#world.isSilent) return;
    this.#after(check, runner, EDGE_MS * this.#random.next());
  }

  #staleAfter(check: string): number {
    return this.#staleMs.get(check) ?? STALE_MS;
  }

  #after(check: string, runner: Runner, ms: number): void {
    runner.timer = this.clock.setTimer(ms, () => this.#result(check, runner));
  }

  #result(check: string, runner: Runner): void {
    this.probes += 1;
    const now = this.#world.clock.now();
    const sight = this.#world.sight(this.name, check);
    const isBad = sight === "fail";
    runner.votes += 1;
    if (now >= runner.lastAt + this.#staleAfter(check)) Object.assign(runner, { state: "pending", failures: 0 });
    runner.failures = isBad ? runner.failures + 1 : 0;
    if (sight !== "blind") runner.lastAt = now;
    if (isBad && (runner.state === "pending" || runner.failures >= UNHEALTHY_THRESHOLD)) runner.state = "failing";
    if (sight === "pass") runner.state = "passing";
    if (sight === "warn") runner.state = "warning";
    this.#after(check, runner, isBad && runner.state !== "failing" ? EDGE_MS : INTERVAL_MS);
    const state = sight === "blind" || runner.state === "pending" ? "abstaining" : runner.state;
    const reason = state === "failing" ? "refused" : state === "warning" ? "slow" : undefined;
    this.fleet.vote(check, { state, reason }, runner.lastAt + this.#staleAfter(check));
  }
}
