/**
 * An application with an HTTP server and a gRPC server, which ends gracefully: `loaded-program.ts SERVER DELAY_MS`. Its
 * Checks are answered by a grpc-js server of its own (`addToServer`), or by `health.listen` with one of the engines. It prints
 * both ports.
 */
import { createServer } from "node:http";
import { argv } from "node:process";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { gracefulShutdown, Health, type ListenOptions } from "../../src/index.js";
import { portOf } from "../support/port-of.js";

const [, , kind = "addToServer", delayMs = "1500"] = argv;
const health = new Health();
const http = createServer((_request, response) => void response.end("application"));
const grpc = new Server();
health.attach(http);
// a call of the application, which ends at once
grpc.register(
  "/acme.Orders/Get",
  (_call: unknown, answer: (error: null, message: Buffer) => void) => answer(null, Buffer.alloc(0)),
  (message: Buffer) => message,
  (bytes: Buffer) => bytes,
  "unary",
);
if (kind === "addToServer") health.addToServer(grpc);
const log = (line: string) => process.stdout.write(`${line}\n`);
gracefulShutdown({ health, servers: [http, grpc], drainDelayMs: Number(delayMs), timeoutMs: 20_000, log });
const appPort = await promisify(grpc.bindAsync.bind(grpc))("127.0.0.1:0", ServerCredentials.createInsecure());
const engine: ListenOptions["engine"] = kind === "native" ? "native" : "grpc-js";
const checkPort = kind === "addToServer" ? appPort : portOf(await health.listen(["127.0.0.1:0"], { engine }));
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  log(`ports ${typeof address === "object" && address !== null ? address.port : 0} ${appPort} ${checkPort}`);
});
