/**
 * Time as the page sees it. Tests give another clock.
 */

/** Cancels a timer. It does nothing when it was called before, or after the timer has fired. */
export type CancelTimer = () => void;

export interface PageClock {
  /**
   * Wall time in milliseconds since 1970. Also intervals are measured by it: the monotonic clock of a browser may stand
   * still while its machine sleeps.
   */
  wallTime(): number;
  setTimer(delayMs: number, action: () => void): CancelTimer;
}

/** The clock of the browser. */
export const browserClock: PageClock = {
  wallTime: () => Date.now(),
  setTimer(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
