/** The health service on a grpc-js server that an application brings along, asked by grpc-js' own client. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { service as packaged } from "grpc-health-check";
import { HealthError } from "../../../src/core/health-error.js";
import { Registry } from "../../../src/registry/registry.js";
import { HealthService, type HealthServiceOptions } from "../../../src/transports/grpc/health-service.js";
import { healthDefinition } from "../../../src/transports/grpc-js/definition.js";
import { addHealthService } from "../../../src/transports/grpc-js/handlers.js";
import { eventually } from "../../support/eventually.js";
import { request, statusIn } from "../../support/grpc-peer.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const asIs = (bytes: Buffer) => bytes;
const EMPTY = Buffer.alloc(0);

/** An application's server with our service on it, and a client. */
async function added(t: TestContext, options: HealthServiceOptions = {}) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "handlers-test" });
  const health = new HealthService(registry, options);
  const server = new Server();
  addHealthService(server, health, clock);
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", ServerCredentials.createInsecure());
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => {
    client.close();
    server.forceShutdown();
  });
  /** A unary call: the bytes of its answer, and its metadata. */
  const ask = (method: string, body: Buffer, metadata = new Metadata()) =>
    new Promise<{ answer: Buffer; headers: Metadata }>((resolve, reject) => {
      let headers = new Metadata();
      const done = (error: ServiceError | null, answer: Buffer = EMPTY) =>
        error === null ? resolve({ answer, headers }) : reject(error);
      client
        .makeUnaryRequest(`/grpc.health.v1.Health/${method}`, asIs, asIs, body, metadata, done)
        .on("metadata", (received) => {
          headers = received;
        });
    });
  const watch = (service: string) => {
    const path = "/grpc.health.v1.Health/Watch";
    const call = client.makeServerStreamRequest(path, asIs, asIs, request(service));
    const received: (number | string)[] = [];
    call.on("data", (message: Buffer) => received.push(statusIn(message)));
    call.on("error", () => {});
    call.on("status", ({ code, details }) => received.push(`${code} ${details}`));
    return { call, received };
  };
  return { registry, health, server, clock, ask, watch };
}

describe("the health service on an application's server", () => {
  test("answers a Check", async (t) => {
    const { registry, ask } = await added(t);
    registry.set("a", "NOT_SERVING");
    assert.equal(statusIn((await ask("Check", request("a"))).answer), 2);
    assert.equal(statusIn((await ask("Check", EMPTY)).answer), 1);
    await assert.rejects(ask("Check", request("nobody")), { code: 5, details: "unknown service" });
    await assert.rejects(ask("Check", request("n".repeat(201))), { code: 3, details: "service name too long" });
  });

  test("reads requests strictly [B1]", async (t) => {
    const { ask } = await added(t);
    await assert.rejects(ask("Check", Buffer.from("0a50", "hex")), { code: 3, details: "malformed request" });
  });

  test("sends degraded as metadata, and only if degraded", async (t) => {
    const { registry, ask } = await added(t);
    registry.set("a", "SERVING", { degraded: true });
    assert.deepEqual((await ask("Check", request("a"))).headers.get("x-envoy-degraded"), ["true"]);
    registry.set("a", "SERVING");
    assert.deepEqual((await ask("Check", request("a"))).headers.get("x-envoy-degraded"), []);
  });

  test("answers a List", async (t) => {
    const { registry, ask } = await added(t, { listLimit: 1 });
    registry.set("a", "SERVING");
    assert.equal((await ask("List", EMPTY)).answer.toString("hex"), "0a060a00120208010a070a016112020801");
    registry.set("b", "SERVING");
    await assert.rejects(ask("List", EMPTY), { code: 8, details: "too many services to list" });
  });

  test("lists services only for clients with the token [A64]", async (t) => {
    const { registry, ask } = await added(t, { token: "secret" });
    registry.set("a", "SERVING");
    const bearing = (text: string) => {
      const metadata = new Metadata();
      metadata.set("authorization", text);
      return metadata;
    };
    const refused = { code: 16, details: "a token is needed" };
    for (const metadata of [new Metadata(), bearing("Bearer wrong"), bearing("secret")]) {
      await assert.rejects(ask("List", EMPTY, metadata), refused);
    }
    assert.ok((await ask("List", EMPTY, bearing("Bearer secret"))).answer.length > 0);
    assert.equal(statusIn((await ask("Check", EMPTY)).answer), 1);
  });

  test("keeps a Watch open and sends each change, until the client cancels", async (t) => {
    const { registry, watch } = await added(t);
    const { call, received } = watch("a");
    await eventually(() => received.length === 1, "the first status");
    registry.set("a", "SERVING");
    await eventually(() => received.length === 2, "the change");
    assert.deepEqual(received, [3, 1]);
    call.cancel();
    await eventually(() => registry.watcherCount === 0 && registry.watchedNameCount === 0, "nothing is left");
  });

  test("ends a Watch with UNAVAILABLE after the newest status, and leaves nothing [A54, A74]", async (t) => {
    const { registry, health, server, watch } = await added(t);
    const { received } = watch("a");
    await eventually(() => received.length === 1, "the first status");
    registry.set("a", "SERVING");
    registry.drain();
    health.endWatches();
    await eventually(() => received.length === 3, "the end");
    assert.deepEqual(received, [3, 2, "14 server is shutting down"]);
    assert.equal(registry.watcherCount, 0);
    await promisify(server.tryShutdown.bind(server))();
  });

  test("refuses a Watch above the limit [A49]", async (t) => {
    const { registry, watch } = await added(t, { maxWatchers: 1 });
    const first = watch("a");
    await eventually(() => first.received.length === 1, "the first status");
    const second = watch("a");
    await eventually(() => second.received.length === 1, "the refusal");
    assert.deepEqual(second.received, ["8 too many watchers"]);
    assert.equal(registry.watcherCount, 1);
  });

  test("cannot be added twice [B104]", async (t) => {
    const { health, server, clock } = await added(t);
    assert.throws(
      () => addHealthService(server, health, clock),
      (error: unknown) =>
        error instanceof HealthError && error.code === "ALREADY_ADDED" && error.cause instanceof Error,
    );
  });

  test("cannot be added to a server with the service of grpc-health-check [B104]", () => {
    const clock = new VirtualClock();
    const registry = new Registry({ clock, instance: "handlers-test" });
    const server = new Server();
    const nothing: UntypedServiceImplementation = { Check: () => {}, List: () => {}, Watch: () => {} };
    server.addService(packaged, nothing);
    assert.throws(() => addHealthService(server, new HealthService(registry), clock), { code: "ALREADY_ADDED" });
  });
});

describe("the definition of the service", () => {
  test("has the names, paths and types of the package, and passes bytes through", () => {
    const bytes = Buffer.from([1, 2]);
    const definition = healthDefinition();
    assert.deepEqual(Object.keys(definition), ["Check", "List", "Watch"]);
    for (const [name, method] of Object.entries(definition)) {
      const { path, requestStream, responseStream } = packaged[name] ?? method;
      assert.deepEqual(
        [method.path, method.requestStream, method.responseStream],
        [path, requestStream, responseStream],
      );
      assert.equal(method.path, `/grpc.health.v1.Health/${name}`);
      assert.equal(method.requestDeserialize(bytes), bytes);
      assert.equal(method.responseSerialize(bytes), bytes);
    }
  });

  test("does not change the package's own definition", () => {
    healthDefinition();
    assert.deepEqual(packaged.Check?.requestDeserialize(Buffer.from([0x0a, 1, 0x61])), { service: "a" });
  });
});
