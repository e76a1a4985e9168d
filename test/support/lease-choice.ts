/** Stands in for the choice of a notifier where a test has no fleet: by a lease in the store, which a test can give to a member. */
import type { Clock } from "../../src/core/clock.js";
import type { FleetStore } from "../../src/fleet/store/store.js";

export interface LeaseChoiceDeps {
  readonly clock: Clock;
  readonly store: Pick<FleetStore, "hold">;
  readonly run: string;
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly isLeaving: () => boolean;
}

export class LeaseChoice {
  isWilling = false;
  agreedUntil = Number.NEGATIVE_INFINITY;
  readonly #deps: LeaseChoiceDeps;
  #otherUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: LeaseChoiceDeps) {
    this.#deps = deps;
    this.#beat();
  }

  get isAgreed(): boolean {
    return this.#deps.clock.now() < this.agreedUntil;
  }

  get isOther(): boolean {
    return this.#deps.clock.now() < this.#otherUntil;
  }

  #beat(): void {
    const { clock, store, run, beatMs, leaseMs, isLeaving } = this.#deps;
    const startedAt = clock.now();
    const take = (holder: string) => {
      this.agreedUntil = holder === run ? startedAt + leaseMs : Number.NEGATIVE_INFINITY;
      this.#otherUntil = holder === run ? Number.NEGATIVE_INFINITY : startedAt + leaseMs;
    };
    if (!isLeaving()) void store.hold("notifier", run, leaseMs).then(take, () => {});
    clock.setTimer(beatMs, () => this.#beat());
  }
}
