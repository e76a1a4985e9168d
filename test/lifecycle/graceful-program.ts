/**
 * An application that ends gracefully: `graceful-program.ts [signal|by-itself] [hung] [twice]`. It prints the port of its
 * HTTP server, and everything that the shutdown logs. With `twice`, a part of it has a shutdown of its own, which takes
 * longer.
 */
import { createServer } from "node:http";
import { argv } from "node:process";
import { gracefulShutdown, Health } from "../../src/index.js";
import { pause } from "../support/eventually.js";

const end = argv.includes("by-itself") ? "by-itself" : "signal";
const health = new Health();
const server = createServer((request, response) => {
  if (request.url === "/slow") setTimeout(() => response.end("slow"), 300);
  else response.end("application");
});
health.attach(server);
const log = (line: string) => process.stdout.write(`${line}\n`);
const pool = setInterval(() => {}, 1_000);
gracefulShutdown({
  health,
  servers: [server],
  hooks: [
    function closePool() {
      clearInterval(pool);
    },
    function flush() {
      throw new Error("disk full");
    },
    ...(argv.includes("hung") ? [() => new Promise(() => {})] : []),
    function last() {},
  ],
  drainDelayMs: 200,
  timeoutMs: argv.includes("hung") ? 1_000 : 5_000,
  end: argv.includes("twice") ? "signal" : end,
  log,
});
if (argv.includes("twice"))
  gracefulShutdown({
    health: new Health(),
    hooks: [
      async function later() {
        await pause(1_500);
      },
    ],
    drainDelayMs: 200,
    end,
    log,
  });
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === "object" && address !== null ? address.port : 0}\n`);
});
