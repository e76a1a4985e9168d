/** `/events` of a `Health`, over every way in which it is served. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import { connect } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import type { HealthOptions, ListenOptions } from "../../src/index.js";
import { Health } from "../support/built-library.js";
import { EventClient } from "../support/event-client.js";
import { eventually, pause } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";

type BuiltHealth = InstanceType<typeof Health>;

const AT_ONCE = { drainDelayMs: 0, closeTimeoutMs: 2_000 };

function healthOf(t: TestContext, options: HealthOptions = { history: true }): BuiltHealth {
  const health = new Health(options);
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 }));
  return health;
}

/** Opens a stream of events; `close` is the client's. */
interface Opened {
  readonly client: EventClient;
  readonly headers: Readonly<Record<string, unknown>>;
  close(): void;
}

type Open = (path: string, headers?: Record<string, string>, method?: string) => Promise<Opened>;

function http1(t: TestContext, port: number): Open {
  return async (path, headers = {}, method = "GET") => {
    const request = get({ host: "127.0.0.1", port, path, headers, method, agent: false });
    t.after(() => void request.destroy());
    const [response]: [IncomingMessage] = await once(request, "response").then(([each]) => [each]);
    assert.equal(response.statusCode, 200);
    return { client: new EventClient(response), headers: response.headers, close: () => void request.destroy() };
  };
}

function http2(t: TestContext, port: number): Open {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  t.after(() => void session.destroy());
  return async (path, headers = {}, method = "GET") => {
    const stream = session.request({ ":path": path, ":method": method, ...headers });
    const [answered] = await once(stream, "response");
    assert.equal(answered[":status"], 200);
    return { client: new EventClient(stream), headers: answered, close: () => stream.close(8) };
  };
}

function webRequests(health: BuiltHealth): Open {
  return async (path, headers = {}, method = "GET") => {
    const response = await health.fetch(new Request(`http://localhost${path}`, { headers, method }));
    assert.equal(response.status, 200);
    const reader = (response.body ?? new Blob([]).stream()).getReader();
    const chunks = async function* () {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    };
    const close = () => void reader.cancel();
    return { client: new EventClient(chunks()), headers: Object.fromEntries(response.headers), close };
  };
}

async function listening(t: TestContext, health: BuiltHealth, options: ListenOptions): Promise<number> {
  const server = await health.listen(["127.0.0.1:0"], options);
  t.after(() => server.close());
  return portOf(server);
}

