/** The policy beyond the cases of its peers: whom it asks and how, what it shares, and what a hostile backend can do. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { registerWith } from "../../../src/client/grpc-js-policy/register.js";
import { systemClock } from "../../../src/core/clock.js";
import { registerHealthChecking } from "../../../src/grpc-js.js";
import { Health } from "../../../src/index.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { rawServer } from "../raw-server.js";
import { Backend, type ChannelSettings, EchoClient, Names } from "./backends.js";

registerWith(grpc, { clock: systemClock, random: () => 0 });

test("this version of grpc-js can check health", () => {
  assert.equal(registerHealthChecking(grpc), true);
});

const SHARED = { "grpc.use_local_subchannel_pool": 0 };

test("ten channels to a backend share one Watch, which ends with the last of them", async (t) => {
  const backend = await Backend.start(t);
  const clients = Array.from({ length: 10 }, () => new EchoClient(t, [backend], { options: SHARED }));
  for (const client of clients) assert.equal(await client.call(), "OK");
  assert.equal(backend.asked.length, 1);
  for (const client of clients.slice(1)) client.close();
  await pause(50);
  assert.equal(backend.watches.size, 1);
  backend.set("NOT_SERVING");
  await clients[0]?.is("TRANSIENT_FAILURE");
  clients[0]?.close();
  await eventually(() => backend.watches.size === 0, "no Watch is left");
});

test("channels that watch different services of a backend have a Watch for each", async (t) => {
  const backend = await Backend.start(t);
  const services = ["acme.Orders", "acme.Payments", ""];
  for (const service of services) {
    const client = new EchoClient(t, [backend], { service, options: { ...SHARED } });
    assert.equal(await client.call(), "OK");
  }
  assert.deepEqual(
    backend.asked.map(({ service }) => service),
    services,
  );
});

test("the service of the policy's own configuration comes before that of healthCheckConfig", async (t) => {
  const backend = await Backend.start(t);
  const policy = { healthbridge_round_robin: { serviceName: "acme.Payments" } };
  for (const service of ["acme.Orders", null])
    assert.equal(await new EchoClient(t, [backend], { policy, service }).call(), "OK");
  assert.deepEqual(
    backend.asked.map(({ service }) => service),
    ["acme.Payments", "acme.Payments"],
  );
});

const INVALID: readonly (readonly [settings: ChannelSettings, text: RegExp])[] = [
  [{ service: 7 }, /healthCheckConfig\.serviceName must be a text/],
  [{ service: ["acme.Orders"] }, /healthCheckConfig\.serviceName must be a text/],
  [{ service: "x".repeat(201) }, /healthCheckConfig\.serviceName must have at most 200 bytes/],
  [
    { policy: { healthbridge_round_robin: { serviceName: false } } },
    /healthbridge_round_robin\.serviceName must be a text/,
  ],
];

for (const [settings, text] of INVALID)
  test(`calls fail, and reach no unchecked backend, with ${JSON.stringify(settings).slice(0, 60)}`, async (t) => {
    const backend = await Backend.start(t);
    const answer = await new EchoClient(t, [backend], settings).call();
    assert.match(answer, text);
    assert.equal(backend.calls, 0);
  });

test("the Watch has the credentials of the channel", async (t) => {
  const backend = await Backend.start(t);
  const urls: string[] = [];
  const generator = grpc.credentials.createFromMetadataGenerator(({ service_url }, done) => {
    urls.push(service_url);
    const metadata = new grpc.Metadata();
    metadata.set("authorization", "Bearer secret");
    done(null, metadata);
  });
  void new EchoClient(t, [backend], { credentials: withCalls(generator) }).call();
  await eventually(() => backend.asked.length === 1, "the Watch has come");
  assert.deepEqual(backend.asked[0]?.metadata.get("authorization"), ["Bearer secret"]);
  assert.ok(urls.includes("https://127.0.0.1/grpc.health.v1.Health"), urls.join());
});

/** Credentials of a channel in clear text, with those of calls, which grpc-js combines with TLS only. */
function withCalls(generator: grpc.CallCredentials): grpc.ChannelCredentials {
  const credentials = grpc.credentials.createInsecure();
  const internals: object = credentials;
  const create: (...args: readonly unknown[]) => object = Reflect.get(internals, "_createSecureConnector");
  Reflect.set(internals, "_createSecureConnector", (...args: readonly unknown[]) =>
    Object.assign(create.apply(credentials, [...args]), { getCallCredentials: () => generator }),
  );
  return credentials;
}

