/** Blocks the event loop of a program for two seconds at SIGUSR2: `node -r block-at-signal.cjs`. */
const { isMainThread } = require("node:worker_threads");

if (isMainThread)
  process.on("SIGUSR2", () => {
    const end = performance.now() + 2_000;
    while (performance.now() < end);
  });
