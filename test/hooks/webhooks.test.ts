/** The webhooks of a configuration over a real registry, a real journal and real receivers: who is told of what. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { CheckDeclaration } from "../../src/checks/declarations.js";
import type { ServiceDeclaration } from "../../src/checks/service-graph.js";
import { Goodbyes } from "../../src/client/goodbyes.js";
import { NameResolver } from "../../src/client/resolver.js";
import { createReadBuffer } from "../../src/client/target-socket.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/daemon/health.js";
import type { DeclaredServices } from "../../src/hooks/service-filter.js";
import { readWebhook, type WebhookDeclaration } from "../../src/hooks/webhook-settings.js";
import { Webhooks } from "../../src/hooks/webhooks.js";
import { Journal } from "../../src/telemetry/journal.js";
import { eventually } from "../support/eventually.js";

/** A receiver that keeps what it gets, as `SERVICE STATUS`, by path. */
class Receiver {
  readonly messages: { readonly path: string; readonly changes: readonly string[]; readonly kind: string }[] = [];
  status = 204;
  url = "";

  static async start(t: TestContext): Promise<Receiver> {
    const receiver = new Receiver();
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (bytes) => {
        body += bytes;
      });
      request.on("end", () => {
        response.writeHead(receiver.status).end();
        if (receiver.status === 204) receiver.#keep(request.url ?? "", JSON.parse(body));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    receiver.url = `http://127.0.0.1:${Object(server.address()).port}`;
    return receiver;
  }

  #keep(path: string, { changes, kind }: { changes: { service: string; status: string }[]; kind: string }): void {
    this.messages.push({ path, kind, changes: changes.map(({ service, status }) => `${service} ${status}`) });
  }

  /** Every change that came on a path. */
  on(path: string): readonly string[] {
    return this.messages.filter((message) => message.path === path).flatMap(({ changes }) => changes);
  }
}

const NONE: DeclaredServices = { checks: [], services: [] };

/** Webhooks over a registry whose services the test sets by hand. */
class Setup {
  readonly receiver: Receiver;
  readonly health = new Health({ history: true });
  readonly maintained = new Set<string>();
  readonly webhooks: Webhooks;
  readonly #connect = {
    ...{ clock: systemClock, random: Math.random, readBuffer: createReadBuffer() },
    ...{ resolver: new NameResolver({ clock: systemClock }), goodbyes: new Goodbyes(systemClock) },
  };

  constructor(receiver: Receiver, journal?: Journal) {
    this.receiver = receiver;
    const { registry, history } = this.health.parts;
    if (history === undefined) throw new Error("it has a history");
    const isInMaintenance = (scope: { readonly service: string } | "all") =>
      this.maintained.has(scope === "all" ? "all" : scope.service);
    this.webhooks = new Webhooks({ registry, transitions: history.transitions, isInMaintenance, journal });
  }

  apply(declared: Readonly<Record<string, Partial<WebhookDeclaration>>>, services = NONE): void {
    const webhooks = Object.entries(declared).map(([name, options]) =>
      readWebhook(name, { url: `${this.receiver.url}/${name}`, delay: 0, groupWait: 0, ...options }, false),
    );
    this.webhooks.apply({ ...services, webhooks }, this.#connect);
  }
}

async function setup(t: TestContext, journal?: Journal): Promise<Setup> {
  const made = new Setup(await Receiver.start(t), journal);
  t.after(() => made.webhooks.close());
  return made;
}

test("names and patterns decide which services a webhook is told of; each webhook has its own", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  apply({ one: { services: ["a.*"] }, two: { services: ["b", "readiness"] }, all: { services: ["*"] } });
  for (const name of ["a.x", "a.y", "b", ""]) health.set(name, "NOT_SERVING");
  await eventually(() => receiver.on("/all").length === 4, "all are told");
  await eventually(() => receiver.on("/two").length === 2, "two are told");
  await eventually(() => receiver.on("/one").length === 2, "one are told");
  assert.deepEqual([...receiver.on("/one")].sort(), ["a.x NOT_SERVING", "a.y NOT_SERVING"]);
  assert.deepEqual([...receiver.on("/two")].sort(), [" NOT_SERVING", "b NOT_SERVING"]);
});

/** The parts of a setup, with `apply` as a function. */
function bound(made: Setup) {
  const { health, receiver, maintained, webhooks } = made;
  return { health, receiver, maintained, webhooks, apply: made.apply.bind(made) };
}

const check = (name: string, services: readonly string[] = []): CheckDeclaration => ({
  ...{ name, source: { kind: "function", call: () => true }, options: { services } },
});
const service = (name: string, ...members: readonly string[]): ServiceDeclaration => ({
  ...{ name, policy: { kind: "all" }, members },
});

