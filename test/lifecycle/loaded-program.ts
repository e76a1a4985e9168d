/** An application with an HTTP server and a grpc-js server, which ends gracefully. It prints both ports. */
import { createServer } from "node:http";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { gracefulShutdown, Health } from "../../src/index.js";

const health = new Health();
const http = createServer((_request, response) => void response.end("application"));
const grpc = new Server();
health.attach(http);
health.addToServer(grpc);
const log = (line: string) => process.stdout.write(`${line}\n`);
gracefulShutdown({ health, servers: [http, grpc], drainDelayMs: 1_500, timeoutMs: 10_000, log });
const grpcPort = await promisify(grpc.bindAsync.bind(grpc))("127.0.0.1:0", ServerCredentials.createInsecure());
http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  log(`ports ${typeof address === "object" && address !== null ? address.port : 0} ${grpcPort}`);
});
