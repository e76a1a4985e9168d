/**
 * Makes each turn of the event loop take TURN_MS (default 400), from one SIGUSR2 to the next, as in a process that has much
 * to do: `node -r slow-turns.cjs`. It sleeps, and uses no processor.
 */
const { isMainThread } = require("node:worker_threads");

const turnMs = Number(process.env.TURN_MS ?? 400);
const cell = new Int32Array(new SharedArrayBuffer(4));
let isSlow = false;

function turn() {
  Atomics.wait(cell, 0, 0, turnMs);
  if (isSlow) setImmediate(turn);
}

if (isMainThread)
  process.on("SIGUSR2", () => {
    isSlow = !isSlow;
    if (isSlow) turn();
  });
