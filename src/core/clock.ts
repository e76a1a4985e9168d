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

/** Number of steps of a timer in steps. */
const STEPS = 10;

/** It ends after so many times its delay, however few steps are over: else a process that is always late would never see its end. */
const MAX_TIMES = 4;

/**
 * Calls `action` after `delayMs` of the time of this process. It is set in steps: a delay of the event loop, or a time in which
 * the process was stopped, counts as one step at most. So what needs several turns of the event loop has at least ten of them,
 * as long as they take less than four times `delayMs`.
 */
export function setTimerInSteps(clock: Clock, delayMs: number, action: () => void): CancelTimer {
  const latestAt = clock.now() + MAX_TIMES * delayMs;
  let cancel: CancelTimer = () => {};
  const wait = (steps: number) => {
    const isLast = steps === 1 || clock.now() >= latestAt;
    cancel = clock.setTimer(delayMs / STEPS, isLast ? action : () => wait(steps - 1));
  };
  wait(STEPS);
  return () => cancel();
}

/** Settles with the work, or resolves after a time without it. */
export async function settledWithin(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<void> {
  let cancel: CancelTimer = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.setTimer(limitMs, resolve);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}

/** A source of randomness: returns a number of [0, 1). */
export type Random = () => number;
