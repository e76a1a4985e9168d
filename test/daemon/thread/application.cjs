/**
 * An application with a server in a thread: CommonJS, of the built package. It does what its parent says, and reports its port.
 * Started with `as-thread`, the whole application runs in a thread of the process.
 */
const { isMainThread, parentPort, Worker } = require("node:worker_threads");
const { Health } = require("../../../dist/index.js");

/** Blocks the event loop. */
function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function run(options, { send, receive, disconnect }) {
  const health = new Health({ metrics: true });
  health.set("a", "SERVING");
  health.check("function", () => true, { interval: "1h" });
  const server = await health.listen(["127.0.0.1:0"], { thread: true, ...options });
  const actions = {
    block,
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
