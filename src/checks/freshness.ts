/**
 * The staleness rule: a result older than `staleAfter` counts no more, and its check is `pending` again.
 *
 * Slack's load balancers worked from a stale list for eight hours in May 2020, and nobody saw it. So an old SERVING is
 * never served as if it were fresh: a timer drops what is too old, and since a loop that stood still reads questions
 * before it runs its timers, whoever reads statuses drops it first (`dropStale`).
 *
 * A result only moves a number. The timers holds for each check a time that is not too late, and looks again then.
 */

import type { Clock } from "../core/clock.js";
import { type Timer, TimerQueue } from "../core/timer-queue.js";

/** The age of what one check knows. */
export interface Age {
  /** There is a new result: it counts until `staleAt`, in monotonic time. */
  renew(staleAt: number): void;
  /** The check is gone. */
  end(): void;
}

export class Freshness {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
  }

  /** Follows a check; `drop` is called when its last result has become too old. */
  follow(drop: () => void): Age {
    let staleAt = Number.POSITIVE_INFINITY;
    let booked = false;
    const timer: Timer = this.#timers.create(() => {
      booked = staleAt > this.#clock.now();
      if (booked) timer.at(staleAt);
      else drop();
    });
    return {
      renew(until) {
        staleAt = until;
        if (booked) return;
        booked = true;
        timer.at(staleAt);
      },
      end: () => timer.cancel(),
    };
  }

  /** Drops everything that is too old now. Costs next to nothing when nothing is. */
  dropStale(): void {
    this.#timers.runDue();
  }
}
