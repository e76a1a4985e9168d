/**
 * An application with one way to serve its health, for `isolation.ts`: `node subject.cjs KIND [FOLDER]`. FOLDER has the packages
 * of the peers. It reports its ports, and blocks its event loop or flips its status when its parent says so.
 */
const { createRequire } = require("node:module");
const { createServer } = require("node:http");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const [, , kind, folder = ""] = process.argv;
const peer = folder === "" ? require : createRequire(join(folder, "package.json"));

/** Monotonic time in milliseconds, which all processes of the machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

async function healthbridge(thread) {
  const { Health } = require("../../dist/index.js");
  const health = new Health();
  health.set("a", "SERVING");
  const options = thread ? { thread: true, stallAfter: process.env.STALL_AFTER } : {};
  const server = await health.listen(["127.0.0.1:0"], options);
  const [{ port }] = server.addresses;
  return { http: port, path: "/healthcheck/a", grpc: port, set: (status) => health.set("a", status) };
}

async function grpcHealthCheck() {
  const { Server, ServerCredentials } = require("@grpc/grpc-js");
  const { HealthImplementation } = require("grpc-health-check");
  const server = new Server();
  const health = new HealthImplementation({ a: "SERVING" });
  health.addToServer(server);
  const grpc = await new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  return { grpc, set: (status) => health.setStatus("a", status) };
}

async function terminus() {
  const { createTerminus } = peer("@godaddy/terminus");
  const server = createServer((_request, response) => response.end("application"));
  createTerminus(server, { healthChecks: { "/healthcheck": async () => {} } });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { http: server.address().port, path: "/healthcheck" };
}

async function lightship() {
  const entry = join(folder, "node_modules/lightship/dist/esm/index.js");
  const { createLightship } = await import(pathToFileURL(entry).href);
  const port = 20_000 + (process.pid % 20_000);
  const service = await createLightship({ port, detectKubernetes: false });
  service.signalReady();
  return { http: port, path: "/health" };
}

const KINDS = {
  "healthbridge, thread: true": () => healthbridge(true),
  healthbridge: () => healthbridge(false),
  "grpc-health-check": grpcHealthCheck,
  terminus,
  lightship,
};

KINDS[kind]().then(({ set = () => {}, ...ports }) => {
  process.on("message", ({ blockMs, status, usage }) => {
    const startedAt = now();
    if (blockMs !== undefined) {
      while (now() < startedAt + blockMs);
      process.send({ blockedAt: startedAt, freedAt: now() });
    }
    if (status !== undefined) {
      set(status);
      process.send({ setAt: startedAt });
    }
    if (usage !== undefined) {
      const { user, system } = process.cpuUsage();
      process.send({ cpuMs: (user + system) / 1_000, rss: process.memoryUsage.rss() });
    }
  });
  process.send(ports);
});
