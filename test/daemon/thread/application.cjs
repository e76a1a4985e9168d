/**
 * An application with a server in a thread: CommonJS, of the built package. It does what its parent says, and reports its port.
 * Started with `as-thread`, the whole application runs in a thread of the process.
 */
const { spawnSync } = require("node:child_process");
const { subscribe } = require("node:diagnostics_channel");
const { setFlagsFromString } = require("node:v8");
const { runInNewContext } = require("node:vm");
const { isMainThread, parentPort, Worker } = require("node:worker_threads");
const { Health } = require("../../../dist/index.js");

/** Blocks the event loop. */
function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Each way to block the event loop. */
const BLOCKS = {
  "a calculation": block,
  "microtasks without an end": (ms) => {
    const end = performance.now() + ms;
    const next = () => performance.now() < end && Promise.resolve().then(next);
    next();
  },
  "ticks without an end": (ms) => {
    const end = performance.now() + ms;
    const next = () => performance.now() < end && process.nextTick(next);
    next();
  },
  "a synchronous child process": (ms) => spawnSync(process.execPath, ["-e", `setTimeout(() => {}, ${ms})`]),
  "Atomics.wait": (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  "garbage collections of a large heap": (ms) => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc");
    const heap = Array.from({ length: 200_000 }, (_, index) => ({ index }));
    for (const end = performance.now() + ms; performance.now() < end && heap.length > 0; ) gc();
  },
  "a regular expression": (ms) => {
    for (const end = performance.now() + ms; performance.now() < end; ) /^(a+)+$/.test(`${"a".repeat(22)}b`);
  },
};

async function run(options, { send, receive, disconnect }) {
  const health = new Health({ metrics: true });
  health.set("a", "SERVING");
  health.check("function", () => true, { interval: "1h" });
  const server = await health.listen(["127.0.0.1:0"], { thread: true, ...options });
  const stalls = [];
  subscribe("healthbridge:main-thread-stalled", ({ silenceMs, isOver }) => stalls.push({ silenceMs, isOver }));
  const actions = {
    block,
    "block-by": ([kind, ms]) => {
      setImmediate(() => send({ isFree: true }));
      BLOCKS[kind](ms);
    },
    "block-and": ([ending, ms]) => {
      block(ms);
      actions[ending]();
    },
    stalls: () => send({ stalls }),
    // beyond `--max-old-space-size`
    "run-out-of-memory": () => {
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill(kept.length));
    },
    set: (status) => health.set("a", status),
    "set-and-block": ([status, ms]) => {
      health.set("a", status);
      block(ms);
    },
    heartbeat: () => health.heartbeat("job", { ttl: "1m", token: "secret" }),
    status: (service) => send({ status: health.status(service) }),
    abort: () => process.abort(),
    throw: () => {
      throw new Error("an uncaught error, thrown by this test");
    },
    reject: () => void Promise.reject(new Error("an unhandled rejection of this test")),
    exit: () => process.exit(3),
    "exit-slowly": (ms) => {
      process.on("exit", () => block(ms));
      process.exit(3);
    },
    "on-sigterm": () =>
      process.on("SIGTERM", () => void health.shutdown({ drainDelayMs: 100, closeTimeoutMs: 500 }).then(disconnect)),
    shutdown: () => void health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 500 }).then(disconnect),
    finish: disconnect,
  };
  receive(([action, value]) => actions[action](value));
  send({ port: server.addresses[0].port });
}

if (process.argv[2] === "as-thread" && isMainThread) {
  const worker = new Worker(__filename, { argv: process.argv.slice(2) });
  worker.on("message", (message) => process.send(message));
  worker.on("error", () => {});
  // the process goes on without its application
  process.on("message", (message) => (message[0] === "terminate" ? worker.terminate() : worker.postMessage(message)));
} else if (isMainThread) {
  const [, , options = "{}"] = process.argv;
  run(JSON.parse(options), {
    send: (message) => process.send(message),
    receive: (listener) => process.on("message", listener),
    disconnect: () => process.disconnect(),
  });
} else {
  const [, , , options = "{}"] = process.argv;
  run(JSON.parse(options), {
    send: (message) => parentPort.postMessage(message),
    receive: (listener) => parentPort.on("message", listener),
    disconnect: () => parentPort.close(),
  });
}
