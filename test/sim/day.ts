/** A simulated day: targets with an oracle each, the engine under test, readers of statuses, and stalls of our own. */
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import { subscribe } from "../../src/core/channels.js";
import type { ServingStatus } from "../../src/core/serving-status.js";
import { Registry } from "../../src/registry/registry.js";
import { SeededRandom } from "../support/seeded-random.js";
import { type Contract, DEFAULTS, drawContract, settingsOf } from "./contract.js";
import { Oracle, type OracleOptions, type Reported, type TimeSpan } from "./oracle.js";
import { SimClock } from "./sim-clock.js";
import { type Behaviour, type Observer, type Outcome, SimTarget } from "./target.js";

export interface DayOptions {
  readonly seed: number;
  readonly targets: number;
  readonly hours: number;
  /** `usual`: default settings and a good network; `any`: random settings and a bad network. */
  readonly kind: "usual" | "any";
  readonly onHour?: (hour: number) => void;
}

export interface Day {
  readonly faults: readonly string[];
  readonly probes: number;
  /** Times that a target went down. */
  readonly failures: number;
  /** Transitions to NOT_SERVING, and to SERVING. */
  readonly downs: number;
  readonly ups: number;
  /** Probes without an answer. */
  readonly silences: number;
  readonly stalls: number;
  readonly maxConcurrent: number;
}

const HOUR_MS = 3_600_000;
const MAX_CONCURRENT_PROBES = 256;

/** From the lowest limit, 16: each result that counts raises it by an eighth. */
const RESULTS_UNTIL_WHOLE = (MAX_CONCURRENT_PROBES - 16) * 8;

const MAX_FAULTS = 5;

/** As many as there are in the time of one probe. */
const MAX_STALLS = 256;

/** How often every service is read, a hundredth of them at a time. */
const READ_EVERY_MS = 10_000;
const READERS = 100;

const QUIET: Behaviour = {
  meanUpMs: 4 * HOUR_MS,
  meanDownMs: 240_000,
  meanBetweenProberErrorsMs: 12 * HOUR_MS,
  lossShare: 0.001,
  slowShare: 0.02,
};

/** Some targets change faster than their checks can notice; up to a tenth of all probes is lost. */
function drawBehaviour(random: SeededRandom): Behaviour {
  return {
    meanUpMs: random.pick([40_000, 300_000, HOUR_MS]),
    meanDownMs: random.pick([20_000, 240_000]),
    meanBetweenProberErrorsMs: HOUR_MS,
    lossShare: random.pick([0, 0.001, 0.1]),
    slowShare: random.pick([0.02, 0.5]),
  };
}

export async function simulate(options: DayOptions): Promise<Day> {
  const day = new SimulatedDay(options);
  return day.live();
}

class SimulatedDay {
  readonly #options: DayOptions;
  readonly #random: SeededRandom;
  readonly #clock = new SimClock();
  readonly #registry: Registry;
  readonly #engine: CheckEngine;
  readonly #oracles = new Map<string, Oracle>();
  readonly #names: string[] = [];
  readonly #contracts = new Map<string, Contract>();
  readonly #declarations = new Map<string, CheckDeclaration>();
  readonly #targets: SimTarget[] = [];
  readonly #stalls: TimeSpan[] = [];
  readonly #saturated = { from: Number.NEGATIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  readonly #faults: string[] = [];
  readonly #counts = { failures: 0, downs: 0, ups: 0, silences: 0, stalls: 0, maxConcurrent: 0 };
  #running = 0;
  /** Results that counted since the last one that was ignored. */
  #countedInARow = Number.POSITIVE_INFINITY;

  constructor(options: DayOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const clock = this.#clock;
    this.#registry = new Registry({ clock, instance: `day ${options.seed}` });
    // random numbers of its own: the engine must not change what happens to the targets
    const { next } = new SeededRandom(options.seed + 1);
    this.#engine = new CheckEngine({ writer: this.#registry, clock, random: next });
  }

