/** `isHealthRequest` and a mount path of real frameworks, and Socket.IO beside an attached `Health`. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { describe, type TestContext, test } from "node:test";
import { eventually, inTime } from "../../support/eventually.js";
import { npmFrameworks, npmWorkers } from "../npm-packages.js";
import { healthbridge, library } from "../package/packaged.js";

const { gracefulShutdown, Health } = library;

async function listen(t: TestContext, server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

type Framework = (health: InstanceType<typeof Health>) => RequestListener | Promise<RequestListener>;

const express =
  (name: "express4" | "express5"): Framework =>
  (health) => {
    const framework = npmFrameworks()(name);
    const router = framework.Router();
    router.use("/ops", health.middleware());
    return framework().use("/internal", router);
  };

const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  "Express 4, a router in a router": express("express4"),
  "Express 5, a router in a router": express("express5"),
  "Koa with koa-mount": (health) => {
    const load = npmWorkers();
    const [Koa, mount] = ["koa", "koa-mount"].map((name) => load(name).default ?? load(name));
    return new Koa().use(mount("/internal/ops", health.koa())).callback();
  },
  "Fastify with a prefix": async (health) => {
    const app = npmFrameworks()("fastify")();
    await app.register(async (api: typeof app) => void api.register(healthbridge, { health }), {
      prefix: "/internal/ops",
    });
    await app.ready();
    return app.routing;
  },
  "Hono with a base path": (health) => {
    const load = npmFrameworks();
    const app = new (load("hono").Hono)().basePath("/internal/ops");
    const paths = ["/internal/ops/healthcheck"];
    app.get("/healthcheck", (context: { req: { raw: Request } }) => health.fetch(context.req.raw, { paths }));
    return load("@hono/node-server").getRequestListener(app.fetch);
  },
};

describe("an access log knows a health request under a mount path, when it was answered and before the second one", () => {
  for (const [name, start] of Object.entries(FRAMEWORKS))
    test(name, async (t) => {
      const health = new Health();
      const application = await start(health);
      const seen: [boolean, boolean][] = [];
      const server = createServer((request: IncomingMessage, response) => {
        const before = health.isHealthRequest(request);
        response.on("close", () => seen.push([before, health.isHealthRequest(request)]));
        application(request, response);
      });
      const origin = await listen(t, server);
      for (let count = 0; count < 2; count += 1)
        assert.equal(await (await fetch(`${origin}/internal/ops/healthcheck`)).text(), "OK");
      assert.equal((await fetch(`${origin}/internal/orders`)).status, 404);
      await eventually(() => seen.length === 3, "all requests");
      assert.deepEqual(seen, [
        [false, true],
        [true, true],
        [false, false],
      ]);
    });
});

for (const transport of ["polling", "websocket"])
  for (const isFirst of [true, false])
    test(`Socket.IO works by ${transport} on a server with a Health that is attached ${isFirst ? "before" : "after"} it`, async (t) => {
      const load = npmWorkers();
      const health = new Health();
      const server = createServer((_request, response) => void response.end("application"));
      if (isFirst) health.attach(server);
      const io = new (load("socket.io").Server)(server);
      if (!isFirst) health.attach(server);
      io.on(
        "connection",
        (socket: { on(event: string, listener: (text: string, answer: (text: string) => void) => void): void }) =>
          socket.on("echo", (text, answer) => answer(`${transport} ${text}`)),
      );
      const shutdown = gracefulShutdown({ health, servers: [io], signals: [], drainDelayMs: 0, log() {} });
      const origin = await listen(t, server);
      const client = load("socket.io-client").io(origin, { transports: [transport], reconnection: false });
      t.after(() => client.close());
      assert.equal(await inTime(client.timeout(5_000).emitWithAck("echo", "a"), "the answer"), `${transport} a`);
      assert.equal(await (await fetch(`${origin}/healthcheck`)).text(), "OK");
      assert.equal(await (await fetch(`${origin}/orders`)).text(), "application");
      let isDisconnected = false;
      client.on("disconnect", () => {
        isDisconnected = true;
      });
      await inTime(shutdown.shutdown(), "the end");
      await eventually(() => isDisconnected && !server.listening, "all is closed");
    });