test("by default, services and checks are told that are members of no service", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  const checks = [check("broker"), check("orders"), check("db", ["shop"])];
  const services = [service("celery", "broker"), service("platform", "celery"), service("", "platform")];
  apply({ ops: {} }, { checks, services });
  for (const name of ["broker", "celery", "db", "other", ""]) health.set(name, "NOT_SERVING");
  for (const name of ["orders", "shop", "platform"]) health.set(name, "NOT_SERVING");
  await eventually(() => receiver.on("/ops").length >= 3, "three are told");
  assert.deepEqual([...receiver.on("/ops")].sort(), ["orders NOT_SERVING", "platform NOT_SERVING", "shop NOT_SERVING"]);
});

test("statuses that there are when a webhook is added are told, with an id", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  health.set("a", "SERVING");
  health.set("b", "NOT_SERVING");
  apply({ ops: { services: ["a", "b"] } });
  await eventually(() => receiver.on("/ops").length === 1, "one is told");
  assert.deepEqual(receiver.on("/ops"), ["b NOT_SERVING"]);
});

test("a webhook that is removed is told no more, and one that changes keeps what it has told", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  apply({ ops: { services: ["a"] }, gone: { services: ["a"] } });
  health.set("a", "NOT_SERVING");
  await eventually(() => receiver.messages.length === 2, "both are told");
  apply({ ops: { services: ["a"], form: "json", headers: { "x-new": "1" } } });
  health.set("a", "SERVING");
  await eventually(() => receiver.on("/ops").length === 2, "the end is told");
  assert.deepEqual(receiver.on("/ops"), ["a NOT_SERVING", "a SERVING"]);
  assert.deepEqual(receiver.on("/gone"), ["a NOT_SERVING"]);
});

test("an outage of a service that a webhook is no longer about ends", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  apply({ ops: { services: ["a", "b"] } });
  health.set("a", "NOT_SERVING");
  await eventually(() => receiver.on("/ops").length === 1, "the outage is told");
  apply({ ops: { services: ["b"] } });
  await eventually(() => receiver.on("/ops").length === 2, "its end is told");
  assert.deepEqual(receiver.on("/ops"), ["a NOT_SERVING", "a SERVICE_UNKNOWN"]);
});

test("after a restart, an outage that has ended meanwhile is told as ended, and one that goes on is not told again", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-webhooks-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const open = () => Journal.open(directory, { clock: systemClock, instance: "webhooks-test" });
  const ops = { ops: { services: ["*"] } };
  let journal = await open();
  const receiver = await Receiver.start(t);
  const first = new Setup(receiver, journal);
  first.apply(ops);
  for (const name of ["ended", "goes-on", "removed"]) first.health.set(name, "NOT_SERVING");
  await eventually(() => receiver.on("/ops").length === 3, "the outages are told");
  receiver.status = 503;
  first.health.set("late", "NOT_SERVING");
  await eventually(() => journal.entries("webhook-told").length === 4, "the next waits");
  await first.webhooks.close();
  await journal.close();
  journal = await open();
  receiver.status = 204;
  const second = new Setup(receiver, journal);
  second.health.set("ended", "SERVING");
  second.health.set("goes-on", "NOT_SERVING");
  second.health.set("late", "NOT_SERVING");
  second.apply(ops);
  await eventually(() => receiver.on("/ops").length === 6, "all is told");
  assert.deepEqual(receiver.on("/ops").slice(3, 4), ["late NOT_SERVING"], "what waited comes first");
  assert.deepEqual([...receiver.on("/ops").slice(4)].sort(), ["ended SERVING", "removed SERVICE_UNKNOWN"]);
  await second.webhooks.close();
  await journal.close();
});

test("a webhook whose receiver hangs delays no other", async (t) => {
  const { health, receiver, apply } = bound(await setup(t));
  const hanging = createServer(() => {});
  hanging.listen(0, "127.0.0.1");
  await once(hanging, "listening");
  t.after(() => {
    hanging.closeAllConnections();
    hanging.close();
  });
  const url = `http://127.0.0.1:${Object(hanging.address()).port}/`;
  apply({ slow: { services: ["*"], url }, ops: { services: ["*"] } });
  health.set("a", "NOT_SERVING");
  await eventually(() => receiver.on("/ops").length === 1, "the other is told", 5_000);
});

test("a change that waits is not told when its service is no longer one of the webhook", async (t) => {
  const { health, receiver, maintained, apply } = bound(await setup(t));
  maintained.add("silent");
  apply({ ops: { services: ["waits", "silent", "b"], delay: "300ms" } });
  health.set("waits", "NOT_SERVING");
  health.set("silent", "NOT_SERVING");
  apply({ ops: { services: ["b"], delay: "300ms" } });
  health.set("b", "NOT_SERVING");
  await eventually(() => receiver.on("/ops").includes("b NOT_SERVING"), "the other is told");
  assert.deepEqual(receiver.on("/ops"), ["b NOT_SERVING"]);
});
