/** The Watch of a `HealthClient`: what a consumer sees, what the server sees, and what is left behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import {
  HealthCallError,
  HealthClient,
  type HealthClientOptions,
  type HealthUpdate,
} from "../../../src/health-client.js";
import { healthCheckResponse } from "../../../src/wire/health-messages.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { Backend, type BackendOptions } from "../policy/backends.js";
import { rawServer } from "../raw-server.js";

async function watched(t: TestContext, options: BackendOptions = {}, clientOptions: HealthClientOptions = {}) {
  const backend = await Backend.start(t, options);
  const client = new HealthClient(`127.0.0.1:${backend.port}`, { random: () => 0, ...clientOptions });
  t.after(() => client.close());
  return { backend, client, updates: client.watch("acme.Orders") };
}

/** The next update, as text. */
async function nextOf(updates: AsyncIterator<HealthUpdate>): Promise<string> {
  const { value, done } = await inTime(updates.next(), "an update");
  if (done === true) return "done";
  return "error" in value ? `${value.status} ${value.error.grpcCode} ${value.retryInMs}` : value.status;
}

const noWatch = ({ watches }: Backend) => eventually(() => watches.size === 0, "no Watch is left on the server");

test("an iterator gives the present status and each change, and break ends the Watch", async (t) => {
  const { backend, updates } = await watched(t);
  const seen: string[] = [];
  const changes = ["NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN", "SERVING"] as const;
  for await (const { status } of updates) {
    seen.push(status);
    const change = changes[seen.length - 1];
    if (change === undefined) break;
    backend.set(change);
  }
  assert.deepEqual(seen, ["SERVING", ...changes]);
  await noWatch(backend);
  assert.deepEqual(
    backend.asked.map(({ service }) => service),
    ["acme.Orders"],
  );
});

test("no call is made before the first next()", async (t) => {
  const { backend, updates } = await watched(t);
  await pause(50);
  assert.equal(backend.asked.length, 0);
  assert.equal(await nextOf(updates), "SERVING");
});

test("a consumer that is slow gets the newest status alone", async (t) => {
  const { backend, updates } = await watched(t);
  assert.equal(await nextOf(updates), "SERVING");
  for (let round = 0; round < 500; round += 1) backend.set(round % 2 === 0 ? "NOT_SERVING" : "SERVING");
  backend.set("UNKNOWN");
  await pause(300);
  assert.equal(await nextOf(updates), "UNKNOWN");
  backend.set("SERVING");
  assert.equal(await nextOf(updates), "SERVING");
});

test("a status is not given twice in a row, also after changes that the consumer has missed", async (t) => {
  const { backend, updates } = await watched(t);
  assert.equal(await nextOf(updates), "SERVING");
  backend.set("SERVING");
  backend.set("NOT_SERVING");
  backend.set("SERVING");
  await pause(200);
  const next = nextOf(updates);
  await pause(100);
  backend.set("UNKNOWN");
  assert.equal(await next, "UNKNOWN");
});

test("a stream that ends after a status is opened again at once, and the consumer sees that the status was not known", async (t) => {
  const { backend, updates } = await watched(t);
  assert.equal(await nextOf(updates), "SERVING");
  const next = nextOf(updates);
  backend.end(grpc.status.UNAVAILABLE, "going");
  assert.equal(await next, "TRANSIENT_FAILURE UNAVAILABLE 0");
  assert.equal(await nextOf(updates), "SERVING");
  assert.equal(backend.asked.length, 2);
});

test("a server that goes away and comes back is watched again", async (t) => {
  const { backend, updates } = await watched(t);
  assert.equal(await nextOf(updates), "SERVING");
  const { port } = backend;
  backend.server.forceShutdown();
  assert.match(await nextOf(updates), /^TRANSIENT_FAILURE UNAVAILABLE 0$/);
  assert.match(await nextOf(updates), /^TRANSIENT_FAILURE UNAVAILABLE 800$/);
  await Backend.start(t, { port, status: "NOT_SERVING" });
  assert.equal(await nextOf(updates), "NOT_SERVING");
});

