/**
 * grpc-js with grpc-health-check: `node server.js PORT`. `a.B` is SERVING; SIGUSR2 toggles it.
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

let status = "SERVING";
const health = new HealthImplementation({ "a.B": status });
const server = new Server();
health.addToServer(server);
process.on("SIGUSR2", () => {
  status = status === "SERVING" ? "NOT_SERVING" : "SERVING";
  health.setStatus("a.B", status);
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
