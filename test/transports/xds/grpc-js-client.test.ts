/** A channel of grpc-js with `xds:///orders` follows the states of two backends, and says so by the calls that it makes. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { eventually } from "../../support/eventually.js";
import { instanceOf, World } from "./xds-fixture.js";
import { serveXds } from "./xds-server.js";

const asIs = (bytes: Buffer): Buffer => bytes;

/** A server that answers its name to every call. */
async function startBackend(t: TestContext, name: string): Promise<number> {
  const server = new Server();
  server.register(
    "/test.Who/Are",
    (_: unknown, respond: (error: null, answer: Buffer) => void) => respond(null, Buffer.from(name)),
    asIs,
    asIs,
    "unary",
  );
  t.after(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

test("grpc-js with xds: calls healthy and degraded backends only, and fails at once when there is none", async (t) => {
  const world = new World(t);
  const [one, two] = [await startBackend(t, "a"), await startBackend(t, "b")];
  world.configure([
    instanceOf("a", { host: "127.0.0.1", port: one }),
    instanceOf("b", { host: "127.0.0.1", port: two }),
  ]);
  const port = await serveXds(t, world.service);
  const bootstrap = JSON.stringify({
    xds_servers: [
      { server_uri: `127.0.0.1:${port}`, channel_creds: [{ type: "insecure" }], server_features: ["xds_v3"] },
    ],
    node: { id: "test", locality: {} },
  });
  register();
  const options = { "grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config": bootstrap };
  const client = new Client("xds:///orders", credentials.createInsecure(), options);
  t.after(() => client.close());

  const call = (): Promise<string> =>
    new Promise((resolve) => {
      const deadline = Date.now() + 5_000;
      client.makeUnaryRequest("/test.Who/Are", asIs, asIs, Buffer.alloc(0), { deadline }, (error, answer) =>
        resolve(error === null ? String(answer) : `error ${error.code}`),
      );
    });
  const called = async () => {
    const answers = new Set<string>();
    for (let count = 0; count < 8; count += 1) answers.add(await call());
    return [...answers].sort().join();
  };
  const becomes = async (expected: string) => {
    let last = "";
    await eventually(
      async () => {
        last = await called();
        return last === expected;
      },
      `calls go to ${expected}`,
      20_000,
    ).catch((error) => assert.fail(`${error}; they go to ${last}`));
  };

  await becomes("a,b");
  await world.turn("a", "failing");
  await becomes("b");
  await world.turn("a", "warning");
  await becomes("a,b");
  world.registry.setDrained(new Set(["b"]));
  world.catalog.refresh();
  await becomes("a");
  await world.turn("a", "failing");
  await becomes("error 14");
  world.registry.setDrained(new Set());
  world.catalog.refresh();
  await becomes("b");

  assert.equal(world.service.nacks, 0);
});
