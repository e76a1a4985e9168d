/**
 * The staleness rule: a result older than `staleAfter` is ignored, and its check is `pending` again.
 *
 * In May 2020, Slack's load balancers used a stale list for eight hours unnoticed. An old SERVING is never served as if
 * it were fresh: a timer drops stale results. After the event loop was blocked, requests are often read before any timer
 * fires, so each read of a status drops stale results first (`dropStale`).
 *
 * A new result only moves a number. The timer of a check stays where it is; when it fires too early, it is set again. It
 * is moved only to an earlier time: a reload may shorten `staleAfter`.
 *
 * Each age has an owner, so that another thread can apply the same rule while this one is blocked.
 */
import type { Clock } from "../core/clock.js";
import { type Timer, TimerQueue } from "../core/timer-queue.js";

/** What becomes stale: the state of a check, or the services that its target reports. */
export interface AgeOwner {
  readonly check: string;
  readonly of: "state" | "reported";
}

/** The age of the last result of one check. */
export interface Age {
  /** Call it for each new result, and for another `staleAfter`: the last result counts until `staleAt`, in monotonic time. */
  renew(staleAt: number): void;
  /** Call it when the check is removed. */
  end(): void;
}

/** Gets an age that is renewed, with the monotonic time until which its last result counts, or one that has ended. */
export type AgeObserver = (owner: AgeOwner, staleAt: number | undefined) => void;

/** A class, and no functions over variables: there are two for each of many checks of a fleet. */
class TrackedAge implements Age {
  readonly owner: AgeOwner;
  /** Of two ages with the same owner, the one with the higher order is the newer. */
  readonly order: number;
  readonly onStale: () => void;
  /** Until when its result counts. */
  staleAt = Number.POSITIVE_INFINITY;
  /** It is the newest of its owner. */
  isNewest = false;
  readonly timer: Timer;
  firesAt = Number.POSITIVE_INFINITY;
  readonly #freshness: Freshness;

  constructor(owner: AgeOwner, order: number, onStale: () => void, freshness: Freshness, timers: TimerQueue) {
    this.owner = owner;
    this.order = order;
    this.onStale = onStale;
    this.#freshness = freshness;
    this.timer = timers.create(() => freshness.fire(this));
  }

  renew(staleAt: number): void {
    this.#freshness.renew(this, staleAt);
  }

  end(): void {
    this.#freshness.end(this);
  }
}

export class Freshness {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  /** The newest age of each owner that has been renewed. A check is replaced by a new one before the old one ends. */
  readonly #newest = { state: new Map<string, TrackedAge>(), reported: new Map<string, TrackedAge>() } as const;
  readonly #observers = new Set<AgeObserver>();
  #order = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
  }

  /** Calls `observer` with every age now, and then with each change. Returns an unsubscribe function. */
  observe(observer: AgeObserver): () => void {
    for (const ages of [this.#newest.state, this.#newest.reported])
      for (const { owner, staleAt } of ages.values()) observer(owner, staleAt);
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** Tracks an age; `onStale` is called when its last result has become stale. */
  track(owner: AgeOwner, onStale: () => void): Age {
    this.#order += 1;
    return new TrackedAge(owner, this.#order, onStale, this, this.#timers);
  }

  /** @internal for the timer of an age */
  fire(age: TrackedAge): void {
    age.firesAt = Number.POSITIVE_INFINITY;
    if (age.staleAt > this.#clock.now()) setTimer(age, age.staleAt);
    else age.onStale();
  }

  /** @internal see `Age` */
  renew(age: TrackedAge, staleAt: number): void {
    age.staleAt = staleAt;
    if (staleAt < age.firesAt) setTimer(age, staleAt);
    if (!age.isNewest && !this.#becomesNewest(age)) return;
    for (const observer of this.#observers) observer(age.owner, staleAt);
  }

  /** @internal see `Age` */
  end(age: TrackedAge): void {
    age.timer.cancel();
    if (!age.isNewest) return;
    age.isNewest = false;
    const { check, of } = age.owner;
    this.#newest[of].delete(check);
    for (const observer of this.#observers) observer(age.owner, undefined);
  }

  /** Drops every result that is stale now. Cheap when there is none. */
  dropStale(): void {
    this.#timers.runDue();
  }

  /** Whether it is now the newest of its owner. */
  #becomesNewest(age: TrackedAge): boolean {
    const { check, of } = age.owner;
    const newest = this.#newest[of].get(check);
    if (newest !== undefined && newest.order > age.order) return false;
    if (newest !== undefined) newest.isNewest = false;
    this.#newest[of].set(check, age);
    age.isNewest = true;
    return true;
  }
}

function setTimer(age: TrackedAge, at: number): void {
  age.firesAt = at;
  age.timer.at(at);
}

/** An owner as text. */
export function ageKey({ check, of }: AgeOwner): string {
  return `${of} ${check}`;
}