test("attempts without a status follow the back-off of gRFC A17", async (t) => {
  const clock = new VirtualClock();
  const backend = await Backend.start(t, { script: (stream) => stream.end() });
  const client = new HealthClient(`127.0.0.1:${backend.port}`, { clock, random: () => 0.5 });
  t.after(() => client.close());
  const updates = client.watch();
  for (const delayMs of [1_000, 1_600, 2_560, 4_096, 6_554]) {
    assert.equal(await nextOf(updates), `TRANSIENT_FAILURE UNKNOWN ${delayMs}`.replace("UNKNOWN", "OK"));
    const attempts = backend.asked.length;
    await clock.advance(delayMs - 1);
    assert.equal(backend.asked.length, attempts);
    await clock.advance(1);
    await eventually(() => backend.asked.length === attempts + 1, "the next attempt");
  }
});

test("a server without Watch ends the iteration with UNIMPLEMENTED, and is not asked again", async (t) => {
  const { backend, updates } = await watched(t, { withoutHealth: true });
  await assert.rejects(
    updates.next(),
    (error) => error instanceof HealthCallError && error.grpcCode === "UNIMPLEMENTED",
  );
  assert.equal(await nextOf(updates), "done");
  await pause(50);
  assert.equal(backend.asked.length, 0);
});

test("a signal ends the iteration with its reason, and the Watch on the server", async (t) => {
  const { backend, client } = await watched(t);
  const abort = new AbortController();
  const updates = client.watch("acme.Orders", { signal: abort.signal });
  assert.equal(await nextOf(updates), "SERVING");
  const pending = updates.next();
  const reason = new Error("enough");
  abort.abort(reason);
  await assert.rejects(pending, (error) => error === reason);
  assert.equal(await nextOf(updates), "done");
  await noWatch(backend);
  const unread = new AbortController();
  const others = client.watch("acme.Orders", { signal: unread.signal });
  assert.equal(await nextOf(others), "SERVING");
  backend.set("NOT_SERVING");
  await pause(200);
  unread.abort(reason);
  await assert.rejects(others.next(), (error) => error === reason, "a status from before the end is not given");
  await assert.rejects(client.watch("", { signal: abort.signal }).next(), (error) => error === reason);
  assert.equal(backend.asked.length, 2);
});

