/**
 * A target whose truth is known: well or dead, by a schedule of its own, whoever looks at it.
 *
 * Dead, it refuses at once, or hangs. Well, it answers, mostly soon and sometimes slowly; a small share of probes is lost
 * on the way, as if the target had hung. Now and then the prober can't look at all.
 */
import { type ProbeContext, type ProbeResult, type Prober, ProberError } from "../../src/probers/prober.js";
import type { SeededRandom } from "./random.js";
import type { SimClock } from "./sim-clock.js";

/** What came of a probe, as the world knows it. */
export type Outcome = "pass" | "fail" | "lost" | "blind";

/** One probe, as the world saw it. */
export interface Probe {
  readonly startedAt: number;
  endedAt: number;
  outcome: Outcome | undefined;
}

/** What the world is like. Times in milliseconds. */
export interface WorldSettings {
  readonly meanWellMs: number;
  readonly meanDeadMs: number;
  readonly lossShare: number;
  readonly slowShare: number;
  readonly timeoutMs: number;
}

const HOUR_MS = 3_600_000;

/** So many probes back, one that counts is found even in a storm of stalls. */
const MOST_REMEMBERED = 32;

export class SimTarget implements Prober {
  readonly name: string;
  well = true;
  /** Since when it is what it is. */
  since = 0;
  /** The last probes, the newest last. */
  readonly probes: Probe[] = [];
  inFlight = 0;
  starts = 0;
  onTruth: () => void = () => {};
  onStart: () => void = () => {};
  onEnd: () => void = () => {};
  #blindUntil = 0;
  #hangs = false;
  readonly #clock: SimClock;
  readonly #random: SeededRandom;
  readonly #settings: WorldSettings;

  constructor(name: string, clock: SimClock, random: SeededRandom, settings: WorldSettings) {
    this.name = name;
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#planChange();
    this.#planBlindness();
  }

  /** Whether the prober can't look now. */
  get blind(): boolean {
    return this.#clock.now() < this.#blindUntil;
  }

  probe({ signal }: ProbeContext): Promise<ProbeResult> {
    const startedAt = this.#clock.now();
    const probe: Probe = { startedAt, endedAt: Number.POSITIVE_INFINITY, outcome: undefined };
    this.probes.push(probe);
    if (this.probes.length > MOST_REMEMBERED) this.probes.shift();
    this.inFlight += 1;
    this.starts += 1;
    this.onStart();
    const isLost = this.#random.next() < this.#settings.lossShare;
    const hangs = isLost || (!this.well && this.#hangs);
    const wasWell = this.well;
    return new Promise((resolve, reject) => {
      const end = (outcome: Outcome) => {
        if (probe.outcome !== undefined) return;
        probe.outcome = outcome;
        probe.endedAt = this.#clock.now();
        this.inFlight -= 1;
        this.#clock.unsettled = true;
        this.onEnd();
      };
      if (this.blind) {
        end("blind");
        reject(new ProberError("prober", "EMFILE"));
        return;
      }
      signal.addEventListener("abort", () => {
        end(wasWell && isLost ? "lost" : "fail");
        reject(new Error("aborted"));
      });
      if (hangs) return;
      this.#clock.input(startedAt + this.#delay(), () => {
        if (probe.outcome !== undefined) return;
        const passes = wasWell && this.well;
        end(passes ? "pass" : "fail");
        resolve(passes ? { outcome: "pass" } : { outcome: "fail", reason: "refused", detail: "down" });
      });
    });
  }

  close(): void {}

  /** Mostly a few milliseconds, sometimes nearly the whole timeout. */
  #delay(): number {
    const { slowShare, timeoutMs } = this.#settings;
    const isSlow = this.#random.next() < slowShare;
    return isSlow ? this.#random.between(0.2, 0.9) * timeoutMs : this.#random.between(1, 40);
  }

  #planChange(): void {
    const { meanWellMs, meanDeadMs } = this.#settings;
    const after = this.#random.waiting(this.well ? meanWellMs : meanDeadMs);
    this.#clock.input(this.#clock.now() + after, () => {
      this.well = !this.well;
      this.since = this.#clock.now();
      this.#hangs = this.#random.next() < 0.5;
      this.onTruth();
      this.#planChange();
    });
  }

  #planBlindness(): void {
    this.#clock.input(this.#clock.now() + this.#random.waiting(12 * HOUR_MS), () => {
      this.#blindUntil = this.#clock.now() + this.#random.between(5_000, 120_000);
      this.onTruth();
      this.#planBlindness();
    });
  }
}
