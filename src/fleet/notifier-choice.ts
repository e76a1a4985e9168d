/**
 * Which member tells the outside of changes: the one that all of them name in their beats. Beats are signed, so a program that
 * can write to the store cannot name a member that does not exist.
 *
 *     a names a, b names a, c names a --> a sends
 *     a is silent for a lease         --> b names b, c names b --> b sends         by then a has stopped by itself
 *     a and b name themselves         --> the one with the smaller run stays, none of them sends until all agree
 *
 * A member keeps to the one that names itself, as long as that one lives: a member that joins changes nothing. A member that
 * leaves, drains or has no webhooks names none, and is not asked.
 */
import type { Clock } from "../core/clock.js";
import type { HeardMember } from "./members/members.js";
import type { Run } from "./store/store.js";

export interface NotifierChoiceDeps {
  readonly clock: Clock;
  readonly run: Run;
  readonly beatMs: number;
  readonly leaseMs: number;
}

/** A word that is older does not make a new notifier. */
const FRESH_BEATS = 2;

export class NotifierChoice {
  readonly #deps: NotifierChoiceDeps;
  /** Whether this member would send. */
  isWilling = false;
  /** The run that this member names in its beats. */
  choice: Run | undefined;
  /** Monotonic time until which all have agreed on this member. */
  agreedUntil = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(deps: NotifierChoiceDeps) {
    this.#deps = deps;
  }

  /** All have agreed on this member, and it has heard so lately: the others do not name another one before that is over. */
  get isAgreed(): boolean {
    return this.isWilling && this.#deps.clock.now() < this.agreedUntil;
  }

  /** Another member sends, by what was heard within a lease. */
  get isOther(): boolean {
    const { clock, run, leaseMs } = this.#deps;
    return this.choice !== undefined && this.choice !== run && clock.now() < this.#heardAt + leaseMs;
  }

  /**
   * A round has succeeded.
   * @param startedAt monotonic time before it
   * @param alive the others
   * @param isCatchingUp this member does not know yet who lives
   */
  hear(startedAt: number, alive: readonly HeardMember[], isCatchingUp: boolean): void {
    const { run: self, beatMs } = this.#deps;
    const others = alive.filter(({ notifier }) => notifier !== undefined);
    const wasDeaf = startedAt >= this.#heardAt + this.#validMs;
    this.#heardAt = startedAt;
    if (wasDeaf || isCatchingUp || !this.isWilling) this.#withdraw();
    if (isCatchingUp || !this.isWilling) return;
    const wasAgreed = startedAt < this.agreedUntil;
    const claims = others.flatMap(({ run, notifier }) => (notifier === run ? [run] : []));
    if (this.choice === self) claims.push(self);
    this.choice = first(claims) ?? first([self, ...others.map(({ run }) => run)]);
    const isNamed = ({ notifier, silenceMs }: HeardMember) =>
      notifier === self && (wasAgreed || silenceMs <= FRESH_BEATS * beatMs);
    const isAgreed = this.choice === self && others.every(isNamed);
    this.agreedUntil = isAgreed ? startedAt + this.#validMs : Number.NEGATIVE_INFINITY;
  }

  #withdraw(): void {
    this.choice = undefined;
    this.agreedUntil = Number.NEGATIVE_INFINITY;
  }

  /** The others take this member for dead half a beat before a lease is over. */
  get #validMs(): number {
    return this.#deps.leaseMs - this.#deps.beatMs;
  }
}

function first(runs: readonly Run[]): Run | undefined {
  return [...runs].sort()[0];
}
