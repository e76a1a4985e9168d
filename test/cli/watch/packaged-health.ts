/** A server of grpc-health-check: a health service without details. */
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

type Statuses = ConstructorParameters<typeof HealthImplementation>[0];

/** Serves until the end of the test. */
export async function servePackaged(t: TestContext, statuses: Statuses) {
  const health = new HealthImplementation(statuses);
  const server = new grpc.Server();
  health.addToServer(server);
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", grpc.ServerCredentials.createInsecure());
  t.after(() => server.forceShutdown());
  return { health, address: `127.0.0.1:${port}` };
}
