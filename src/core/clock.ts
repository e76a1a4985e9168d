/**
 * Time, handed in.
 *
 * Every rule that waits or measures takes a `Clock`, so that a test can run a day in microseconds and a jump of the
 * wall clock changes nothing: intervals, deadlines and ages are all counted on the monotonic reading.
 */

import { MAX_TIMER_MS } from "./option.js";

/** Cancels a timer. Calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** A source of time. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin. */
  now(): number;
  /** Milliseconds since 1970 by the wall clock: to be shown to people, never to be reckoned with. */
  wallTime(): number;
  /**
   * Calls `action` once, `delayMs` from now. The timer doesn't keep the process alive: whoever serves holds a socket.
   * Delays beyond 2^31 - 1 ms are cut to that (Node would fire them at once).
   */
  setTimer(delayMs: number, action: () => void): CancelTimer;
}

/**
 * The clock of this machine.
 *
 * Node runs the timers that are due before it reads what has come meanwhile. After a stall of the event loop, a deadline
 * would so strike down an answer that had been there in time: every timer of ours lets what waits be read first.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(delayMs, action) {
    let afterInput: NodeJS.Immediate | undefined;
    const timer = setTimeout(
      () => {
        afterInput = setImmediate(action);
      },
      Math.min(delayMs, MAX_TIMER_MS),
    );
    timer.unref();
    return () => {
      clearTimeout(timer);
      clearImmediate(afterInput);
    };
  },
};

/** A source of randomness: a number of [0, 1). */
export type Random = () => number;
