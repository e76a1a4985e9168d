/**
 * An application of connect-node with `fallback: health.handler()`: connect-node's own clients, in every protocol that they
 * speak, call its health and its own service, also while it shuts down.
 */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import { FILE_DESCRIPTORS } from "../../../src/transports/grpc/file-descriptors.js";
import { breachesOf, explain, runTool } from "../../conformance-tool/tool.js";
import { eventually, pause } from "../../support/eventually.js";
import { npmRpcFrameworks } from "../npm-packages.js";
import { library } from "../package/packaged.js";
import { load } from "./load.js";

const { gracefulShutdown, Health } = library;

const DRAIN_DELAY_MS = 1_200;

/** The packages, which are installed at run time. */
function connectPackages() {
  const require = npmRpcFrameworks();
  return {
    connect: require("@connectrpc/connect"),
    node: require("@connectrpc/connect-node"),
    protobuf: require("@bufbuild/protobuf"),
    codegen: require("@bufbuild/protobuf/codegenv2"),
    wkt: require("@bufbuild/protobuf/wkt"),
  };
}

/** `grpc.health.v1.Health`, and a service `acme.Orders` of the application. */
function services() {
  const { protobuf, codegen, wkt } = connectPackages();
  const health = codegen.serviceDesc(codegen.fileDesc(FILE_DESCRIPTORS["grpc/health/v1/health.proto"]), 0);
  const field = { name: "id", jsonName: "id", number: 1, type: 9, label: 1 };
  const file = protobuf.create(wkt.FileDescriptorProtoSchema, {
    name: "acme.proto",
    package: "acme",
    syntax: "proto3",
    messageType: [{ name: "Order", field: [field] }],
    service: [{ name: "Orders", method: [{ name: "Get", inputType: ".acme.Order", outputType: ".acme.Order" }] }],
  });
  const orders = protobuf.createFileRegistry(file, () => undefined).getService("acme.Orders");
  return { health, orders };
}

interface Application {
  readonly health: InstanceType<typeof Health>;
  readonly origin: string;
  readonly shutdown: () => Promise<void>;
}

async function start(t: TestContext, httpVersion: "1.1" | "2", drainDelayMs = 0): Promise<Application> {
  const health = new Health();
  health.set("acme.Orders", "SERVING");
  const { orders } = services();
  const routes = (router: { service(service: unknown, methods: object): void }) =>
    router.service(orders, { get: (order: unknown) => order });
  const listener = connectPackages().node.connectNodeAdapter({ routes, fallback: health.handler() });
  const server = httpVersion === "2" ? createHttp2Server(listener) : createHttpServer(listener);
  const options = { signals: [], drainDelayMs, timeoutMs: 8_000, log() {} };
  const run = gracefulShutdown({ health, servers: [server], ...options });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => run.shutdown());
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return { health, origin: `http://127.0.0.1:${address.port}`, shutdown: () => run.shutdown() };
}

/** Each transport of connect-node by its name. */
const TRANSPORTS = [
  ["createGrpcTransport", "2", true],
  ["createGrpcTransport", "2", false],
  ["createGrpcWebTransport", "2", true],
  ["createGrpcWebTransport", "1.1", true],
  ["createGrpcWebTransport", "1.1", false],
  ["createConnectTransport", "2", true],
  ["createConnectTransport", "2", false],
  ["createConnectTransport", "1.1", true],
  ["createConnectTransport", "1.1", false],
] as const;

for (const [name, httpVersion, useBinaryFormat] of TRANSPORTS) {
  const title = `${name}, HTTP/${httpVersion}, ${useBinaryFormat ? "protobuf" : "JSON"}`;
  describe(`connect-node's ${title}`, () => {
    const clientsOf = ({ origin }: Application) => {
      const { connect, node } = connectPackages();
      const { health, orders } = services();
      const transport = node[name]({ baseUrl: origin, httpVersion, useBinaryFormat });
      return { health: connect.createClient(health, transport), orders: connect.createClient(orders, transport) };
    };

    test("Check, List and errors", async (t) => {
      const clients = clientsOf(await start(t, httpVersion));
      assert.equal((await clients.health.check({ service: "acme.Orders" })).status, 1);
      assert.equal((await clients.health.check({})).status, 1);
      const { statuses } = await clients.health.list({});
      assert.equal(statuses["acme.Orders"].status, 1);
      await assert.rejects(clients.health.check({ service: "x" }), { code: 5, rawMessage: "unknown service" });
      await assert.rejects(clients.health.check({ service: "x".repeat(300) }), { code: 3 });
      assert.equal((await clients.orders.get({ id: "7" })).id, "7");
    });

    test("Watch sends changes, and ends with UNAVAILABLE at the shutdown", async (t) => {
      const application = await start(t, httpVersion);
      const statuses: number[] = [];
      const watching = (async () => {
        for await (const { status } of clientsOf(application).health.watch({ service: "acme.Orders" }))
          statuses.push(status);
      })();
      const ended = assert.rejects(watching, { code: 14, rawMessage: "server is shutting down" });
      await eventually(() => statuses.length === 1, "the first status");
      application.health.set("acme.Orders", "NOT_SERVING");
      await eventually(() => statuses.length === 2, "the change");
      application.health.set("acme.Orders", "SERVING");
      await eventually(() => statuses.length === 3, "the next change");
      await application.shutdown();
      await ended;
      assert.deepEqual(statuses, [1, 2, 1, 2]);
      assert.equal(application.health.watcherCount, 0);
    });

    test("no call fails during the shutdown", async (t) => {
      const application = await start(t, httpVersion, DRAIN_DELAY_MS);
      const clients = clientsOf(application);
      let isOver = false;
      const loads = Promise.all([
        load(
          () => isOver,
          async () => String((await clients.health.check({})).status),
          ["1", "2"],
        ),
        load(
          () => isOver,
          async () => (await clients.orders.get({ id: "7" })).id,
          ["7"],
        ),
      ]);
      await pause(100);
      const ended = application.shutdown();
      await pause(DRAIN_DELAY_MS / 2);
      isOver = true;
      for (const { count, failures } of await loads) {
        assert.deepEqual(failures, []);
        assert(count > 8, `${count} calls`);
      }
      await ended;
    });
  });
}

test("of the rows of `healthbridge conformance`, an application of connect-node breaks that of Node's HTTP/2", async (t) => {
  const { health, origin } = await start(t, "2");
  const results = await runTool(new URL(origin).host, { changed: health, times: { answerMs: 4_000, quietMs: 200 } });
  assert.deepEqual(breachesOf(results), ["field-line-break"], explain(results));
});
