/**
 * Time as the page sees it. Tests give another clock.
 */

export interface PageClock {
  /**
   * Wall time in milliseconds since 1970. Also intervals are measured by it: the monotonic clock of a browser may stand
   * still while its machine sleeps.
   */
  wallTime(): number;
  /** Calls `action` once. Returns a function that cancels it, which may be called twice. */
  setTimer(delayMs: number, action: () => void): () => void;
}

/** The clock of the browser. */
export const browserClock: PageClock = {
  wallTime: () => Date.now(),
  setTimer(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
