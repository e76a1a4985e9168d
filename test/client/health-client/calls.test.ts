/** The calls of a `HealthClient`: answers, errors, deadlines, signals, and what is left behind. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { HealthCallError, HealthClient, type HealthClientOptions, HealthError } from "../../../src/health-client.js";
import { Health, type ListenOptions } from "../../../src/index.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { portOf } from "../../support/port-of.js";
import { h2frame, TYPE } from "../../support/raw-http2.js";
import { GRPC_SERVERS } from "../grpc-servers.js";
import { Backend } from "../policy/backends.js";
import { type RawServer, rawServer, type Script, serving, settings } from "../raw-server.js";

const pem = (file: string) => readFileSync(new URL(`../../fixtures/tls/${file}`, import.meta.url), "utf8");

async function healthServer(t: TestContext, options: ListenOptions = {}) {
  const health = new Health();
  const server = await health.listen(["127.0.0.1:0"], options);
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  return { health, target: `127.0.0.1:${portOf(server)}` };
}

function clientOf(t: TestContext, target: string, options: HealthClientOptions = {}): HealthClient {
  const client = new HealthClient(target, options);
  t.after(() => client.close());
  return client;
}

async function raw(t: TestContext, script: Script): Promise<RawServer & { readonly address: string }> {
  const server = await rawServer(script);
  t.after(() => server.target.stop());
  return { ...server, address: `127.0.0.1:${server.target.port}` };
}

const failsWith = (grpcCode: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HealthCallError && error instanceof HealthError, String(error));
  assert.deepEqual([error.code, error.grpcCode], ["CALL_FAILED", grpcCode]);
  assert.match(error.message, text);
  return true;
};

test("a client gets every status, and SERVICE_UNKNOWN for a service that the server does not know", async (t) => {
  const { health, target } = await healthServer(t);
  const client = clientOf(t, target);
  for (const status of ["SERVING", "NOT_SERVING", "UNKNOWN"] as const) {
    health.set("acme.Orders", status);
    assert.equal(await client.check("acme.Orders"), status);
  }
  assert.equal(await client.check(), "SERVING");
  assert.equal(await client.check("acme.Other"), "SERVICE_UNKNOWN");
});

test("a client gets the list of all services", async (t) => {
  const { health, target } = await healthServer(t);
  for (let at = 0; at < 10_000 - 1; at += 1) health.set(`${at}.${"x".repeat(190)}`, "NOT_SERVING");
  const statuses = await clientOf(t, target).list();
  assert.equal(statuses.size, 10_000);
  assert.equal(statuses.get(""), "SERVING");
  assert.equal(statuses.get(`7.${"x".repeat(190)}`), "NOT_SERVING");
});

/** What a HealthClient makes of an answer of the table. */
function outcomeOf(answer: string): string {
  if (["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].includes(answer)) return answer;
  if (answer === "NOT_FOUND") return "SERVICE_UNKNOWN";
  if (answer === "protocol" || answer === "unreadable") return "INTERNAL";
  if (answer === "cancelled") return "DEADLINE_EXCEEDED";
  return /^[A-Z_]+$/.test(answer) && !/^E[A-Z]+$/.test(answer) ? answer : "UNAVAILABLE";
}

for (const [label, { script, answer, connections = 1, isSecure = false, timeoutMs = 10_000 }] of Object.entries(
  GRPC_SERVERS,
))
  test(`a gRPC server that answers ${label}: the client gets ${outcomeOf(answer)}`, async (t) => {
    const { address, target } = await raw(t, script);
    const client = clientOf(t, address, { timeout: timeoutMs, tls: isSecure && { verify: false } });
    const got = await client.check().catch((error) => error.grpcCode ?? error);
    assert.deepEqual([got, target.accepted], [outcomeOf(answer), connections]);
  });

test("many calls at once share one connection", async (t) => {
  const { address, target } = await raw(t, {});
  const client = clientOf(t, address);
  const answers = await Promise.all(Array.from({ length: 200 }, () => client.check("acme.Orders")));
  assert.deepEqual([new Set(answers), target.accepted], [new Set(["SERVING"]), 1]);
});

test("calls beyond what a server allows at the same time go over another connection, and none is lost", async (t) => {
  const held: (() => void)[] = [];
  const { address, connections } = await raw(t, {
    greeting: [h2frame(TYPE.SETTINGS, 0, 0, Buffer.from([0, 3, 0, 0, 0, 2]))],
    onRequest: (connection, stream) => held.push(() => connection.write(serving(stream))),
  });
  const client = clientOf(t, address);
  const first = client.check();
  await eventually(() => held.length === 1, "the limit is known");
  const others = [client.check(), client.check(), client.check()];
  await eventually(() => held.length === 4, "all calls have come");
  for (const answer of held) answer();
  assert.deepEqual(await Promise.all([first, ...others]), ["SERVING", "SERVING", "SERVING", "SERVING"]);
  assert.equal(connections.length, 2);
  await eventually(
    () => connections[0]?.socket.destroyed === true,
    "the first connection is closed with its last call",
  );
});

test("a call that is not answered in time is DEADLINE_EXCEEDED, and the server knows the deadline", async (t) => {
  const backend = await Backend.start(t, { script: () => {} });
  const { address, connections } = await raw(t, { onRequest: () => {} });
  const client = clientOf(t, address, { timeout: "150ms" });
  const startedAt = performance.now();
  await assert.rejects(
    client.check("acme.Orders"),
    failsWith(
      "DEADLINE_EXCEEDED",
      /^Check of "acme\.Orders" at 127\.0\.0\.1:\d+: DEADLINE_EXCEEDED: no answer within 150 ms$/,
    ),
  );
  assert.ok(performance.now() - startedAt >= 149);
  assert.equal(
    connections[0]?.sent.some(({ payload }) => payload.includes("grpc-timeout")),
    true,
  );
  await assert.rejects(client.check("", { timeout: 50 }), failsWith("DEADLINE_EXCEEDED", /within 50 ms$/));
  assert.equal(backend.asked.length, 0);
});

test("a connection that is silent until a deadline gets no further call", async (t) => {
  const { address, target } = await raw(t, {
    onRequest: (connection, stream) => connection.number > 1 && connection.write(serving(stream)),
  });
  const client = clientOf(t, address, { timeout: 100 });
  await assert.rejects(client.check(), failsWith("DEADLINE_EXCEEDED", /./));
  assert.equal(await client.check(), "SERVING");
  assert.equal(target.accepted, 2);
});

test("a call that is late keeps a connection on which other calls are answered", async (t) => {
  const { address, connections } = await raw(t, {
    onRequest: (connection, stream) => stream > 1 && connection.write(serving(stream)),
  });
  const client = clientOf(t, address);
  const late = assert.rejects(client.check("slow", { timeout: 500 }), failsWith("DEADLINE_EXCEEDED", /./));
  await eventually(() => connections[0]?.requests.length === 1, "the call has come");
  assert.equal(await client.check("quick"), "SERVING");
  await late;
  assert.equal(await client.check("quick"), "SERVING");
  assert.deepEqual([connections.length, connections[0]?.reset], [1, "CANCEL"]);
});

test("a signal ends a call with its reason, resets the stream, and keeps the connection", async (t) => {
  const { address, connections } = await raw(t, {
    onRequest: (connection, stream) => stream > 1 && connection.write(serving(stream)),
  });
  const client = clientOf(t, address);
  const abort = new AbortController();
  const call = client.check("", { signal: abort.signal });
  await eventually(() => connections[0]?.requests.length === 1, "the call has come");
  const reason = new Error("not needed any more");
  abort.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.equal(await client.check(), "SERVING");
  assert.deepEqual([connections.length, connections[0]?.reset], [1, "CANCEL"]);
  await assert.rejects(client.check("", { signal: abort.signal }), (error) => error === reason);
  assert.equal(connections[0]?.requests.length, 2);
});

test("a signal ends a call that has no connection yet", async (t) => {
  const { address } = await raw(t, { greeting: [], isDeaf: true, onRequest: () => {} });
  const call = clientOf(t, address).list({ signal: AbortSignal.timeout(50) });
  await assert.rejects(call, { name: "TimeoutError" });
});

test("a target that cannot be reached is UNAVAILABLE, with the reason", async (t) => {
  const { address, target } = await raw(t, {});
  await target.stop();
  await assert.rejects(clientOf(t, address).check(), failsWith("UNAVAILABLE", /ECONNREFUSED/));
  await assert.rejects(clientOf(t, "unix:/no/such.sock").check(), failsWith("UNAVAILABLE", /ENOENT/));
  await assert.rejects(clientOf(t, "nothing.invalid:1").check(), failsWith("UNAVAILABLE", /nothing\.invalid/));
});

test("a connection that was lost between two calls is replaced, and no call fails", async (t) => {
  const { address, connections } = await raw(t, {});
  const client = clientOf(t, address);
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(await client.check(), "SERVING");
    connections.at(-1)?.socket.destroy();
    await pause(round === 2 ? 0 : 20);
  }
  assert.equal(connections.length, 3);
});

test("TLS: the server's certificate is verified, and the client shows its own", async (t) => {
  const tls = { cert: pem("server.crt"), key: pem("server.key"), clientCa: pem("ca.crt") };
  const { target } = await healthServer(t, { tls });
  const own = { ca: pem("ca.crt"), cert: Buffer.from(pem("client.crt")), key: Buffer.from(pem("client.key")) };
  const port = target.split(":")[1];
  const check = (options: HealthClientOptions) => clientOf(t, `localhost:${port}`, options).check();
  assert.equal(await check({ tls: own }), "SERVING");
  await assert.rejects(check({ tls: { ...own, ca: pem("other-ca.crt") } }), failsWith("UNAVAILABLE", /./));
  await assert.rejects(
    check({ tls: { ...own, serverName: "other.example" } }),
    failsWith("UNAVAILABLE", /altnames|other\.example/),
  );
  assert.equal(await check({ tls: { ...own, ca: undefined, verify: false } }), "SERVING");
  await assert.rejects(check({ tls: { ca: pem("ca.crt") } }), failsWith("UNAVAILABLE", /./), "without a certificate");
  await assert.rejects(check({ tls: true }), failsWith("UNAVAILABLE", /certificate/));
  await assert.rejects(check({}), failsWith("UNAVAILABLE", /./), "in clear text");
});

test("metadata of the client and of the call are sent, and the authority", async (t) => {
  const backend = await Backend.start(t);
  const client = clientOf(t, `127.0.0.1:${backend.port}`, {
    ...{ authority: "orders.example", metadata: { authorization: "Bearer secret" } },
  });
  const updates = client.watch("acme.Orders", { metadata: { "x-call": "1", "x-bytes-bin": "AQID" } });
  await updates.next();
  await updates.return();
  const [asked] = backend.asked;
  assert.equal(asked?.authority, "orders.example");
  assert.deepEqual(
    ["authorization", "x-call", "x-bytes-bin"].map((name) => asked?.metadata.get(name)),
    [["Bearer secret"], ["1"], [Buffer.from([1, 2, 3])]],
  );
});

// callers without types
const INVALID: Readonly<Record<string, readonly [make: () => unknown, code: string, text: RegExp]>> = {
  "a target that is no text": [() => new HealthClient(7 as never), "INVALID_TARGET", /must be a text/],
  "a URL": [() => new HealthClient("grpcs://u:secret@orders:1"), "INVALID_TARGET", /option tls$/],
  "a target without a port": [() => new HealthClient("orders"), "INVALID_TARGET", /HOST:PORT/],
  "port 0": [() => new HealthClient("orders:0"), "INVALID_TARGET", /HOST:PORT/],
  "port 65536": [() => new HealthClient("orders:65536"), "INVALID_TARGET", /HOST:PORT/],
  "an IPv6 address without brackets": [() => new HealthClient("::1:50051"), "INVALID_TARGET", /\[IPV6\]:PORT/],
  "an empty socket": [() => new HealthClient("unix:"), "INVALID_TARGET", /unix:\/PATH/],
  "no options": [() => new HealthClient("a:1", null as never), "INVALID_OPTION", /must be an object/],
  "an unknown option": [
    () => new HealthClient("a:1", { timeOut: 1 } as never),
    "INVALID_OPTION",
    /did you mean timeout/,
  ],
  "an unknown TLS option": [
    () => new HealthClient("a:1", { tls: { crt: "" } } as never),
    "INVALID_OPTION",
    /"crt".*cert/,
  ],
  "tls as text": [() => new HealthClient("a:1", { tls: "yes" as never }), "INVALID_OPTION", /^tls must be/],
  "verify as text": [
    () => new HealthClient("a:1", { tls: { verify: "no" as never } }),
    "INVALID_OPTION",
    /^tls\.verify/,
  ],
  "a certificate without a key": [
    () => new HealthClient("a:1", { tls: { cert: "x" } }),
    "INVALID_OPTION",
    /^tls\.cert needs/,
  ],
  "a key without a certificate": [
    () => new HealthClient("a:1", { tls: { key: "x" } }),
    "INVALID_OPTION",
    /^tls\.key needs/,
  ],
  "a ca that is no text": [() => new HealthClient("a:1", { tls: { ca: 7 as never } }), "INVALID_OPTION", /^tls\.ca/],
  "a ca that is not PEM": [() => new HealthClient("a:1", { tls: { ca: "x" } }), "TLS_FAILED", /./],
  "an old version of TLS": [
    () => new HealthClient("a:1", { tls: { minVersion: "9" as never } }),
    "INVALID_OPTION",
    /^tls\.minVersion/,
  ],
  "an authority with a path": [() => new HealthClient("a:1", { authority: "a/b" }), "INVALID_OPTION", /^authority/],
  "metadata of gRPC": [
    () => new HealthClient("a:1", { metadata: { "grpc-timeout": "1S" } }),
    "INVALID_OPTION",
    /^metadata/,
  ],
  "a timeout of 0": [() => new HealthClient("a:1", { timeout: 0 }), "INVALID_OPTION", /^timeout must be a duration/],
  "a timeout without a unit": [() => new HealthClient("a:1", { timeout: "5" }), "INVALID_OPTION", /^timeout .*got 5$/],
  "a keepalive that is endless": [
    () => new HealthClient("a:1", { keepalive: Infinity }),
    "INVALID_OPTION",
    /^keepalive/,
  ],
  "a service that is no text": [
    () => new HealthClient("a:1").watch(7 as never),
    "INVALID_SERVICE_NAME",
    /must be a text/,
  ],
  "a service that is too long": [
    () => new HealthClient("a:1").watch("x".repeat(201)),
    "INVALID_SERVICE_NAME",
    /200 bytes/,
  ],
  "a timeout of a Watch": [
    () => new HealthClient("a:1").watch("", { timeout: 1 } as never),
    "INVALID_OPTION",
    /"timeout"/,
  ],
  "a signal that is none": [
    () => new HealthClient("a:1").watch("", { signal: {} as never }),
    "INVALID_OPTION",
    /^signal/,
  ],
  "a service of check": [() => new HealthClient("a:1").check(null as never), "INVALID_SERVICE_NAME", /must be a text/],
  "an option of check": [
    () => new HealthClient("a:1").check("", { deadline: 1 } as never),
    "INVALID_OPTION",
    /"deadline"/,
  ],
  "a timeout of list": [() => new HealthClient("a:1").list({ timeout: -1 }), "INVALID_OPTION", /^timeout/],
  "metadata of list": [
    () => new HealthClient("a:1").list({ metadata: { host: "x" } }),
    "INVALID_OPTION",
    /^metadata\.host/,
  ],
};

for (const [label, [make, code, text]] of Object.entries(INVALID))
  test(`${label} is refused with ${code}`, async () => {
    await assert.rejects(
      async () => await make(),
      (error: HealthError) => {
        assert.deepEqual([error.code, text.test(error.message)], [code, true], error.message);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
    );
  });

test("close() ends calls that run as CANCELLED, and later calls are refused", async (t) => {
  const { address, connections, target } = await raw(t, { onRequest: () => {} });
  const client = clientOf(t, address);
  const call = client.check();
  await eventually(() => connections[0]?.requests.length === 1, "the call has come");
  await client.close();
  await assert.rejects(call, failsWith("CANCELLED", /./));
  await inTime(target.disconnected(), "the connection is closed");
  for (const later of [() => client.check(), () => client.list(), async () => client.watch()])
    await assert.rejects(later(), { code: "ALREADY_STOPPED" });
  await client.close();
  await client[Symbol.asyncDispose]();
});

test("an answer that has more than the protocol allows does no harm", async (t) => {
  const { address, target } = await raw(t, {
    greeting: [settings()],
    onRequest: (connection) => {
      for (let at = 0; at < 20_000; at += 1) connection.write(h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)));
    },
  });
  await assert.rejects(clientOf(t, address).check(), failsWith("INTERNAL", /more frames than any call needs/));
  await inTime(target.disconnected(), "the connection is closed");
});
