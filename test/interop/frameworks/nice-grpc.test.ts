/** A server of nice-grpc with `health.niceImplementation()`: cases Q1 to Q4 of nice-grpc-server-health, and its shutdown. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { readHealthListResponse } from "../../../src/wire/health-messages.js";
import { eventually, pause } from "../../support/eventually.js";
import { request, statusIn } from "../../support/grpc-peer.js";
import { grpcHealthProbe } from "../install.js";
import { npmRpcFrameworks } from "../npm-packages.js";
import { library } from "../package/packaged.js";
import { run } from "../peers.js";
import { load } from "./load.js";

const { gracefulShutdown, Health } = library;

const DRAIN_DELAY_MS = 1_200;
const PATIENT = ["-connect-timeout", "10s", "-rpc-timeout", "10s"];

const niceGrpc = () => npmRpcFrameworks()("nice-grpc");

/** A middleware of nice-grpc. */
type NiceMiddleware = (
  call: { request: unknown; next(request: unknown, context: object): AsyncIterable<unknown> },
  context: { signal: AbortSignal },
) => AsyncIterable<unknown>;

interface NiceServer {
  add(definition: unknown, implementation: unknown): void;
  use(middleware: NiceMiddleware): NiceServer;
  listen(address: string): Promise<number>;
  shutdown(): Promise<void>;
  forceShutdown(): void;
}

async function start(t: TestContext, middleware?: NiceMiddleware) {
  const health = new Health();
  health.set("healthy", "SERVING");
  health.set("unhealthy", "NOT_SERVING");
  const { createServer, createChannel, createClient } = niceGrpc();
  const bare: NiceServer = createServer();
  const server = middleware === undefined ? bare : bare.use(middleware);
  server.add(health.definition, health.niceImplementation());
  const port = await server.listen("127.0.0.1:0");
  const channel = createChannel(`127.0.0.1:${port}`);
  t.after(() => {
    channel.close();
    server.forceShutdown();
  });
  return { health, server, port, client: createClient(health.definition, channel) };
}

describe("nice-grpc", () => {
  test("Check: known services have their status, an unknown one is NOT_FOUND [Q1, Q2]", async (t) => {
    const { health, client } = await start(t);
    const check = async (service: string) => statusIn(await client.check(request(service)));
    assert.deepEqual(await Promise.all(["", "healthy", "unhealthy"].map(check)), [1, 1, 2]);
    await assert.rejects(check("x"), { code: 5, details: "unknown service" });
    health.clear("healthy");
    await assert.rejects(check("healthy"), { code: 5 });
    await assert.rejects(client.check(Buffer.from("0a50", "hex")), { code: 3, details: "malformed request" });
    assert.equal(readHealthListResponse(await client.list(Buffer.alloc(0)))?.get("unhealthy"), 2);
  });

  test("Watch sends changes, SERVICE_UNKNOWN after a clear, and ends with the client's signal", async (t) => {
    const { health, client } = await start(t);
    const controller = new AbortController();
    const statuses: number[] = [];
    const watching = (async () => {
      for await (const message of client.watch(request("healthy"), { signal: controller.signal }))
        statuses.push(statusIn(message));
    })();
    const ended = assert.rejects(watching, { name: "AbortError" });
    await eventually(() => statuses.length === 1, "the first status");
    health.set("healthy", "NOT_SERVING");
    await eventually(() => statuses.length === 2, "the change");
    health.clear("healthy");
    await eventually(() => statuses.length === 3, "the clear");
    assert.deepEqual(statuses, [1, 2, 3]);
    controller.abort();
    await ended;
    await eventually(() => health.watcherCount === 0, "the Watch is closed on the server");
  });

  test("a terminator ends an open Watch with UNAVAILABLE, and the server shuts down [Q3]", async (t) => {
    const terminator = new AbortController();
    // as nice-grpc-server-terminator does it: calls that ask for it end when the server terminates
    const middleware: NiceMiddleware = async function* (call, context) {
      const own = new AbortController();
      const abort = () => own.abort();
      context.signal.addEventListener("abort", abort);
      const abortOnTerminate = () => terminator.signal.addEventListener("abort", abort);
      try {
        return yield* call.next(call.request, { ...context, signal: own.signal, abortOnTerminate });
      } catch (error) {
        if (!terminator.signal.aborted) throw error;
        const { ServerError, Status } = niceGrpc();
        throw new ServerError(Status.UNAVAILABLE, "Server shutting down");
      }
    };
    const { health, server, client } = await start(t, middleware);
    const statuses: number[] = [];
    const watching = (async () => {
      for await (const message of client.watch(request(""))) statuses.push(statusIn(message));
    })();
    const ended = assert.rejects(watching, { code: 14, details: "Server shutting down" });
    await eventually(() => statuses.length === 1, "the first status");
    terminator.abort();
    await ended;
    await server.shutdown();
    assert.equal(health.watcherCount, 0);
  });

  test("the real grpc_health_probe [Q4]", async (t) => {
    const { port } = await start(t);
    const probe = (service: string) =>
      run(grpcHealthProbe(), [...PATIENT, "-addr", `localhost:${port}`, "-service", service]);
    for (const service of ["", "healthy"]) {
      const { code, stderr } = await probe(service);
      assert.deepEqual([code, stderr.trim()], [0, "status: SERVING"]);
    }
    assert.equal((await probe("unhealthy")).code, 4);
    const unknown = await probe("MyService");
    assert.equal(unknown.code, 3);
    assert.match(unknown.stderr, /code = NotFound desc = unknown service/);
  });

  test("no call fails during the shutdown, and Watch ends with UNAVAILABLE", async (t) => {
    const { health, server, client } = await start(t);
    const close = () => server.shutdown();
    const options = { signals: [], drainDelayMs: DRAIN_DELAY_MS, timeoutMs: 8_000, log() {} };
    const { shutdown } = gracefulShutdown({ health, servers: [{ close }], ...options });
    const statuses: number[] = [];
    const watching = (async () => {
      for await (const message of client.watch(request("healthy"))) statuses.push(statusIn(message));
    })();
    const watchEnded = assert.rejects(watching, { code: 14, details: "server is shutting down" });
    let isOver = false;
    const loaded = load(
      () => isOver,
      async () => String(statusIn(await client.check(request("")))),
      ["1", "2"],
    );
    await pause(100);
    const startedAt = performance.now();
    const ended = shutdown();
    await pause(DRAIN_DELAY_MS / 2);
    isOver = true;
    const { count, failures } = await loaded;
    assert.deepEqual(failures, []);
    assert(count > 8, `${count} calls`);
    await ended;
    assert(performance.now() - startedAt < DRAIN_DELAY_MS + 2_000, "the open Watch does not delay it");
    await watchEnded;
    assert.deepEqual(statuses, [1, 2]);
  });
});
