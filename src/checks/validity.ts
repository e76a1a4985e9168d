/**
 * Until when the state of one check counts: a result until it is stale, an assumption until its end, and a state that others
 * have decided until they say.
 */
import type { Clock } from "../core/clock.js";
import type { CheckState } from "../registry/ports.js";
import { type Assumption, endOf } from "./assumption.js";
import type { Age } from "./freshness.js";
import type { RunnerOptions } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";

export class Validity {
  readonly #clock: Clock;
  readonly #age: Age;
  #settings: CompleteSettings;
  /** What the check shows until its first result. */
  #assumption: Assumption | undefined;
  /** Monotonic time of the last result that counted; `undefined` while there is none that counts. */
  #countedAt: number | undefined;
  #until = Number.NEGATIVE_INFINITY;
  #isInherited = false;

  /** @param onEnd of the check `name`: the state no longer counts; the reason is `stale` for a result, else `pending` */
  constructor(
    { name, settings, deps }: Pick<RunnerOptions, "name" | "settings" | "deps">,
    onEnd: (reason: "stale" | "pending") => void,
  ) {
    this.#settings = settings;
    this.#clock = deps.clock;
    this.#age = deps.freshness.track({ check: name, of: "state" }, () => {
      const reason = this.#assumption === undefined ? "stale" : "pending";
      this.#forget();
      onEnd(reason);
    });
  }

  get assumption(): Assumption | undefined {
    return this.#assumption;
  }

  /** Monotonic time until which the state counts: in the past while there is none that counts. */
  get until(): number {
    return this.#until;
  }

  /** There is a state that counts now. */
  get isCurrent(): boolean {
    return this.#until > this.#clock.now();
  }

  /** The state was decided by others, and no result has decided since. */
  get isInherited(): boolean {
    return this.#isInherited;
  }

  /** Sets what the check shows until its first result. */
  assume(assumption: Assumption | undefined): void {
    this.#assumption = assumption;
    this.change(this.#settings);
  }

  /** A result counts. It ends an assumption. */
  count(now: number): void {
    this.#assumption = undefined;
    this.#isInherited = false;
    this.#countedAt = now;
    this.#renew(now + this.#settings.staleAfterMs);
  }

  /** A state that others have decided counts until `until`. */
  inherit(until: number): void {
    this.count(until - this.#settings.staleAfterMs);
    this.#isInherited = true;
  }

  /** No state counts. */
  reset(): void {
    this.#forget();
    this.#age.renew(Number.POSITIVE_INFINITY);
  }

  /** Other settings: `staleAfter` may be shorter or longer. */
  change(settings: CompleteSettings): void {
    this.#settings = settings;
    if (this.#countedAt !== undefined) this.#renew(this.#countedAt + settings.staleAfterMs);
    else if (this.#assumption !== undefined) this.#renew(endOf(this.#assumption, settings));
  }

  /** The state that a check with another target takes over; `undefined` while pending. */
  lastState(state: CheckState): Assumption | undefined {
    if (this.#assumption !== undefined) return this.#assumption;
    if (state === "pending" || this.#countedAt === undefined) return undefined;
    return { state, reason: "changed", since: this.#countedAt, until: Number.POSITIVE_INFINITY };
  }

  /** The check is removed. */
  end(): void {
    this.#age.end();
  }

  #renew(until: number): void {
    this.#until = until;
    this.#age.renew(until);
  }

  #forget(): void {
    this.#assumption = undefined;
    this.#countedAt = undefined;
    this.#isInherited = false;
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
