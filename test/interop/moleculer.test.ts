/** The middleware for Moleculer, in brokers that talk over a real Redis. */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { Health, type MoleculerHealthOptions, moleculerHealth } from "../../src/index.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { npmWorkers } from "./npm-packages.js";
import { type Running, startRedis } from "./peers.js";

/** The part of Moleculer that is used: the suite installs it, so its types are not here. */
interface Broker {
  createService(schema: object): { readonly fullName: string };
  destroyService(name: object): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  call(action: string): Promise<unknown>;
  readonly transit: { readonly tx: { readonly clientPub: { disconnect(): void } } };
}

let redis: Running;
let port = 0;
before(async () => {
  port = await freePort();
  redis = await startRedis(port);
});
after(() => redis.stop());

function prepare(t: TestContext, options: MoleculerHealthOptions & { readonly transporter?: boolean } = {}) {
  const { transporter = false, ...more } = options;
  const { ServiceBroker } = npmWorkers()("moleculer");
  const health = new Health();
  const broker: Broker = new ServiceBroker({
    logger: false,
    skipProcessEventRegistration: true,
    middlewares: [moleculerHealth(health, more)],
    ...(transporter ? { transporter: `redis://127.0.0.1:${port}` } : {}),
  });
  t.after(() => broker.stop());
  return { health, broker };
}

test("a broker is NOT_SERVING until it has started, and each of its services has its own status", async (t) => {
  const { health, broker } = prepare(t, { drainDelayMs: 0 });
  let finish = () => {};
  const slow = new Promise<void>((resolve) => {
    finish = resolve;
  });
  broker.createService({ name: "posts", version: 2, started: () => slow, actions: { list: () => "posts" } });
  broker.createService({ name: "mail" });
  const started = broker.start();
  await eventually(() => health.status("mail") === "SERVING", "mail has started");
  assert.deepEqual([health.status("v2.posts"), health.status("")], ["NOT_SERVING", "NOT_SERVING"]);
  finish();
  await inTime(started, "the start");
  assert.deepEqual([health.status("v2.posts"), health.status("")], ["SERVING", "SERVING"]);
  assert.equal(await broker.call("v2.posts.list"), "posts");
  assert.deepEqual([...health.list().keys()].toSorted(), ["", "mail", "v2.posts"]);
});

test("a service that is created later has its status, and one that is destroyed is unknown", async (t) => {
  const { health, broker } = prepare(t, { drainDelayMs: 0 });
  await broker.start();
  const late = broker.createService({ name: "late" });
  await eventually(() => health.status("late") === "SERVING", "it has started");
  await broker.destroyService(late);
  assert.equal(health.status("late"), undefined);
  assert.equal(health.status(""), "SERVING");
});

test("a service that does not start keeps the broker NOT_SERVING", async (t) => {
  const { health, broker } = prepare(t, { drainDelayMs: 0 });
  broker.createService({
    name: "broken",
    started() {
      throw new Error("no database");
    },
  });
  await assert.rejects(broker.start(), /no database/);
  assert.deepEqual([health.status("broken"), health.status("")], ["NOT_SERVING", "NOT_SERVING"]);
});

test("a broker that loses its transporter fails its check, and passes again when it is back", async (t) => {
  const { health, broker } = prepare(t, { transporter: true, name: "broker", drainDelayMs: 0 });
  await broker.start();
  await eventually(() => health.status("broker") === "SERVING", "connected");
  // Moleculer makes another one when it connects again, and leaves this one open
  const { clientPub } = broker.transit.tx;
  t.after(() => clientPub.disconnect());
  await redis.stop();
  await eventually(() => health.status("broker") === "NOT_SERVING" && health.status("") === "NOT_SERVING", "lost");
  redis = await startRedis(port);
  await eventually(() => health.status("broker") === "SERVING" && health.status("") === "SERVING", "back");
});

test("stop() drains before the services stop, and ends the health server with them", async (t) => {
  const { health, broker } = prepare(t, { drainDelayMs: 600 });
  const stoppedAt: number[] = [];
  broker.createService({ name: "gateway", stopped: () => void stoppedAt.push(performance.now()) });
  await broker.start();
  const startedAt = performance.now();
  const stopped = broker.stop();
  await eventually(() => health.draining, "it drains");
  assert.equal(health.status("gateway"), "NOT_SERVING");
  await pause(100);
  assert.deepEqual(stoppedAt, []);
  await inTime(stopped, "the end");
  assert((stoppedAt[0] ?? 0) - startedAt > 590);
  await assert.rejects(health.listen(["127.0.0.1:0"]), { code: "ALREADY_STOPPED" });
});

test("stop() does not drain twice", async (t) => {
  const { health, broker } = prepare(t, { drainDelayMs: 20_000 });
  await broker.start();
  health.drain();
  await inTime(broker.stop(), "the end", 10_000);
});

test("refuses wrong options", () => {
  for (const wrong of [[undefined], [{}], [new Health(), { drainDelay: 1 }], [new Health(), { drainDelayMs: -1 }]])
    assert.throws(() => Reflect.apply(moleculerHealth, undefined, wrong), { code: "INVALID_OPTION" });
});
