/** Blocks the event loop of a program at SIGUSR2, for BLOCK_MS (default two seconds): `node -r block-at-signal.cjs`. */
const { isMainThread } = require("node:worker_threads");

if (isMainThread)
  process.on("SIGUSR2", () => {
    const end = performance.now() + Number(process.env.BLOCK_MS ?? 2_000);
    while (performance.now() < end);
  });
