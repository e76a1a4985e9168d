/**
 * Measures the end of a process: `node -r end-meter.cjs`. From SIGUSR2 on it counts the milliseconds for which the process
 * runs, and writes them at the exit as a line `ENDED 12.3` to stderr.
 *
 * A gap of more than 20 ms between two ticks counts as 20 ms: a busy machine ran other processes.
 */
const { writeSync } = require("node:fs");
const { isMainThread } = require("node:worker_threads");

if (isMainThread) {
  let last;
  let elapsed = 0;
  const tick = () => {
    const now = performance.now();
    elapsed += Math.min(now - last, 20);
    last = now;
  };
  process.on("SIGUSR2", () => {
    last = performance.now();
    setInterval(tick, 5).unref();
  });
  process.on("exit", () => {
    if (last === undefined) return;
    tick();
    writeSync(2, `ENDED ${elapsed.toFixed(1)}\n`);
  });
}
