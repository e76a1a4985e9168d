/** What grpc-go and grpc-java test of client-side health checking (gRFC A17), on grpc-js with our policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { registerWith } from "../../../src/client/grpc-js-policy/register.js";
import { systemClock } from "../../../src/core/clock.js";
import { healthCheckResponse } from "../../../src/wire/health-messages.js";
import { eventually, pause } from "../../support/eventually.js";
import { Backend, EchoClient, Names } from "./backends.js";

registerWith(grpc, { clock: systemClock, random: () => 0 });

const ended = (backend: Backend) => eventually(() => backend.watches.size === 0, "no Watch is left");

test("calls go to the backends that are SERVING, in turn", async (t) => {
  const [a, b] = [await Backend.start(t), await Backend.start(t, { status: "NOT_SERVING" })];
  const client = new EchoClient(t, [a, b]);
  assert.deepEqual(await client.calls(40), []);
  assert.deepEqual([a.calls, b.calls], [40, 0]);
  b.set("SERVING");
  await eventually(async () => (await client.calls(2)).length === 0 && b.calls > 0, "b gets calls");
  const before = [a.calls, b.calls];
  assert.deepEqual(await client.calls(40), []);
  assert.deepEqual([a.calls - (before[0] ?? 0), b.calls - (before[1] ?? 0)], [20, 20]);
});

for (const status of ["NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"] as const) {
  test(`calls fail while every backend is ${status}, with a text that says so`, async (t) => {
    const backend = await Backend.start(t, { status });
    const client = new EchoClient(t, [backend]);
    const answer = await client.call();
    assert.match(
      answer,
      new RegExp(
        `^UNAVAILABLE: .*127.0.0.1:${backend.port}: Health-check service responded ${status} for 'acme.Orders'`,
      ),
    );
    assert.equal(client.state, "TRANSIENT_FAILURE");
    backend.set("SERVING");
    await client.is("READY");
    assert.equal(await client.call(), "OK");
    backend.set(status);
    await client.is("TRANSIENT_FAILURE");
    assert.match(await client.call(), /^UNAVAILABLE/);
    assert.equal(backend.calls, 1);
  });
}

test("calls wait for the first status, and do not fail", async (t) => {
  const backend = await Backend.start(t, { script: () => {} });
  const client = new EchoClient(t, [backend]);
  const answer = client.call();
  await eventually(() => backend.watches.size === 1, "the Watch is open");
  await pause(300);
  assert.deepEqual([client.state, backend.calls], ["CONNECTING", 0]);
  backend.set("SERVING");
  assert.equal(await answer, "OK");
});

test("a backend without a health service gets calls, one error is logged, and it is asked again after a reconnect only", async (t) => {
  const logged: string[] = [];
  grpc.setLogger({ ...console, error: (...text: unknown[]) => void logged.push(text.join(" ")) });
  t.after(() => grpc.setLogger(console));
  const backend = await Backend.start(t, {
    script: (stream) => void stream.emit("error", { code: grpc.status.UNIMPLEMENTED, details: "" }),
  });
  const client = new EchoClient(t, [backend]);
  assert.deepEqual(await client.calls(5), []);
  await pause(1_500);
  assert.deepEqual([backend.calls, backend.asked.length], [5, 1]);
  const { port } = backend;
  backend.server.forceShutdown();
  const next = await Backend.start(t, {
    port,
    script: (stream) => void stream.emit("error", { code: grpc.status.UNIMPLEMENTED, details: "" }),
  });
  await eventually(async () => (await client.call()) === "OK", "the client has connected again");
  assert.equal(next.asked.length, 1);
  const ours = logged.filter((line) => line.includes("healthbridge_round_robin"));
  assert.equal(ours.length, 1, logged.join("\n"));
  assert.match(ours[0] ?? "", new RegExp(`127.0.0.1:${port} has no health service`));
});

test("a server without the method Watch gets calls", async (t) => {
  grpc.setLogger({ ...console, error: () => {} });
  t.after(() => grpc.setLogger(console));
  const backend = await Backend.start(t, { withoutHealth: true });
  assert.deepEqual(await new EchoClient(t, [backend]).calls(5), []);
  assert.equal(backend.calls, 5);
});

for (const [how, code] of [
  ["OK", grpc.status.OK],
  ["CANCELLED", grpc.status.CANCELLED],
] as const) {
  test(`a Watch that ends with ${how} before a status is a failure, and is opened again after 1 s`, async (t) => {
    const startedAt: number[] = [];
    const backend = await Backend.start(t, {
      script: (stream) => {
        startedAt.push(performance.now());
        if (startedAt.length > 2) stream.write(healthCheckResponse("SERVING"));
        else if (code === grpc.status.OK) stream.end();
        else stream.emit("error", { code, details: "" });
      },
    });
    const client = new EchoClient(t, [backend]);
    assert.match(
      await client.call(),
      new RegExp(`^UNAVAILABLE: .*Health-check stream of 'acme.Orders' ended with ${how}`),
    );
    await client.is("READY");
    const [first = 0, second = 0, third = 0] = startedAt;
    // jitter is -20 %
    assert.ok(second - first >= 790 && third - second >= 1_270, `${second - first} and ${third - second} ms`);
  });
}

test("a Watch that ends after a status is opened again at once, and no call fails meanwhile", async (t) => {
  const backend = await Backend.start(t);
  const client = new EchoClient(t, [backend]);
  await client.calls(1);
  const answers: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    backend.end(grpc.status.UNAVAILABLE, "going");
    answers.push(...(await client.calls(20)));
  }
  assert.deepEqual(answers, []);
  await eventually(() => backend.asked.length === 6, "each end is followed by another Watch");
});

test("a backend that ends each Watch after its first status is not asked without a pause", async (t) => {
  const backend = await Backend.start(t, {
    script: (stream) => {
      stream.write(healthCheckResponse("SERVING"));
      stream.end();
    },
  });
  const client = new EchoClient(t, [backend]);
  void client.call();
  await eventually(() => backend.asked.length >= 11, "ten retries at once");
  await pause(700);
  assert.ok(backend.asked.length <= 13, `${backend.asked.length} Watches`);
});

test("the Watch ends on the server when the client's channel is closed, also before the first status", async (t) => {
  for (const options of [{}, { script: () => {} }]) {
    const backend = await Backend.start(t, options);
    const client = new EchoClient(t, [backend]);
    void client.call();
    await eventually(() => backend.watches.size === 1, "the Watch is open");
    client.close();
    await ended(backend);
  }
});

test("the Watch ends on the server when its address is removed, and stays open on the others", async (t) => {
  const [a, b] = [await Backend.start(t), await Backend.start(t)];
  const names = new Names([a, b]);
  const client = new EchoClient(t, [], { target: names.target });
  assert.deepEqual(await client.calls(4), []);
  names.set([b]);
  await ended(a);
  assert.deepEqual(await client.calls(4), []);
  names.set([b, a]);
  await eventually(() => a.watches.size === 1, "a is watched again");
  assert.equal(b.asked.length, 1);
});

test("new addresses that are the old ones make no call wait", async (t) => {
  const backend = await Backend.start(t);
  const names = new Names([backend]);
  const client = new EchoClient(t, [], { target: names.target });
  await client.calls(1);
  const states = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    names.set([backend]);
    states.add(client.state);
    assert.equal(await client.call(), "OK");
  }
  assert.deepEqual([[...states], backend.asked.length], [["READY"], 1]);
});

test("GOAWAY ends the Watch, while a stream of the application lives on", async (t) => {
  const backend = await Backend.start(t);
  const client = new EchoClient(t, [backend]);
  await client.calls(1);
  const stream = client.hold();
  stream.on("error", () => {});
  await new Promise((resolve) => stream.once("data", resolve));
  let hasEnded = false;
  stream.on("end", () => {
    hasEnded = true;
  });
  backend.server.tryShutdown(() => {});
  await ended(backend);
  assert.equal(hasEnded, false);
  stream.cancel();
});

test("the Watch ends on the server when the connection dies, and a new connection has a new one", async (t) => {
  const backend = await Backend.start(t, {
    options: { "grpc.max_connection_age_ms": 500, "grpc.max_connection_age_grace_ms": 100 },
  });
  const client = new EchoClient(t, [backend]);
  const until = performance.now() + 2_500;
  while (performance.now() < until) {
    assert.equal(await client.call(), "OK");
    assert.ok(backend.watches.size <= 2);
    await pause(5);
  }
  assert.ok(backend.asked.length >= 3, `${backend.asked.length} Watches`);
});

test("no Watch is called with pick_first, without healthCheckConfig, and when the client inhibits it", async (t) => {
  const backend = await Backend.start(t, { status: "NOT_SERVING" });
  for (const settings of [
    { policy: { pick_first: {} } },
    { policy: { round_robin: {} } },
    { service: null },
    { options: { "grpc.inhibit_health_checking": 1 } },
  ]) {
    assert.deepEqual(await new EchoClient(t, [backend], settings).calls(3), [], JSON.stringify(settings));
  }
  assert.deepEqual([backend.calls, backend.asked.length], [12, 0]);
});

test("no Watch is called while a backend cannot be connected to", async (t) => {
  const backend = await Backend.start(t);
  backend.server.forceShutdown();
  const client = new EchoClient(t, [backend]);
  assert.match(await client.call(), /^UNAVAILABLE: healthbridge_round_robin: no backend is ready: .*ECONNREFUSED/);
  assert.equal(backend.asked.length, 0);
});

test("a Watch that ends counts in channelz: OK as a success, an error as a failure", async (t) => {
  const ends = [grpc.status.OK, grpc.status.UNAVAILABLE];
  const backend = await Backend.start(t, {
    script: (stream) => {
      const code = ends.shift();
      stream.write(healthCheckResponse("SERVING"));
      if (code === grpc.status.OK) stream.end();
      else if (code !== undefined) stream.emit("error", { code, details: "" });
    },
  });
  const client = new EchoClient(t, [backend]);
  await client.is("READY");
  await eventually(() => backend.asked.length === 3 && backend.watches.size === 1, "two Watches have ended");
  const channel = await channelz("GetChannel", { channel_id: client.client.getChannel().getChannelzRef().id });
  const subchannel = await channelz("GetSubchannel", channel.channel.subchannel_ref[0]);
  const { calls_started, calls_succeeded, calls_failed } = subchannel.subchannel.data;
  assert.deepEqual([calls_started, calls_succeeded, calls_failed].map(Number), [3, 1, 1]);
});

/** Asks channelz in this process. Its messages have many shapes, of which the test reads a few fields. */
// biome-ignore lint/suspicious/noExplicitAny: see above
function channelz(method: string, request: unknown): Promise<any> {
  const handlers: object = grpc.getChannelzHandlers();
  const handler: (call: object, done: (error: unknown, answer: unknown) => void) => void = Reflect.get(
    handlers,
    method,
  );
  return new Promise((resolve, reject) =>
    handler({ request }, (error, answer) => (error ? reject(error) : resolve(answer))),
  );
}
