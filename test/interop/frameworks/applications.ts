/**
 * An application of each framework, with a `Health` in it. Each answers `GET /orders` with `application`, and has a body
 * parser where that is usual.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Health } from "../../../src/index.js";
import type { ClosableServer } from "../../../src/lifecycle/server-closing.js";
import { npmFrameworks } from "../npm-packages.js";
import { healthbridge } from "../package/packaged.js";

/** An application that listens. */
export interface Application {
  readonly origin: string;
  /** What its author gives to `gracefulShutdown`. */
  readonly server: ClosableServer;
}

export type Start = (health: Health) => Promise<Application>;

async function listen(server: Server): Promise<Application> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: originOf(server), server };
}

function originOf(server: Server): string {
  const address: AddressInfo | string | null = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return `http://127.0.0.1:${address.port}`;
}

const express =
  (name: "express4" | "express5", mount: string): Start =>
  async (health) => {
    const framework = npmFrameworks()(name);
    const app = framework();
    app.use(framework.json());
    app.use(mount, health.middleware());
    app.get("/orders", (_request: unknown, response: { send(text: string): void }) => response.send("application"));
    return listen(createServer(app));
  };

const fastify: Start = async (health) => {
  const app = npmFrameworks()("fastify")();
  await app.register(healthbridge, { health });
  app.get("/orders", async () => "application");
  await app.listen({ host: "127.0.0.1", port: 0 });
  return { origin: originOf(app.server), server: app };
};

const koa: Start = async (health) => {
  const load = npmFrameworks();
  const Koa = load("koa").default ?? load("koa");
  const app = new Koa();
  app.use(load("koa-bodyparser")());
  app.use(health.koa());
  app.use((context: { body: string }) => {
    context.body = "application";
  });
  return listen(createServer(app.callback()));
};

const hono: Start = async (health) => {
  const load = npmFrameworks();
  const app = new (load("hono").Hono)();
  const answer = (context: { req: { raw: Request } }) => health.fetch(context.req.raw);
  for (const path of ["/healthcheck/*", "/livez", "/readyz", "/grpc.health.v1.Health/*"]) app.all(path, answer);
  app.get("/orders", (context: { text(text: string): Response }) => context.text("application"));
  return listen(load("@hono/node-server").createAdaptorServer({ fetch: app.fetch }));
};

const bareHttp: Start = async (health) => {
  const server = createServer((_request, response) => void response.end("application"));
  health.attach(server);
  return listen(server);
};

/** A route handler of Next.js: `export const GET = (request) => health.fetch(request)`. node-server calls it with its requests. */
const routeHandler: Start = async (health) => {
  const handler = (request: Request) =>
    request.url.endsWith("/orders") ? new Response("application") : health.fetch(request);
  return listen(npmFrameworks()("@hono/node-server").createAdaptorServer({ fetch: handler }));
};

/** Each application by its name, and the path under which it has its routes. */
export const APPLICATIONS: Readonly<Record<string, { readonly start: Start; readonly mount: string }>> = {
  "Express 4": { start: express("express4", "/"), mount: "" },
  "Express 4 under a mount path": { start: express("express4", "/internal"), mount: "/internal" },
  "Express 5": { start: express("express5", "/"), mount: "" },
  "Express 5 under a mount path": { start: express("express5", "/internal"), mount: "/internal" },
  "Fastify 5": { start: fastify, mount: "" },
  Koa: { start: koa, mount: "" },
  "Hono on node-server": { start: hono, mount: "" },
  "node:http": { start: bareHttp, mount: "" },
  "a route handler of web requests": { start: routeHandler, mount: "" },
};