test("an address that is removed while credentials are made gets no Watch afterwards", async (t) => {
  const [removed, other] = [await Backend.start(t), await Backend.start(t)];
  const held: (() => void)[] = [];
  const generator = grpc.credentials.createFromMetadataGenerator((_, done) => {
    held.push(() => done(null, new grpc.Metadata()));
  });
  const names = new Names([removed]);
  const client = new EchoClient(t, [], { target: names.target, credentials: withCalls(generator) });
  void client.call();
  await eventually(() => held.length === 1, "credentials are asked for");
  // grpc-js keeps the connection for some seconds
  names.set([other]);
  await eventually(() => held.length === 2, "the other backend is asked");
  for (const finish of held) finish();
  await eventually(() => other.asked.length === 1, "the other backend is watched");
  await pause(100);
  assert.equal(removed.asked.length, 0);
});

test("credentials that cannot be made are a failure of the Watch, and the calls say so", async (t) => {
  const backend = await Backend.start(t);
  const generator = grpc.credentials.createFromMetadataGenerator((_, done) => done(new Error("no token")));
  const answer = await new EchoClient(t, [backend], { credentials: withCalls(generator) }).call();
  assert.match(answer, /Health-check stream of 'acme.Orders' ended with UNAVAILABLE: no token/);
});

test("the Watch has the authority of the channel's calls", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-policy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const backend = await Backend.start(t);
  const socket = join(folder, "b.sock");
  await new Promise<void>((resolve, reject) =>
    backend.server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  const { port } = backend;
  const names = new Names([backend]);
  const cases: readonly (readonly [target: string, authority: string, options?: grpc.ChannelOptions])[] = [
    [`127.0.0.1:${port}`, `127.0.0.1:${port}`],
    [`dns:localhost:${port}`, `localhost:${port}`],
    [`dns:///localhost:${port}`, `localhost:${port}`],
    [`ipv4:127.0.0.1:${port},127.0.0.2:1`, `127.0.0.1:${port}`],
    [`unix:${socket}`, "localhost"],
    [`unix://${socket}`, "localhost"],
    [names.target, "backends"],
    [`127.0.0.1:${port}`, "orders.acme.example", { "grpc.default_authority": "orders.acme.example" }],
  ];
  for (const [target, authority, options = {}] of cases) {
    backend.asked.length = 0;
    const client = new EchoClient(t, [backend], { target, options });
    assert.equal(await client.call(), "OK", target);
    assert.equal(backend.asked[0]?.authority, authority, target);
    client.close();
  }
});

/** Bytes of an answer to a Watch that no health service sends. */
const HOSTILE: Readonly<Record<string, Buffer>> = {
  "a message that says it is compressed": Buffer.from([1, 0, 0, 0, 2, 8, 1]),
  "a compressed message of garbage": Buffer.from([1, 0, 0, 0, 3, 255, 255, 255]),
  "a message that is not protobuf": Buffer.from([0, 0, 0, 0, 2, 255, 255]),
  "a status that the protocol lacks": Buffer.from([0, 0, 0, 0, 2, 8, 9]),
  "a message longer than grpc-js reads": Buffer.from([0, 255, 255, 255, 255]),
  "a message that is cut": Buffer.from([0, 0, 0, 0, 9, 8]),
};

for (const [label, bytes] of Object.entries(HOSTILE))
  test(`${label} makes the backend failing, and nothing else`, async (t) => {
    const rejections: unknown[] = [];
    const note = (error: unknown) => void rejections.push(error);
    process.on("unhandledRejection", note).on("uncaughtException", note);
    t.after(() => process.off("unhandledRejection", note).off("uncaughtException", note));
    const { answering, data, head, trailers } = await import("../raw-server.js");
    const server = await rawServer(answering(head, (stream) => data(stream, bytes), trailers));
    t.after(() => server.target.stop());
    const client = new EchoClient(t, [], { target: `127.0.0.1:${server.target.port}` });
    assert.match(await client.call(), /^UNAVAILABLE: .*Health-check stream of 'acme.Orders' ended with/);
    client.close();
    await pause(50);
    assert.deepEqual(rejections, []);
  });

