// The npm package grpc-health-check as its own control program: `node grpc-health-check.js [overall] PORT`. `a.B` is
// SERVING; with `overall`, so is the server as a whole.
import { createInterface } from "node:readline";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

const health = new HealthImplementation({
  "a.B": "SERVING",
  ...(process.argv[2] === "overall" ? { "": "SERVING" } : {}),
});
const server = new Server();
health.addToServer(server);
server.bindAsync(`127.0.0.1:${process.argv.at(-1)}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
for await (const line of createInterface(process.stdin)) {
  const [verb, service, status] = line.split(" ");
  if (verb === "set") health.setStatus(service, status);
  process.stdout.write(verb === "set" ? "ok\n" : "no it cannot remove a service\n");
}
process.exit();
