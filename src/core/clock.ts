/**
 * Time as a dependency.
 *
 * Every rule that waits or measures takes a `Clock`. So a test can run a day in microseconds. Intervals, deadlines and
 * ages use the monotonic time, so a change of the wall clock has no effect on them.
 */
import { MAX_TIMER_MS } from "./option.js";

/** Cancels a timer. It does nothing when it was called before, or after the timer has fired. */
export type CancelTimer = () => void;

/** A source of time. */
export interface Clock {
  /** Monotonic time in milliseconds, from an arbitrary origin. */
  now(): number;
  /** Wall time in milliseconds since 1970: for people and log lines, not for arithmetic. */
  wallTime(): number;
  /**
   * Calls `action` once, after `delayMs`. The timer does not keep the process alive (see `keepAlive`). Delays above
   * 2^31 - 1 ms are cut to that value; Node would fire their timers at once.
   */
  setTimer(delayMs: number, action: () => void): CancelTimer;
}

/**
 * The clock of this machine.
 *
 * After the event loop was blocked, Node runs the due timers before it reads the input that has arrived meanwhile. A
 * deadline would then reject an answer that arrived in time. So each timer lets pending input be read first.
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

/** Resolves with the work, or after a time. The work must not reject. */
export async function settledWithin(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<void> {
  let cancel: CancelTimer = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.setTimer(limitMs, resolve);
  });
  await Promise.race([work, limit]);
  cancel();
}

/** A source of randomness: returns a number of [0, 1). */
export type Random = () => number;
