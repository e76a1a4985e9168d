/** The prober against real servers of grpc-js: the official health service, and one that has no Watch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { HealthImplementation, service as healthService } from "grpc-health-check";
import { openTarget } from "../../src/probers/schemes.js";
import { eventually } from "../support/eventually.js";
import { verdict } from "./probing.js";

async function listening(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const onBound = (error: Error | null, bound: number) => (error === null ? resolve(bound) : reject(error));
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), onBound);
  });
}

test("the official health service is read correctly: each status, a change by its Watch, an unknown name [A116, A117]", async () => {
  const health = new HealthImplementation({ "": "SERVING", "acme.Orders": "NOT_SERVING" });
  const server = new Server();
  health.addToServer(server);
  const port = await listening(server);
  const orders = openTarget(`grpc://127.0.0.1:${port}/acme.Orders`);
  let changes = 0;
  orders.onChange?.(() => {
    changes += 1;
  });
  const unknown = openTarget(`grpc://127.0.0.1:${port}/acme.Unknown`);
  assert.equal(await verdict(orders), "fail not-serving");
  assert.equal(await verdict(unknown), "fail service-unknown");
  health.setStatus("acme.Orders", "SERVING");
  assert.equal(await verdict(orders), "pass");
  // the Watch is opened by that pass; a status may change again before it is there
  await eventually(() => {
    health.setStatus("acme.Orders", changes % 2 === 0 ? "NOT_SERVING" : "SERVING");
    health.setStatus("acme.Orders", "SERVING");
    return changes > 0;
  }, "a change is reported");
  assert.equal(await verdict(orders), "pass");
  await orders.close();
  await unknown.close();
  server.forceShutdown();
});

test("a server that is shut down and started again fails only while it is away [A118]", async () => {
  const start = async (port?: number) => {
    const server = new Server();
    new HealthImplementation({ "": "SERVING" }).addToServer(server);
    return { server, port: await listening(server, port) };
  };
  const first = await start();
  const prober = openTarget(`grpc://127.0.0.1:${first.port}`);
  assert.equal(await verdict(prober), "pass");
  await new Promise<void>((resolve) => first.server.tryShutdown(() => resolve()));
  assert.equal(await verdict(prober), "fail refused");
  const second = await start(first.port);
  assert.equal(await verdict(prober), "pass");
  await prober.close();
  second.server.forceShutdown();
});

test("a server without the health service is unimplemented; one without Watch is probed by Check [A117]", async () => {
  const empty = new Server();
  const port = await listening(empty);
  const prober = openTarget(`grpc://127.0.0.1:${port}`);
  assert.equal(await verdict(prober), "fail unimplemented");
  await prober.close();
  empty.forceShutdown();

  const checkOnly = new Server();
  let watches = 0;
  checkOnly.addService(healthService, {
    check: (_: unknown, reply: (error: null, answer: object) => void) => reply(null, { status: "SERVING" }),
    watch: (call: ServerWritableStream<unknown, unknown>) => {
      watches += 1;
      call.destroy(Object.assign(new Error("no watch"), { code: status.UNIMPLEMENTED }));
    },
    list: (_: unknown, reply: (error: null, answer: object) => void) => reply(null, { statuses: {} }),
  });
  const second = openTarget(`grpc://127.0.0.1:${await listening(checkOnly)}`);
  second.onChange?.(() => assert.fail("no news"));
  for (let round = 0; round < 3; round += 1) assert.equal(await verdict(second), "pass");
  assert.equal(watches, 1);
  await second.close();
  checkOnly.forceShutdown();
});
