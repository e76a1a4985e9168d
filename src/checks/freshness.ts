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

/** An age, and until when its result counts. Of two with the same owner, the one with the higher order is the newer. */
interface Tracked {
  readonly owner: AgeOwner;
  readonly order: number;
  staleAt: number;
  /** It is the newest of its owner. */
  isNewest: boolean;
}

export class Freshness {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  /** The newest age of each owner that has been renewed. A check is replaced by a new one before the old one ends. */
  readonly #newest = { state: new Map<string, Tracked>(), reported: new Map<string, Tracked>() } as const;
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
    const tracked: Tracked = { owner, order: this.#order, staleAt: Number.POSITIVE_INFINITY, isNewest: false };
    let firesAt = Number.POSITIVE_INFINITY;
    const set = (at: number) => {
      firesAt = at;
      timer.at(at);
    };
    const timer: Timer = this.#timers.create(() => {
      firesAt = Number.POSITIVE_INFINITY;
      if (tracked.staleAt > this.#clock.now()) set(tracked.staleAt);
      else onStale();
    });
    return {
      renew: (until) => {
        tracked.staleAt = until;
        if (until < firesAt) set(until);
        this.#renewed(tracked);
      },
      end: () => {
        timer.cancel();
        this.#ended(tracked);
      },
    };
  }

  /** Drops every result that is stale now. Cheap when there is none. */
  dropStale(): void {
    this.#timers.runDue();
  }

  #renewed(tracked: Tracked): void {
    if (!tracked.isNewest && !this.#becomesNewest(tracked)) return;
    for (const observer of this.#observers) observer(tracked.owner, tracked.staleAt);
  }

  /** Whether it is now the newest of its owner. */
  #becomesNewest(tracked: Tracked): boolean {
    const { check, of } = tracked.owner;
    const newest = this.#newest[of].get(check);
    if (newest !== undefined && newest.order > tracked.order) return false;
    if (newest !== undefined) newest.isNewest = false;
    this.#newest[of].set(check, tracked);
    tracked.isNewest = true;
    return true;
  }

  #ended(tracked: Tracked): void {
    if (!tracked.isNewest) return;
    tracked.isNewest = false;
    const { check, of } = tracked.owner;
    this.#newest[of].delete(check);
    for (const observer of this.#observers) observer(tracked.owner, undefined);
  }
}

/** An owner as text. */
export function ageKey({ check, of }: AgeOwner): string {
  return `${of} ${check}`;
}
