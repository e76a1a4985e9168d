/** A server in a thread of its own, beside one in the main thread: whatever a client or the application sees is the same. */
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { Worker } from "node:worker_threads";
import type { HealthOptions, HealthServer, ListenOptions } from "../../../src/index.js";
import { Health } from "../../support/built-library.js";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { readValue } from "../../support/exposition.js";
import { GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";

const AT_ONCE = { drainDelayMs: 0, closeTimeoutMs: 2_000 };
const THREAD = { thread: true } as const;

type BuiltHealth = InstanceType<typeof Health>;

function healthOf(t: TestContext, options?: HealthOptions): BuiltHealth {
  const health = new Health(options);
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return health;
}

function listen(health: BuiltHealth, options: ListenOptions = {}): Promise<HealthServer> {
  return health.listen(["127.0.0.1:0"], { ...THREAD, ...options });
}

async function ask(server: HealthServer, path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${portOf(server)}${path}`, init);
  return `${response.status} ${await response.text()}`;
}

function peerOf(t: TestContext, server: HealthServer): GrpcPeer {
  const peer = new GrpcPeer(portOf(server));
  t.after(() => peer.close());
  return peer;
}

/** The threads that are started during a test. */
function threadsOf(t: TestContext): readonly Worker[] {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker) => threads.push(worker);
  process.on("worker", onWorker);
  t.after(() => void process.off("worker", onWorker));
  return threads;
}

const pem = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url));

/** What a caller can see of an error. */
function partsOf(error: unknown): object {
  assert.ok(error instanceof Error);
  const { name, message, cause } = error;
  const code = "code" in error ? error.code : undefined;
  const causeCode = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return { name, message, code, causeCode };
}

async function refusal(health: BuiltHealth, addresses: readonly string[], options: object): Promise<object> {
  return health.listen(addresses, options).then(
    () => assert.fail("it serves"),
    (error: unknown) => partsOf(error),
  );
}

describe("listen() with thread: true", () => {
  test("rejects as it does without a thread, and leaves nothing open", async (t) => {
    const health = healthOf(t);
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    t.after(() => void other.close());
    const { port } = Object(other.address());
    const cases: readonly [readonly string[], object][] = [
      [[`127.0.0.1:${port}`], {}],
      [["127.0.0.1:0", `127.0.0.1:${port}`], {}],
      [["nowhere.invalid:0"], {}],
      [["192.0.2.1:0"], {}],
      [["unix:/nowhere/at/all.sock"], {}],
      [["no address"], {}],
      [[], {}],
      [["127.0.0.1:0"], { tls: { cert: pem("server.crt"), key: pem("client.key") } }],
      [["127.0.0.1:0"], { tls: { cert: "", key: "" } }],
      [["127.0.0.1:0"], { maxConnections: 0 }],
      [["127.0.0.1:0"], { engine: "none" }],
      [["127.0.0.1:0"], { statusCodePaths: ["/grpc.health.v1.Health/Check"] }],
    ];
    for (const [addresses, options] of cases) {
      const expected = await refusal(health, addresses, options);
      assert.deepEqual(await refusal(health, addresses, { ...options, ...THREAD }), expected);
    }
    assert.equal(health.watcherCount, 0);
  });

  test("names a mistake in its own options", async (t) => {
    const health = healthOf(t);
    for (const [options, message] of [
      [{ thread: "yes" }, /^thread must be true or false; got yes$/],
      [{ stallAfter: "5s" }, /^stallAfter has no effect without thread: true$/],
      [{ ...THREAD, stallAfter: "10ms" }, /^stallAfter must be at least 1s; got 10ms$/],
      [{ ...THREAD, stallAfter: "soon" }, /^stallAfter must be at least 1s; got soon$/],
      [{ ...THREAD, statusCodePaths: [() => "/"] }, /^with thread: true, options must be plain data: /],
    ] as const)
      await assert.rejects(health.listen(["127.0.0.1:0"], Object(options)), { code: "INVALID_OPTION", message });
  });

  for (const engine of ["native", "grpc-js"] as const)
    test(`serves every form of the status over gRPC and HTTP: ${engine}`, async (t) => {
      const health = healthOf(t);
      health.set("a", "SERVING", { degraded: true, reason: "slow" });
      health.set("b", "NOT_SERVING");
      const [threaded, direct] = [
        await listen(health, { engine, paths: ["/status"] }),
        await listen(health, { thread: false, engine, paths: ["/status"] }),
      ];
      for (const path of [
        "/healthcheck",
        "/healthcheck/a",
        "/healthcheck/b",
        "/healthcheck/c",
        "/livez?verbose",
        "/readyz?verbose",
        "/startupz",
        "/status",
        "/x",
      ])
        assert.equal(await ask(threaded, path), await ask(direct, path), path);
      const json = { headers: { accept: "application/health+json" } };
      for (const path of ["/healthcheck/a", "/readyz"])
        assert.equal(await ask(threaded, path, json), await ask(direct, path, json), path);
      const [one, other] = [peerOf(t, threaded), peerOf(t, direct)];
      for (const service of ["", "a", "b", "c", "liveness", "readiness", "startup"]) {
        const [{ code, status, end }, expected] = [await one.check(service), await other.check(service)];
        assert.deepEqual([code, status], [expected.code, expected.status], service);
        assert.equal(end.trailers["x-envoy-degraded"], expected.end.trailers["x-envoy-degraded"]);
      }
      assert.deepEqual((await one.list()).statuses, (await other.list()).statuses);
    });

  test("what a caller without types gives beside the contract cannot stop the mirror, nor end the process", async (t) => {
    const health = healthOf(t, { metrics: true });
    const server = await listen(health);
    const beside = { comment: () => {} };
    health.heartbeat("job", { ttl: "1h" });
    health.declareServices([{ name: "work", members: ["job"], policy: { kind: "all", ...beside }, ...beside }]);
    // @ts-expect-error as a caller without types
    health.set("a", "NOT_SERVING", { reason: () => {}, detail: () => {} });
    assert.equal(health.status("a"), "NOT_SERVING");
    health.set("b", "SERVING");
    await eventually(async () => (await ask(server, "/healthcheck/b")) === "200 OK", "the mirror follows");
    assert.equal(await ask(server, "/healthcheck/a"), "503 NOT_SERVING");
    assert.equal(await ask(server, "/healthcheck/work"), "503 UNKNOWN");
  });

  test("serves where /proc is not mounted", async (t) => {
    t.mock.method(process, "memoryUsage", () => {
      throw new Error("ENOENT: no such file or directory, uv_resident_set_memory");
    });
    const server = await listen(healthOf(t));
    assert.equal(await ask(server, "/healthcheck"), "200 OK");
  });

  test("shows a change, tells watchers, and counts them", async (t) => {
    const health = healthOf(t);
    health.set("a", "SERVING");
    const server = await listen(health);
    const peer = peerOf(t, server);
    const watch = peer.watch("a");
    const unknown = peer.watch("later");
    await watch.saw(1);
    await unknown.saw(3);
    await eventually(() => health.watcherCount === 2 && health.watchedNameCount === 2, "both are counted");
    assert.equal(server.connectionCount, 1);
    health.set("a", "NOT_SERVING");
    health.set("later", "SERVING");
    await watch.saw(1, 2);
    await unknown.saw(3, 1);
    health.clear("a");
    await watch.saw(1, 2, 3);
    peer.close();
    await eventually(() => health.watcherCount === 0 && server.connectionCount === 0, "nothing is left");
  });

  test("keeps the limits of List and Watch", async (t) => {
    const health = healthOf(t, { listLimit: 2, maxWatchers: 1 });
    for (const name of ["a", "b", "c"]) health.set(name, "SERVING");
    const peer = peerOf(t, await listen(health));
    assert.equal((await peer.list()).code, 8);
    await peer.watch("a").saw(1);
    assert.equal((await peer.watch("b").ended()).code, 8);
  });

  test("takes heartbeats in the main thread, each with its own token", async (t) => {
    const health = healthOf(t);
    health.heartbeat("job", { ttl: "1m", token: "secret" });
    const server = await listen(health);
    const post = (path: string, token: string) =>
      ask(server, path, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    assert.equal(await post("/heartbeat/job", "wrong"), "401 UNAUTHENTICATED");
    assert.equal(await post("/heartbeat/other", "secret"), "401 UNAUTHENTICATED");
    assert.equal(health.status("job"), "UNKNOWN");
    assert.equal(await post("/heartbeat/job", "secret"), "200 OK");
    assert.equal(health.status("job"), "SERVING");
    await eventually(async () => (await ask(server, "/healthcheck/job")) === "200 OK", "the report is published");
    assert.equal(await post("/heartbeat/job?status=fail", "secret"), "200 OK");
    assert.equal(health.status("job"), "NOT_SERVING");
  });

  test("guards the list of services with the token", async (t) => {
    const health = healthOf(t, { token: "secret" });
    const peer = peerOf(t, await listen(health));
    assert.equal((await peer.list()).code, 16);
  });

  test("speaks TLS, and uses another certificate for new connections", async (t) => {
    const health = healthOf(t, { metrics: true });
    const server = await listen(health, { tls: { cert: pem("server.crt"), key: pem("server.key") } });
    const subject = async () => {
      const socket = connectTls({ port: portOf(server), host: "127.0.0.1", rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    const before = await subject();
    assert.throws(() => server.replaceTls({ cert: pem("server.crt"), key: pem("client.key") }), { code: "TLS_FAILED" });
    assert.equal(await subject(), before);
    server.replaceTls({ cert: pem("client.crt"), key: pem("client.key") });
    await eventually(async () => (await subject()) !== before, "the other certificate is used");
  });

  test("has one page of metrics for all servers of a Health, with what happens in either thread", async (t) => {
    const health = healthOf(t, { metrics: true });
    health.check("ok", () => true, { interval: "1h" });
    await eventually(() => health.status("ok") === "SERVING", "a result that comes before the thread");
    const [one, other] = [await listen(health), await listen(health, { thread: false })];
    const peers = [peerOf(t, one), peerOf(t, other)];
    for (const peer of peers) await peer.watch("").saw(1);
    for (const peer of peers) await peer.check("ok");
    const expected = {
      grpc_health_watchers: "2",
      'grpc_health_requests_total{method="Check",code="OK"}': "2",
      'healthbridge_check_results_total{check="ok",outcome="pass",reason=""}': "1",
      'grpc_health_transitions_total{service="ok",to="SERVING"}': "1",
      'healthbridge_check_duration_seconds_count{check="ok"}': "1",
    };
    for (const server of [one, other])
      await eventually(
        async () => {
          const page = await ask(server, "/metrics");
          return Object.entries(expected).every(([series, value]) => page.includes(`\n${series} ${value}\n`));
        },
        `the metrics of ${server === one ? "the thread" : "the main thread"}`,
      );
    const pageOf = async (server: HealthServer) => (await ask(server, "/metrics")).slice("200 ".length);
    const silence = Number(readValue(await pageOf(one), "healthbridge_main_thread_silence_seconds"));
    assert.ok(silence >= 0 && silence < 10, `${silence} s`);
    assert.ok(!(await pageOf(other)).includes("\nhealthbridge_main_thread_silence_seconds "));
    assert.ok(Number(readValue(await pageOf(one), "nodejs_heap_size_used_bytes")) > 1_000_000);
  });

  test("publishes what its thread does on the channels of the main thread", async (t) => {
    const health = healthOf(t, { instance: "channels-of-a-thread" });
    const server = await listen(health);
    const seen: string[] = [];
    for (const name of ["call", "http-request"])
      subscribe(`healthbridge:${name}`, (message) => {
        const { instance, ...rest } = Object(message);
        if (instance === "channels-of-a-thread") seen.push(`${name} ${Object.values(rest).join(" ")}`);
      });
    const peer = peerOf(t, server);
    for (let count = 0; count < 5; count += 1) await peer.check("");
    await peer.check("unknown");
    await ask(server, "/livez");
    await eventually(() => seen.length >= 7, "every answer was published");
    assert.deepEqual(
      seen.sort(),
      [...Array(5).fill("call Check OK"), "call Check NOT_FOUND", "http-request livez 200"].sort(),
    );
  });
});

describe("the end of a server in a thread", () => {
  test("shutdown() drains, tells watchers, then closes", async (t) => {
    const health = healthOf(t);
    health.set("a", "SERVING");
    const server = await listen(health);
    const watch = peerOf(t, server).watch("a");
    await watch.saw(1);
    const ended = health.shutdown({ drainDelayMs: 300, closeTimeoutMs: 2_000 });
    await watch.saw(1, 2);
    assert.equal(await ask(server, "/readyz"), "503 NOT_SERVING");
    assert.equal(await ask(server, "/livez"), "200 OK");
    await inTime(ended, "the shutdown");
    const { code, text } = await watch.ended();
    assert.deepEqual([code, text], [14, "server is shutting down"]);
    await assert.rejects(ask(server, "/livez"));
  });

  test("close() ends its connections and its thread, once", async (t) => {
    const threads = threadsOf(t);
    const health = healthOf(t);
    const server = await listen(health);
    const watch = peerOf(t, server).watch("");
    await watch.saw(1);
    assert.equal(server.close(), server.close());
    await inTime(server.close(), "the close", 5_000);
    await watch.ended();
    assert.equal(threads[0]?.threadId, -1, "the thread has ended");
    await assert.rejects(ask(server, "/livez"));
    const again = await health.listen([`127.0.0.1:${portOf(server)}`], THREAD);
    assert.equal(await ask(again, "/livez"), "200 OK");
  });

  test("a shutdown that begins while it starts leaves nothing open", async (t) => {
    const threads = threadsOf(t);
    for (let count = 0; count < 6; count += 1) {
      const health = healthOf(t);
      const listening = listen(health).then(
        () => "served",
        (error: unknown) => Object(error).code,
      );
      await new Promise((resolve) => setTimeout(resolve, count * 30));
      await inTime(health.shutdown(AT_ONCE), "the shutdown");
      const outcome = await inTime(listening, "listen() settles");
      assert.ok(outcome === "served" || outcome === "ALREADY_STOPPED", outcome);
    }
    await eventually(() => threads.every(({ threadId }) => threadId === -1), "every thread has ended");
  });

  test("a thread that ends by itself is reported, and started again on the same address", async (t) => {
    const threads = threadsOf(t);
    const health = healthOf(t, { instance: "restarted" });
    health.set("a", "SERVING");
    const server = await listen(health);
    const faults: string[] = [];
    subscribe("healthbridge:fault", (message) => {
      const { instance, error } = Object(message);
      if (instance === "restarted") faults.push(error.message);
    });
    await threads[0]?.terminate();
    health.set("a", "NOT_SERVING");
    const answer = () => ask(server, "/healthcheck/a").catch(() => "no answer");
    await eventually(async () => (await answer()) !== "no answer", "it serves again");
    assert.equal(await answer(), "503 NOT_SERVING");
    health.set("a", "SERVING");
    await eventually(async () => (await answer()) === "200 OK", "it follows the registry");
    assert.deepEqual(faults, ["the listener thread has ended; it is started again"]);
    await inTime(health.shutdown(AT_ONCE), "the shutdown");
    assert.equal(await answer(), "no answer");
    assert.ok(threads.length === 2 && threads.every(({ threadId }) => threadId === -1));
  });

  test("a certificate that is replaced while the thread opens its addresses is used", async (t) => {
    const threads = threadsOf(t);
    const health = healthOf(t);
    const server = await listen(health, { tls: { cert: pem("server.crt"), key: pem("server.key") } });
    const subject = () =>
      new Promise<string>((resolve) => {
        const socket = connectTls({ port: portOf(server), host: "127.0.0.1", rejectUnauthorized: false });
        socket.once("error", () => resolve("no answer"));
        socket.once("secureConnect", () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        });
      });
    const before = await subject();
    const replaced = new Promise<void>((resolve) => {
      process.once("worker", () => {
        server.replaceTls({ cert: pem("client.crt"), key: pem("client.key") });
        resolve();
      });
    });
    await threads[0]?.terminate();
    await replaced;
    await eventually(async () => (await subject()) !== "no answer", "it serves again");
    assert.notEqual(await subject(), before);
  });

  test("a thread that ends during a shutdown does not open its addresses again", async (t) => {
    const threads = threadsOf(t);
    const health = healthOf(t);
    await listen(health);
    const other = await listen(health, { thread: false });
    const client = connect(portOf(other), "127.0.0.1");
    t.after(() => client.destroy());
    client.on("error", () => {});
    // its body does not come: this request holds up the shutdown
    client.write("POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n");
    client.write("Content-Length: 2\r\n\r\n");
    await eventually(() => other.connectionCount === 1, "a connection");
    await pause(100);
    const ended = health.shutdown(AT_ONCE);
    await pause(100);
    await threads[0]?.terminate();
    await pause(400);
    assert.equal(other.connectionCount, 1, "the shutdown goes on");
    assert.equal(threads.length, 1);
    await inTime(ended, "the shutdown");
  });

  test("a thread that ends again and again is started less and less often", async (t) => {
    const threads = threadsOf(t);
    const health = healthOf(t);
    const server = await listen(health);
    const answers = () => ask(server, "/livez").then(Boolean, () => false);
    const gaps: number[] = [];
    for (let round = 1; round <= 4; round += 1) {
      await threads.at(-1)?.terminate();
      const endedAt = performance.now();
      await eventually(() => threads.length === round + 1, "another thread");
      gaps.push(performance.now() - endedAt);
      await eventually(answers, "it serves");
    }
    assert.ok((gaps[3] ?? 0) >= 790, `started again after ${gaps.map(Math.round)} ms`);
  });
});
