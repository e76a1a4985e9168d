/** A simulated day: targets with an oracle each, the engine under test, people who ask, and what befalls us ourselves. */
import { CheckEngine } from "../../src/checks/check-engine.js";
import { subscribe } from "../../src/core/channels.js";
import type { ServingStatus } from "../../src/core/serving-status.js";
import { Registry } from "../../src/registry/registry.js";
import { SeededRandom } from "../support/seeded-random.js";
import { type Contract, drawContract, settingsOf, USUAL } from "./contract.js";
import { Oracle, type Stretch, type Told } from "./oracle.js";
import { SimClock } from "./sim-clock.js";
import { type Fate, type Outcome, SimTarget, type Witness } from "./target.js";

/** Which day. */
export interface DayOptions {
  readonly seed: number;
  readonly targets: number;
  readonly hours: number;
  /** `usual` settings for every check and a usual network, or `any`: drawn by chance, in a rough world. */
  readonly kind: "usual" | "any";
  readonly onHour?: (hour: number) => void;
}

/** What came of it. */
export interface Day {
  readonly faults: readonly string[];
  readonly probes: number;
  readonly deaths: number;
  readonly falls: number;
  readonly returns: number;
  /** Probes that met silence. */
  readonly silences: number;
  readonly stalls: number;
  readonly maxConcurrent: number;
}

const HOUR_MS = 3_600_000;
const MAX_CONCURRENT_PROBES = 256;
const MAX_FAULTS = 5;

/** Every service is read so often, a hundredth of them at a time. */
const READ_EVERY_MS = 10_000;
const READERS = 100;

const QUIET: Fate = {
  meanWellMs: 4 * HOUR_MS,
  meanDeadMs: 240_000,
  meanSeeingMs: 12 * HOUR_MS,
  lossShare: 0.001,
  slowShare: 0.02,
};

/** Targets come and go, some faster than they can be followed; up to a tenth of all probes is lost. */
function drawFate(random: SeededRandom): Fate {
  return {
    meanWellMs: random.pick([40_000, 300_000, HOUR_MS]),
    meanDeadMs: random.pick([20_000, 240_000]),
    meanSeeingMs: HOUR_MS,
    lossShare: random.pick([0, 0.001, 0.1]),
    slowShare: random.pick([0.02, 0.5]),
  };
}