test("return() ends a next() that waits, close() ends all iterators, and no Watch is left", async (t) => {
  const { backend, client, updates } = await watched(t);
  const others = [client.watch("a"), client.watch("b")];
  for (const each of [updates, ...others]) assert.equal(await nextOf(each), "SERVING");
  assert.equal(backend.watches.size, 3);
  const pending = updates.next();
  await updates.return();
  assert.deepEqual(await pending, { done: true, value: undefined });
  const waiting = others.map((each) => each.next());
  await client.close();
  assert.deepEqual(await Promise.all(waiting), [
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  await noWatch(backend);
});

test("consumers that wait at the same time get the updates in their order", async (t) => {
  const { backend, updates } = await watched(t);
  const [first, second, third] = [nextOf(updates), nextOf(updates), nextOf(updates)];
  assert.equal(await first, "SERVING");
  backend.set("NOT_SERVING");
  assert.equal(await second, "NOT_SERVING");
  backend.set("SERVING");
  assert.equal(await third, "SERVING");
});

test("a server that sends no first status is a failure after the timeout, and other calls keep their connection", async (t) => {
  let accepted = 0;
  const backend = await Backend.start(t, {
    script: (stream) => {
      accepted += 1;
      if (accepted !== 1) stream.write(healthCheckResponse("SERVING"));
    },
  });
  const client = new HealthClient(`127.0.0.1:${backend.port}`, { timeout: 400, random: () => 0 });
  t.after(() => client.close());
  const updates = client.watch();
  const next = nextOf(updates);
  await eventually(() => accepted === 1, "the first Watch");
  const other = client.watch("other");
  assert.equal(await nextOf(other), "SERVING");
  assert.equal(await next, "TRANSIENT_FAILURE DEADLINE_EXCEEDED 800");
  assert.equal(await nextOf(updates), "SERVING");
  assert.equal(backend.asked.length, 3, "the other Watch was not opened again");
  const silent = other.next();
  await pause(50);
  await other.return();
  assert.equal((await silent).done, true);
});

test("a target that does not answer a Check after a silence loses its connection, and one that does keeps it", async (t) => {
  let isHung = false;
  const { head, data, serving } = await import("../raw-server.js");
  const server = await rawServer({
    onRequest: (connection, stream) => {
      if (isHung && connection.number === 1) return;
      if (connection.sent.some((frame) => frame.stream === stream && frame.payload.includes("Watch")))
        connection.write(head(stream), data(stream));
      else connection.write(serving(stream));
    },
  });
  t.after(() => server.target.stop());
  const client = new HealthClient(`127.0.0.1:${server.target.port}`, { timeout: 300, keepalive: 200, random: () => 0 });
  t.after(() => client.close());
  const updates = client.watch();
  assert.equal(await nextOf(updates), "SERVING");
  const next = nextOf(updates);
  await eventually(() => (server.connections[0]?.requests.length ?? 0) >= 4, "three Checks after silences");
  assert.equal(server.connections.length, 1);
  isHung = true;
  assert.equal(await next, "TRANSIENT_FAILURE DEADLINE_EXCEEDED 0");
  assert.equal(await nextOf(updates), "SERVING");
  assert.equal(server.connections.length, 2);
  await updates.return();
});

for (const [label, bytes] of [
  ["a message that is not protobuf", Buffer.from([0, 0, 0, 0, 2, 255, 255])],
  ["a status that the protocol lacks", Buffer.from([0, 0, 0, 0, 2, 8, 9])],
  ["a compressed message", Buffer.from([1, 0, 0, 0, 2, 8, 1])],
  ["a message of 4 GiB, announced", Buffer.from([0, 255, 255, 255, 255])],
] as const)
  test(`${label} is a failure, and no status`, async (t) => {
    const { head, data } = await import("../raw-server.js");
    const server = await rawServer({
      onRequest: (connection, stream) => connection.write(head(stream), data(stream, bytes)),
    });
    t.after(() => server.target.stop());
    const client = new HealthClient(`127.0.0.1:${server.target.port}`, { random: () => 0 });
    t.after(() => client.close());
    assert.equal(await nextOf(client.watch()), "TRANSIENT_FAILURE INTERNAL 800");
  });

/** Runs a program in a process of its own. Returns its output and how it ended. */
async function run(program: string): Promise<{ readonly code: unknown; readonly output: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (bytes) => {
    output += bytes;
  });
  const [code] = await inTime(once(child, "close"), "the program ends");
  return { code, output };
}

test("an idle client lets the process end, and one that waits for an update keeps it alive", async (t) => {
  const backend = await Backend.start(t);
  const module = JSON.stringify(new URL("../../../src/health-client.ts", import.meta.url).href);
  const begin = `const { HealthClient } = await import(${module}); const client = new HealthClient("127.0.0.1:${backend.port}", { timeout: 500 });`;
  const idle = `${begin} const updates = client.watch(); console.log((await updates.next()).value.status); await updates.return();`;
  assert.deepEqual(await run(idle), { code: 0, output: "SERVING\n" });
  const waiting = `${begin} const updates = client.watch(); await updates.next();
    setTimeout(() => client.close(), 700); console.log((await updates.next()).done);`;
  assert.deepEqual(await run(waiting), { code: 0, output: "true\n" });
  backend.server.forceShutdown();
  const retrying = `${begin} let failures = 0;
    for await (const { status } of client.watch()) { failures += 1; if (failures === 2) break; } console.log(failures);`;
  assert.deepEqual(await run(retrying), { code: 0, output: "2\n" });
});