async function application(t: TestContext, add: (server: ReturnType<typeof createServer>) => void): Promise<number> {
  const server = createServer((_request, response) => void response.end("application"));
  add(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object(server.address()).port;
}

const WAYS: Readonly<Record<string, (t: TestContext, health: BuiltHealth) => Promise<Open>>> = {
  "HTTP/1": async (t, health) => http1(t, await listening(t, health, {})),
  "HTTP/2": async (t, health) => http2(t, await listening(t, health, {})),
  "HTTP/1 beside grpc-js": async (t, health) => http1(t, await listening(t, health, { engine: "grpc-js" })),
  "HTTP/2 of grpc-js": async (t, health) => http2(t, await listening(t, health, { engine: "grpc-js" })),
  "HTTP/1 of a thread": async (t, health) => http1(t, await listening(t, health, { thread: true })),
  "HTTP/2 of a thread": async (t, health) => http2(t, await listening(t, health, { thread: true })),
  "attach()": async (t, health) => http1(t, await application(t, (server) => health.attach(server))),
  "middleware()": async (t, health) => {
    const answer = health.middleware();
    const add = (server: ReturnType<typeof createServer>) => {
      server.removeAllListeners("request");
      server.on("request", (request, response) => answer(request, response, () => void response.writeHead(404).end()));
    };
    return http1(t, await application(t, add));
  },
  "fetch()": async (_t, health) => webRequests(health),
};

for (const [way, start] of Object.entries(WAYS)) {
  describe(`/events over ${way}`, () => {
    test("shows transitions as they come, and those that a client has missed", async (t) => {
      const health = healthOf(t);
      health.set("orders", "SERVING");
      const open = await start(t, health);
      const first = await open("/events");
      await first.client.untilSnapshots();
      assert.equal(first.headers["content-type"], "text/event-stream; charset=utf-8");
      assert.equal(first.headers["content-length"], undefined);
      const beforeChange = performance.now();
      health.set("orders", "NOT_SERVING", { reason: "timeout" });
      await first.client.until("orders: NOT_SERVING");
      assert.ok(performance.now() - beforeChange < 1_000, "within a second");
      first.close();
      const { lastEventId } = first.client;
      health.set("orders", "SERVING");
      const second = await open("/events?service=orders", { "last-event-id": lastEventId });
      await second.client.until("orders: SERVING");
      assert.equal(second.client.snapshots.length, 0);
      const third = await open("/events", { "last-event-id": "another-3" });
      await third.client.untilSnapshots();
    });

    test("a large snapshot and many transitions arrive whole", async (t) => {
      const health = healthOf(t);
      for (let index = 0; index < 3_000; index += 1) health.set(`service-${index}`, "SERVING");
      const open = await start(t, health);
      const { client } = await open("/events");
      await client.untilSnapshots();
      assert.equal(client.snapshots[0]?.data.services.length, 3_001);
      for (let index = 0; index < 3_000; index += 1) health.set(`service-${index}`, "UNKNOWN");
      health.set("last", "SERVING");
      // a thread that the load has stalled shows it in a snapshot
      const isIn = ({ data }: { readonly data: { readonly services: readonly { readonly name: string }[] } }) =>
        data.services.some(({ name }) => name === "last");
      const isShown = () => client.transitions.includes("last: SERVING") || client.snapshots.some(isIn);
      await eventually(isShown, "the last transition, or a snapshot with it");
      const shown = new Set(client.transitions);
      assert.ok(client.snapshots.length > 1 || shown.size === 3_001, `${shown.size} transitions`);
    });

    test("a shutdown shows the drain, ends the stream in order and is not held up by it", async (t) => {
      const health = healthOf(t);
      health.set("orders", "SERVING");
      const open = await start(t, health);
      const { client } = await open("/events");
      await client.untilSnapshots();
      const startedAt = performance.now();
      await health.shutdown(AT_ONCE);
      assert.ok(performance.now() - startedAt < 1_900, "before the close timeout");
      await eventually(() => client.ended !== undefined, "the stream has ended");
      assert.deepEqual([client.ended, client.comments.at(-1)], ["in order", "closing"]);
      assert.ok(client.transitions.includes("orders: NOT_SERVING"));
    });

    test("HEAD has no body", async (t) => {
      const health = healthOf(t);
      const open = await start(t, health);
      const { client } = await open("/events", {}, "HEAD");
      await eventually(() => client.ended === "in order", "the answer has ended");
      assert.deepEqual(client.comments, []);
    });
  });
}

describe("/events of a thread", () => {
  test("shows that the application is stalled, and the statuses of now when it is back", async (t) => {
    const health = healthOf(t);
    health.set("orders", "SERVING");
    const port = await listening(t, health, { thread: true, stallAfter: "1s" });
    const worker = new URL("./thread/event-reader.mjs", import.meta.url);
    const { Worker } = await import("node:worker_threads");
    const reader = new Worker(worker, { workerData: { port } });
    t.after(() => reader.terminate());
    const seen: string[] = [];
    reader.on("message", (text: string) => seen.push(text));
    await eventually(() => seen.join("").includes("event: snapshot"), "a snapshot");
    const until = performance.now() + 2_500;
    while (performance.now() < until);
    await eventually(() => seen.join("").split("event: snapshot").length >= 4, `three snapshots: ${seen.join("")}`);
    const [, first = "", stalled = "", back = ""] = seen.join("").split("event: snapshot");
    assert.ok(first.includes('"name":"orders","status":"SERVING"'));
    assert.ok(stalled.includes('"stalled":true') && stalled.includes('"name":"orders","status":"NOT_SERVING"'));
    assert.ok(back.includes('"name":"orders","status":"SERVING"') && !back.includes("stalled"));
    // an ID of a status that no transition has made must not be continued from
    assert.match(first, /id:\n$/);
    assert.match(stalled, /id: \S+\n$/);
  });

  test("without a history, a thread has no such route", async (t) => {
    const health = healthOf(t, {});
    const port = await listening(t, health, { thread: true });
    await pause(0);
    assert.equal((await fetch(`http://127.0.0.1:${port}/events`)).status, 404);
  });
});
