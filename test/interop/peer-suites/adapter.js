/**
 * Health servers that the test suite of another implementation drives over standard input, one at a time.
 *
 *     open MODE [CERTIFICATE KEY] [NAME=STATUS]...      ends the last server, and starts another: `ok PORT`
 *     set NAME STATUS, clear NAME                       `ok`, when clients see it
 *     shutdown, resume                                  a drain, in the words of the peers: `ok`
 *     watchers                                          `ok COUNT`, the open Watch streams
 *     end                                               ends the server: `ok`
 *
 * Modes: an engine of our own listener (`native`, `grpc-js`); `thread`, the same in a worker thread; `application`, a grpc-js
 * server with health added; `without-health`, such a server alone. These two also serve the calls that grpc-go's suite makes
 * to its test service. There, `end` ends the health service, and `stop` or `goaway` the server.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Health } from "../../../dist/index.js";

/** A change is visible to clients of a listener thread within 10 ms; more on a loaded machine. */
const THREAD_DELAY_MS = 100;

let mode = "";
let health = new Health();
let server;

async function open(...args) {
  await end();
  stop();
  mode = args[0];
  health = new Health();
  const [cert, key] = args.slice(1).filter((each) => !each.includes("="));
  for (const [name, status] of args.filter((each) => each.includes("=")).map((each) => each.split("=")))
    health.set(name, status);
  const tls = cert === undefined ? undefined : { cert: readFileSync(cert), key: readFileSync(key) };
  return mode === "application" || mode === "without-health" ? openApplication(tls) : openListener(tls);
}

async function openListener(tls) {
  const { addresses } = await health.listen(["127.0.0.1:0"], {
    tls,
    ...(mode === "thread" ? { thread: true } : { engine: mode }),
  });
  return addresses[0].port;
}

async function openApplication(tls) {
  server = new Server();
  addTestService(server);
  if (mode === "application") health.addToServer(server);
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
  return promisify(server.bindAsync.bind(server))("127.0.0.1:0", credentials);
}

/** The calls of grpc.testing.TestService that grpc-go's suite makes: an empty message answers each message. */
function addTestService(application) {
  const asBytes = (bytes) => bytes;
  const method = (name, streams) => ({
    path: `/grpc.testing.TestService/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: asBytes,
    requestDeserialize: asBytes,
    responseSerialize: asBytes,
    responseDeserialize: asBytes,
  });
  application.addService(
    { EmptyCall: method("EmptyCall", false), FullDuplexCall: method("FullDuplexCall", true) },
    {
      EmptyCall: (_call, answer) => answer(null, Buffer.alloc(0)),
      FullDuplexCall: (call) => {
        call.on("data", () => call.write(Buffer.alloc(0)));
        call.on("end", () => call.end());
      },
    },
  );
}

async function change(name, status) {
  if (status === undefined) health.clear(name);
  else health.set(name, status);
  if (mode === "thread") await sleep(THREAD_DELAY_MS);
}

async function end() {
  await health.shutdown({ drainDelayMs: 0 });
}

function stop() {
  server?.forceShutdown();
  server = undefined;
}

const COMMANDS = {
  open,
  set: change,
  clear: change,
  shutdown: () => health.drain(),
  resume: () => health.resume(),
  watchers: () => health.watcherCount,
  end,
  stop,
  goaway: () => void server?.tryShutdown(() => {}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(" ");
  const result = await COMMANDS[command](...args);
  console.log(result === undefined ? "ok" : `ok ${result}`);
}
process.exit(0);
