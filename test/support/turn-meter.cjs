/**
 * Measures the turns of an event loop: `node -r turn-meter.cjs`. A first SIGUSR2 starts it, a second one writes the CPU
 * milliseconds of the longest turn as a line `TURN 12.3` to stderr.
 *
 * The kernel counts the CPU time of the main thread. The wall time of a turn would include the time in which a busy machine
 * runs other processes.
 */
const { openSync, readSync, writeSync } = require("node:fs");
const { isMainThread } = require("node:worker_threads");

if (isMainThread) {
  const file = openSync("/proc/thread-self/schedstat", "r");
  const buffer = Buffer.alloc(100);
  const cpuMs = () => Number(buffer.toString("latin1", 0, readSync(file, buffer, 0, 100, 0)).split(" ")[0]) / 1e6;
  let isOn = false;
  let last = 0;
  let longest = 0;
  const measure = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (isOn) setImmediate(measure);
  };
  process.on("SIGUSR2", () => {
    isOn = !isOn;
    if (!isOn) return void writeSync(2, `TURN ${longest.toFixed(1)}\n`);
    [last, longest] = [cpuMs(), 0];
    setImmediate(measure);
  });
}
