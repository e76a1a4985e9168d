/**
 * Upper limits of time that hold on a machine with other work.
 *
 * The wall clock also counts the time for which the test process itself did not run. These two do not.
 */

/** A timer of the stopwatch, in milliseconds. */
const TICK_MS = 5;

/** A longer gap between two ticks counts as this: the process did not run, or a test blocked it. */
const MAX_GAP_MS = 4 * TICK_MS;

/** Starts to measure a wait. Returns a function that stops and returns the milliseconds. */
export function startStopwatch(): () => number {
  let elapsedMs = 0;
  let lastAt = performance.now();
  const tick = () => {
    const now = performance.now();
    elapsedMs += Math.min(now - lastAt, MAX_GAP_MS);
    lastAt = now;
  };
  const timer = setInterval(tick, TICK_MS);
  return () => {
    clearInterval(timer);
    tick();
    return elapsedMs;
  };
}

/** Starts to measure the CPU time of this process, all threads. Returns a function that returns the milliseconds. */
export function startCpuTime(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
}
