/**
 * The staleness rule: a result older than `staleAfter` is ignored, and its check is `pending` again.
 *
 * In May 2020, Slack's load balancers used a stale list for eight hours unnoticed. An old SERVING is never served as if
 * it were fresh: a timer drops stale results. After the event loop was blocked, requests are often read before any timer
 * fires, so each read of a status drops stale results first (`dropStale`).
 *
 * A new result only moves a number. The timer of a check stays where it is; when it fires too early, it is set again. It
 * is moved only to an earlier time: a reload may shorten `staleAfter`.
 */
import type { Clock } from "../core/clock.js";
import { type Timer, TimerQueue } from "../core/timer-queue.js";

/** The age of the last result of one check. */
export interface Age {
  /** Call it for each new result, and for another `staleAfter`: the last result counts until `staleAt`, in monotonic time. */
  renew(staleAt: number): void;
  /** Call it when the check is removed. */
  end(): void;
}

export class Freshness {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
  }

  /** Tracks a check; `onStale` is called when its last result has become stale. */
  track(onStale: () => void): Age {
    let staleAt = Number.POSITIVE_INFINITY;
    let firesAt = Number.POSITIVE_INFINITY;
    const set = (at: number) => {
      firesAt = at;
      timer.at(at);
    };
    const timer: Timer = this.#timers.create(() => {
      firesAt = Number.POSITIVE_INFINITY;
      if (staleAt > this.#clock.now()) set(staleAt);
      else onStale();
    });
    return {
      renew(until) {
        staleAt = until;
        if (until < firesAt) set(until);
      },
      end: () => timer.cancel(),
    };
  }

  /** Drops every result that is stale now. Cheap when there is none. */
  dropStale(): void {
    this.#timers.runDue();
  }
}
