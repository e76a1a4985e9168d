/** A health server of our own listener, or of an application, with a client that asks it. */
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { EngineName } from "../../src/core/engine-name.js";
import { Health, type HealthOptions } from "../../src/index.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";

export interface Served {
  readonly health: Health;
  readonly peer: GrpcPeer;
}

export async function served(t: TestContext, engine: EngineName, options: HealthOptions = {}): Promise<Served> {
  const health = new Health(options);
  const peer = new GrpcPeer(portOf(await health.listen(["127.0.0.1:0"], { engine })));
  t.after(async () => {
    peer.close();
    await health.shutdown({ drainDelayMs: 0 });
  });
  return { health, peer };
}

/** A grpc-js server of an application, with health or without. It stays open when health is shut down. */
export async function application(t: TestContext, hasHealth: boolean): Promise<Served> {
  const health = new Health();
  const server = new Server();
  if (hasHealth) health.addToServer(server);
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", ServerCredentials.createInsecure());
  const peer = new GrpcPeer(port);
  t.after(() => {
    peer.close();
    server.forceShutdown();
  });
  return { health, peer };
}