/** Lives a day. */
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
  readonly #targets: SimTarget[] = [];
  readonly #stalls: Stretch[] = [];
  readonly #crowd = { from: Number.NEGATIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  readonly #faults: string[] = [];
  readonly #counts = { deaths: 0, falls: 0, returns: 0, silences: 0, stalls: 0, maxConcurrent: 0 };
  #running = 0;

  constructor(options: DayOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const clock = this.#clock;
    this.#registry = new Registry({ clock, instance: `day ${options.seed}` });
    // dice of its own: what the engine draws doesn't change what befalls the targets
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
    for (let hour = 1; hour <= hours && this.#faults.length < MAX_FAULTS; hour += 1) {
      await this.#clock.run(hour * HOUR_MS);
      onHour?.(hour);
    }
    const faults = this.#faults.slice(0, MAX_FAULTS);
    stopListening();
    this.#engine.stop();
    return { faults, probes: this.#targets.reduce((sum, { starts }) => sum + starts, 0), ...this.#counts };
  }

  /** Hears what is published, and what is told of each probe. Returns the way out. */
  #listen(): () => void {
    const { instance } = this.#registry;
    const tell = (told: Told) => (message: { readonly instance: string; readonly check: string }) => {
      if (message.instance === instance) this.#oracles.get(message.check)?.onTold(told);
    };
    const [passed, failed] = [tell("pass"), tell("fail")];
    const ways = [
      this.#registry.onTransition(({ subject, name, to }) => {
        if (subject === "service") this.#onTransition(name, to);
      }),
      subscribe("probe", (message) => (message.outcome === "pass" ? passed : failed)(message)),
      subscribe("result-dropped", tell("dropped")),
      subscribe("prober-failed", tell("unseen")),
    ];
    return () => {
      for (const way of ways) way();
    };
  }

  #addTarget(name: string): void {
    const random = this.#random;
    const isUsual = this.#options.kind === "usual";
    const contract: Contract = isUsual ? USUAL : drawContract(random);
    const clock = this.#clock;
    const oracle = new Oracle(name, contract, {
      now: () => clock.now(),
      stalls: this.#stalls,
      crowd: this.#crowd,
      blame: (fault) => this.#faults.push(fault),
    });
    const deps = { clock, random, fate: isUsual ? QUIET : drawFate(random) };
    const target = new SimTarget(deps, contract, this.#counted(oracle));
    this.#targets.push(target);
    this.#names.push(name);
    this.#oracles.set(name, oracle);
    const source = { kind: "prober", prober: target } as const;
    this.#engine.add({ name, source, options: isUsual ? {} : settingsOf(contract) });
  }

  /** The oracle as a witness, with all probes in run counted: until they have ended, or are told to. */
  #counted(oracle: Oracle): Witness {
    let flies = false;
    const land = () => {
      if (flies) this.#land();
      flies = false;
    };
    return {
      onTruth: (truth) => {
        if (truth === "dead") this.#counts.deaths += 1;
        oracle.onTruth(truth);
      },
      onStart: () => {
        oracle.onStart();
        flies = true;
        this.#startProbe();
      },
      onAbort: () => {
        land();
        oracle.onAbort();
      },
      onEnd: (outcome: Outcome) => {
        land();
        if (outcome === "silence") this.#counts.silences += 1;
        oracle.onEnd(outcome);
      },
    };
  }

  #startProbe(): void {
    const crowd = this.#crowd;
    this.#running += 1;
    if (this.#running > this.#counts.maxConcurrent) this.#counts.maxConcurrent = this.#running;
    if (this.#running > MAX_CONCURRENT_PROBES) this.#faults.push(`${this.#running} probes are in run at once`);
    if (this.#running !== MAX_CONCURRENT_PROBES) return;
    // a place that is taken again in the moment in which it became free was none
    if (crowd.to !== this.#clock.now()) crowd.from = this.#clock.now();
    crowd.to = Number.POSITIVE_INFINITY;
  }

  #land(): void {
    if (this.#running === MAX_CONCURRENT_PROBES) this.#crowd.to = this.#clock.now();
    this.#running -= 1;
  }

  #onTransition(name: string, to: string): void {
    if (to === "NOT_SERVING") this.#counts.falls += 1;
    if (to === "SERVING") this.#counts.returns += 1;
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
   * Our own loop stands still now and then: mostly for a second or two, sometimes for less than counts, rarely for longer
   * than a result counts, and sometimes again and again, as on a machine that swaps: then every probe meets a stall.
   */
  #planStalls(): void {
    const random = this.#random;
    this.#clock.input(this.#clock.now() + 1_000 + random.waiting(900_000), () => {
      const kind = random.next();
      if (kind < 0.15) return this.#storm(5);
      if (kind < 0.17) this.#stall(random.between(20_000, 60_000));
      else if (kind < 0.4) this.#stall(random.between(50, 500));
      else this.#stall(random.between(500, 5_000));
      this.#planStalls();
    });
  }

  #storm(left: number): void {
    this.#stall(this.#random.between(500, 5_000));
    if (left === 0) this.#planStalls();
    else this.#clock.input(this.#clock.now() + this.#random.between(50, 2_000), () => this.#storm(left - 1));
  }

  /** Nothing runs; then questions are read before any timer. */
  #stall(ms: number): void {
    const from = this.#clock.now();
    this.#clock.stall(ms);
    this.#stalls.push({ from, to: this.#clock.now() });
    if (this.#stalls.length > 16) this.#stalls.shift();
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

/** A check's own service has one of three statuses. */
function requireStatus(status: string | undefined): Exclude<ServingStatus, "SERVICE_UNKNOWN"> {
  if (status === "UNKNOWN" || status === "SERVING" || status === "NOT_SERVING") return status;
  throw new Error(`${status} is no status`);
}
