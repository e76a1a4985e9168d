/**
 * The staleness rule: a result older than `staleAfter` is ignored, and its check is `pending` again.
 *
 * In May 2020, Slack's load balancers used a stale list for eight hours unnoticed. An old SERVING is never served as if
 * it were fresh: a timer drops stale results. After the event loop was blocked, requests are often read before any timer
 * fires, so each read of a status drops stale results first (`dropStale`).
 *
 * A later end only moves a number. The timer of a check stays where it is; when it fires too early, it is set again. An
 * earlier end, after a reload that shortens `staleAfter`, sets the timer at once.
 */
import type { Clock } from "../core/clock.js";
import { type Timer, TimerQueue } from "../core/timer-queue.js";

/** The age of the last result of one check. */
export interface Age {
  /** The last result counts until `staleAt`, in monotonic time. Call it for each new result, and for another setting. */
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
    let setFor = Number.POSITIVE_INFINITY;
    const timer: Timer = this.#timers.create(() => {
      const isEarly = staleAt > this.#clock.now();
      setFor = isEarly ? staleAt : Number.POSITIVE_INFINITY;
      if (isEarly) timer.at(staleAt);
      else onStale();
    });
    return {
      renew(until) {
        staleAt = until;
        if (until >= setFor) return;
        setFor = until;
        timer.at(until);
      },
      end: () => timer.cancel(),
    };
  }

  /** Drops every result that is stale now. Cheap when there is none. */
  dropStale(): void {
    this.#timers.runDue();
  }
}