test("a backend that hangs on every Watch takes no calls, and stops none of the other backends", async (t) => {
  const [hung, good] = [await Backend.start(t, { script: () => {} }), await Backend.start(t)];
  const client = new EchoClient(t, [hung, good]);
  assert.deepEqual(await client.calls(20), []);
  assert.deepEqual([hung.calls, good.calls], [0, 20]);
});

test("a client whose backends all fail shows the reasons of three of them", async (t) => {
  const backends = await Promise.all(Array.from({ length: 5 }, () => Backend.start(t, { status: "NOT_SERVING" })));
  const client = new EchoClient(t, backends);
  await client.is("TRANSIENT_FAILURE");
  const answer = await client.call();
  assert.equal(answer.match(/responded NOT_SERVING/g)?.length, 3, answer);
  assert.match(answer, /; and 2 more$/);
});

test("the names are resolved again when a connection is lost, and not when a backend is unhealthy", async (t) => {
  const backend = await Backend.start(t);
  const names = new Names([backend]);
  const client = new EchoClient(t, [], { target: names.target });
  await client.calls(1);
  await pause(200);
  const channel = client.client.getChannel();
  const before = names.resolutions;
  for (const status of ["NOT_SERVING", "SERVING", "NOT_SERVING", "SERVING"] as const) {
    backend.set(status);
    const { READY, TRANSIENT_FAILURE } = grpc.connectivityState;
    const expected = status === "SERVING" ? READY : TRANSIENT_FAILURE;
    await eventually(() => channel.getConnectivityState(false) === expected, `the channel sees ${status}`);
  }
  assert.equal(names.resolutions, before);
  backend.server.forceShutdown();
  await eventually(() => names.resolutions > before, "the names are resolved again");
});

test("an outlier that grpc-js ejects gets no calls, and keeps its Watch", async (t) => {
  const [bad, good] = [await Backend.start(t), await Backend.start(t)];
  const second = { seconds: 1, nanos: 0 };
  const policy = {
    outlier_detection: {
      ...{ interval: second, base_ejection_time: second, max_ejection_time: second, max_ejection_percent: 50 },
      failure_percentage_ejection: { threshold: 50, enforcement_percentage: 100, minimum_hosts: 2, request_volume: 5 },
      child_policy: [{ healthbridge_round_robin: { serviceName: "acme.Orders" } }],
    },
  };
  const client = new EchoClient(t, [bad, good], { policy });
  bad.fails = true;
  const isEjected = async () => {
    const before = bad.calls;
    await client.calls(10);
    return bad.calls === before;
  };
  await eventually(isEjected, "the outlier is ejected");
  bad.fails = false;
  await eventually(async () => !(await isEjected()), "the outlier gets calls again");
  assert.deepEqual([bad.asked.length, good.asked.length], [1, 1]);
});

test("a health service of healthbridge is watched, and its shutdown makes no call fail while another one serves", async (t) => {
  const healths = [new Health(), new Health()];
  const servers = await Promise.all(
    healths.map(async (health) => {
      health.set("acme.Orders", "SERVING");
      const server = new grpc.Server();
      let calls = 0;
      server.addService(
        { Call: { path: "/acme.Echo/Call", requestStream: false, responseStream: false, ...IDENTITY } },
        {
          Call: (_: unknown, answer: grpc.sendUnaryData<Buffer>) => {
            calls += 1;
            answer(null, Buffer.alloc(0));
          },
        },
      );
      health.addToServer(server);
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        ),
      );
      t.after(() => server.forceShutdown());
      return { server, port, count: () => calls };
    }),
  );
  const client = new EchoClient(t, [], { target: `ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`).join()}` });
  await eventually(
    async () => (await client.calls(2)).length === 0 && servers.every(({ count }) => count() > 0),
    "both",
  );
  const shutdown = healths[0]?.shutdown({ drainDelayMs: 300 });
  assert.deepEqual(await client.calls(200), []);
  await inTime(shutdown ?? Promise.resolve(), "the first backend has shut down");
  servers[0]?.server.forceShutdown();
  assert.deepEqual(await client.calls(50), []);
  await Promise.all(healths.map((health) => health.shutdown({ drainDelayMs: 0 })));
});

const asIs = (bytes: Buffer): Buffer => bytes;
const IDENTITY = {
  ...{ requestSerialize: asIs, requestDeserialize: asIs },
  ...{ responseSerialize: asIs, responseDeserialize: asIs },
};