  async live(): Promise<Day> {
    const { targets, hours, onHour } = this.#options;
    const stopListening = this.#listen();
    for (let index = 0; index < targets; index += 1) this.#addTarget(`t${index}`);
    this.#planReading(0);
    this.#planStalls();
    this.#planWallJumps();
    if (this.#options.kind === "any") this.#planReloads();
    for (let hour = 1; hour <= hours && this.#faults.length < MAX_FAULTS; hour += 1) {
      await this.#clock.run(hour * HOUR_MS);
      onHour?.(hour);
    }
    const faults = this.#faults.slice(0, MAX_FAULTS);
    stopListening();
    this.#engine.stop();
    return { faults, probes: this.#targets.reduce((sum, { starts }) => sum + starts, 0), ...this.#counts };
  }

  /** Passes transitions and reports of probes to the oracles. Returns an unsubscribe function. */
  #listen(): () => void {
    const { instance } = this.#registry;
    const pass = (reported: Reported) => (message: { readonly instance: string; readonly check: string }) => {
      if (message.instance === instance) this.#oracles.get(message.check)?.onReported(reported);
    };
    const count = (reported: Reported) => {
      const passOn = pass(reported);
      return (message: { readonly instance: string; readonly check: string }) => {
        if (message.instance === instance) this.#countedInARow += 1;
        passOn(message);
      };
    };
    const [passed, failed] = [count("pass"), count("fail")];
    const subscriptions = [
      this.#registry.onTransition(({ subject, name, to }) => {
        if (subject === "service") this.#onTransition(name, to);
      }),
      subscribe("probe", (message) => (message.outcome === "pass" ? passed : failed)(message)),
      subscribe("result-dropped", (message) => {
        if (message.instance === instance) {
          this.#countedInARow = 0;
          this.#seeSlots();
        }
        pass("ignored")(message);
      }),
      subscribe("prober-failed", pass("prober-error")),
      subscribe("probe-abandoned", (message) => {
        if (message.instance === instance) this.#oracles.get(message.check)?.onAbandoned();
      }),
    ];
    return () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    };
  }

  #addTarget(name: string): void {
    const isUsual = this.#options.kind === "usual";
    const contract: Contract = isUsual ? DEFAULTS : drawContract(this.#random);
    const { initialState, staleAfterMs } = contract;
    const status = initialState === "passing" ? "SERVING" : "NOT_SERVING";
    const initial = { status, until: this.#clock.now() + staleAfterMs, isInitial: true } as const;
    this.#names.push(name);
    this.#contracts.set(name, contract);
    this.#engine.add(this.#declare(name, { initial: initialState === "pending" ? undefined : initial }));
  }

  /** A check with a new target and an oracle for it. */
  #declare(name: string, options: OracleOptions): CheckDeclaration {
    const random = this.#random;
    const clock = this.#clock;
    const isUsual = this.#options.kind === "usual";
    const contract = this.#contracts.get(name) ?? DEFAULTS;
    const world = {
      now: () => clock.now(),
      stalls: this.#stalls,
      saturated: this.#saturated,
      report: (fault: string) => this.#faults.push(fault),
    };
    const oracle = new Oracle(name, contract, world, options);
    const deps = { clock, random, behaviour: isUsual ? QUIET : drawBehaviour(random) };
    const target = new SimTarget(deps, contract, this.#counted(name, oracle));
    this.#targets.push(target);
    this.#oracles.set(name, oracle);
    const source = { kind: "prober", prober: target } as const;
    const declaration = { name, source, options: isUsual ? {} : settingsOf(contract) };
    this.#declarations.set(name, declaration);
    return declaration;
  }

  /** Now and then a reload gives a check another target, or several times in a row. */
  #planReloads(): void {
    const random = this.#random;
    const afterMs = random.pick([500, 3_000, random.waiting(HOUR_MS)]);
    this.#clock.input(this.#clock.now() + afterMs, () => {
      const name = random.pick(["t0", "t1", "t2"]);
      const replaced = this.#oracles.get(name);
      if (replaced !== undefined) this.#declare(name, { replaced });
      const checks = [...this.#declarations.values()];
      this.#engine.configure({ checks, services: [], isolation: undefined, allowLinkLocal: false });
      this.#planReloads();
    });
  }

  /**
   * The oracle as an observer, as long as its target is the present one. The running probes are counted until they end or
   * are aborted, also those of a target that was replaced.
   */
  #counted(name: string, oracle: Oracle): Observer {
    const isPresent = () => this.#oracles.get(name) === oracle;
    let hasSlot = false;
    const release = () => {
      if (hasSlot) this.#releaseSlot();
      hasSlot = false;
    };
    return {
      onState: (state) => {
        if (!isPresent()) return;
        if (state === "down") this.#counts.failures += 1;
        oracle.onState(state);
      },
      onStart: () => {
        oracle.onStart();
        hasSlot = true;
        this.#startProbe();
      },
      onAbort: () => {
        release();
        if (isPresent()) oracle.onAbort();
      },
      onEnd: (outcome: Outcome, probe: number) => {
        release();
        if (outcome === "silence") this.#counts.silences += 1;
        if (isPresent()) oracle.onEnd(outcome, probe);
      },
    };
  }

  #startProbe(): void {
    this.#running += 1;
    if (this.#running > this.#counts.maxConcurrent) this.#counts.maxConcurrent = this.#running;
    if (this.#running > MAX_CONCURRENT_PROBES) this.#faults.push(`${this.#running} probes run at once`);
    this.#seeSlots();
  }

  #releaseSlot(): void {
    this.#running -= 1;
    this.#seeSlots();
  }

  /**
   * A result that is lost may lower the limit, also between two probes. Only then the engine is asked for it: so many results
   * that counted raise it again.
   */
  #seeSlots(): void {
    const saturated = this.#saturated;
    const now = this.#clock.now();
    const isLowered = this.#countedInARow < RESULTS_UNTIL_WHOLE;
    const isFull = this.#running >= (isLowered ? this.#engine.deps.probeLimit.maxRunning : MAX_CONCURRENT_PROBES);
    if (isFull === (saturated.to === Number.POSITIVE_INFINITY)) return;
    // a slot that is used again at the same time was not free
    if (isFull && saturated.to < now) saturated.from = now;
    saturated.to = isFull ? Number.POSITIVE_INFINITY : now;
  }

  #onTransition(name: string, to: string): void {
    if (to === "NOT_SERVING") this.#counts.downs += 1;
    if (to === "SERVING") this.#counts.ups += 1;
    this.#oracles.get(name)?.onStatus(requireStatus(to));
  }

  #read(name: string): void {
    this.#oracles.get(name)?.onRead(requireStatus(this.#registry.read(name)?.status));
  }

  #planReading(reader: number): void {
    this.#clock.input(this.#clock.now() + READ_EVERY_MS / READERS, () => {
      for (let index = reader; index < this.#names.length; index += READERS) this.#read(this.#names[index] ?? "");
      this.#planReading((reader + 1) % READERS);
    });
  }

  /**
   * The event loop is blocked from time to time: mostly for a second or two, sometimes for less than the limit of the
   * stall rule, rarely for longer than `staleAfter`, and sometimes again and again, as on a machine that swaps, or that has
   * long turns.
   */
  #planStalls(): void {
    const random = this.#random;
    this.#clock.input(this.#clock.now() + 1_000 + random.waiting(900_000), () => {
      const kind = random.next();
      if (kind < 0.15) return this.#stallRepeatedly(5, [500, 5_000], 2_000);
      if (kind > 0.85) return this.#stallRepeatedly(100, [50, 450], 60);
      if (kind < 0.17) this.#stall(random.between(20_000, 60_000));
      else if (kind < 0.4) this.#stall(random.between(50, 500));
      else this.#stall(random.between(500, 5_000));
      this.#planStalls();
    });
  }

  #stallRepeatedly(left: number, [minMs, maxMs]: readonly [number, number], maxPauseMs: number): void {
    this.#stall(this.#random.between(minMs, maxMs));
    const next = this.#clock.now() + this.#random.between(50, maxPauseMs);
    if (left === 0) this.#planStalls();
    else this.#clock.input(next, () => this.#stallRepeatedly(left - 1, [minMs, maxMs], maxPauseMs));
  }

  /** Blocks the event loop. Afterwards, statuses are read before any timer fires. */
  #stall(ms: number): void {
    const from = this.#clock.now();
    this.#clock.stall(ms);
    this.#stalls.push({ from, to: this.#clock.now() });
    if (this.#stalls.length > MAX_STALLS) this.#stalls.shift();
    this.#counts.stalls += 1;
    for (const name of this.#names) this.#read(name);
  }

  #planWallJumps(): void {
    this.#clock.input(this.#clock.now() + this.#random.waiting(HOUR_MS), () => {
      this.#clock.wallOffset += this.#random.between(-HOUR_MS, HOUR_MS);
      this.#planWallJumps();
    });
  }
}

function requireStatus(status: string | undefined): Exclude<ServingStatus, "SERVICE_UNKNOWN"> {
  if (status === "UNKNOWN" || status === "SERVING" || status === "NOT_SERVING") return status;
  throw new Error(`${status} is not a status`);
}
