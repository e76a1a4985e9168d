/** `health.handler()` on servers of node:http2: grpc-js, grpc_health_probe, grpcurl and HTTP/1 on a TLS port. */
import assert from "node:assert/strict";
import { createSecureServer, createServer, type Http2Server } from "node:http2";
import { Agent, get } from "node:https";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import { fixture } from "../../conformance/wire.rows.js";
import { eventually, pause } from "../../support/eventually.js";
import { request, statusIn } from "../../support/grpc-peer.js";
import { grpcHealthProbe, grpcurl } from "../install.js";
import { library } from "../package/packaged.js";
import { run } from "../peers.js";
import { load } from "./load.js";

const { gracefulShutdown, Health } = library;

const DRAIN_DELAY_MS = 1_200;
const HEALTH = "/grpc.health.v1.Health";
const PROTO = fileURLToPath(new URL("../../../proto", import.meta.url));
const CA = fileURLToPath(new URL("../../fixtures/tls/ca.crt", import.meta.url));
const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

const asIs = (bytes: Buffer): Buffer => bytes;

async function start(t: TestContext, server: Http2Server, health: InstanceType<typeof Health>) {
  health.set("acme.Orders", "SERVING");
  const options = { signals: [], drainDelayMs: DRAIN_DELAY_MS, timeoutMs: 8_000, log() {} };
  const { shutdown } = gracefulShutdown({ health, servers: [server], ...options });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(shutdown);
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return { port: address.port, shutdown };
}

function check(client: Client, service: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(`${HEALTH}/Check`, asIs, asIs, request(service), (error, answer) =>
      error === null ? resolve(String(statusIn(answer))) : reject(error),
    );
  });
}

describe("a server of node:http2 with handler()", () => {
  test("grpc_health_probe and grpcurl get their answers", async (t) => {
    const health = new Health();
    const { port } = await start(t, createServer(health.handler()), health);
    health.set("down", "NOT_SERVING");
    const probe = (...args: string[]) => run(grpcHealthProbe(), [...PATIENT, "-addr", `localhost:${port}`, ...args]);
    assert.deepEqual(await probe().then(({ code, stderr }) => [code, stderr.trim()]), [0, "status: SERVING"]);
    assert.equal((await probe("-service", "down")).code, 4);
    const unknown = await probe("-service", "x");
    assert.equal(unknown.code, 3);
    assert.match(unknown.stderr, /code = NotFound desc = unknown service/);
    const args = ["-plaintext", "-import-path", PROTO, "-proto", "grpc/health/v1/health.proto"];
    const call = (method: string) => run(grpcurl(), [...args, `localhost:${port}`, `grpc.health.v1.Health/${method}`]);
    assert.match((await call("List")).stdout, /"acme\.Orders": \{\s+"status": "SERVING"/);
    assert.match(
      (await run(grpcurl(), [...args, "-max-time", "2", `localhost:${port}`, "grpc.health.v1.Health/Watch"])).stdout,
      /"status": "SERVING"/,
    );
  });

  test("a Watch of grpc-js sees every change, and UNAVAILABLE at the shutdown; no Check fails before it", async (t) => {
    const health = new Health();
    const { port, shutdown } = await start(t, createServer(health.handler()), health);
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    t.after(() => client.close());
    const statuses: number[] = [];
    const watch = client.makeServerStreamRequest(`${HEALTH}/Watch`, asIs, asIs, request("acme.Orders"));
    watch.on("data", (message: Buffer) => statuses.push(statusIn(message)));
    const ended = new Promise<{ code: number; details: string }>((resolve) =>
      watch.once("error", (error) => resolve(Object(error))),
    );
    await eventually(() => statuses.length === 1, "the first status");
    health.set("acme.Orders", "NOT_SERVING");
    await eventually(() => statuses.length === 2, "the change");
    await assert.rejects(check(client, "x"), { code: 5, details: "unknown service" });
    let isOver = false;
    const loaded = load(
      () => isOver,
      () => check(client, ""),
      ["1", "2"],
    );
    await pause(100);
    const closed = shutdown();
    await pause(DRAIN_DELAY_MS / 2);
    isOver = true;
    const { count, failures } = await loaded;
    assert.deepEqual(failures, []);
    assert(count > 8, `${count} calls`);
    const { code, details } = await ended;
    assert.deepEqual([code, details], [14, "server is shutting down"]);
    assert.deepEqual(statuses, [1, 2]);
    await closed;
  });

  test("with TLS and allowHTTP1, one port serves gRPC and HTTP/1, and closes both kinds of connections", async (t) => {
    const health = new Health();
    const tls = { cert: fixture("server.crt"), key: fixture("server.key"), allowHTTP1: true };
    const { port, shutdown } = await start(t, createSecureServer(tls, health.handler()), health);
    const probe = await run(grpcHealthProbe(), [...PATIENT, "-addr", `localhost:${port}`, "-tls", "-tls-ca-cert", CA]);
    assert.deepEqual([probe.code, probe.stderr.trim()], [0, "status: SERVING"]);
    const agent = new Agent({ keepAlive: true, ca: fixture("ca.crt") });
    t.after(() => agent.destroy());
    const ask = (path: string) =>
      new Promise<string>((resolve, reject) => {
        get({ port, host: "localhost", path, agent }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          response.on("end", () => resolve(`${response.statusCode} ${text}`));
        }).on("error", reject);
      });
    assert.equal(await ask("/healthcheck"), "200 OK");
    assert.equal(await ask("/orders"), "404 NOT_FOUND");
    const startedAt = performance.now();
    await shutdown();
    const durationMs = performance.now() - startedAt;
    assert(durationMs < DRAIN_DELAY_MS + 2_000, `closed after ${Math.round(durationMs)} ms`);
  });
});
