/**
 * An application that ends gracefully: `graceful-program.ts [signal|by-itself] [hung]`. It prints the port of its HTTP
 * server, and everything that the shutdown logs.
 */
import { createServer } from "node:http";
import { argv } from "node:process";
import { gracefulShutdown, Health } from "../../src/index.js";

const end = argv.includes("by-itself") ? "by-itself" : "signal";
const health = new Health();
const server = createServer((request, response) => {
  if (request.url === "/slow") setTimeout(() => response.end("slow"), 300);
  else response.end("application");
});
health.attach(server);
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
  end,
  log: (line) => process.stdout.write(`${line}\n`),
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === "object" && address !== null ? address.port : 0}\n`);
});
