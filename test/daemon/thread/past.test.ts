/** What a listener thread shows of the past: the main thread knows it, and answers if it can. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Questions } from "../../../src/daemon/thread/questions.js";
import type { HealthOptions } from "../../../src/index.js";
import { Health } from "../../support/built-library.js";
import { eventually } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";

async function threadOf(
  t: TestContext,
  options: HealthOptions = {},
): Promise<{ health: InstanceType<typeof Health>; port: number }> {
  const health = new Health({ page: true, ...options });
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  health.set("orders", "SERVING");
  const server = await health.listen(["127.0.0.1:0"], { thread: true, stallAfter: "1s" });
  const [address] = server.addresses;
  assert.ok(address !== undefined && "port" in address);
  return { health, port: address.port };
}

interface Told {
  readonly status: number;
  readonly body: string;
}

async function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Told> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { status: response.status, body: await response.text() };
}

const BROWSER = { accept: "text/html" };

describe("a listener thread", () => {
  test("shows the history, the uptime and the strips that the main thread has", async (t) => {
    const { port } = await threadOf(t);
    await eventually(async () => JSON.parse((await ask(port, "/history/orders")).body).uptime === 1, "an uptime");
    assert.match((await ask(port, "/badge/orders.svg?uptime=24h")).body, /100 %/);
    assert.match((await ask(port, "/badge/orders.svg")).body, /serving/);
    assert.equal((await ask(port, "/history/unknown")).status, 404);
    assert.equal((await ask(port, "/history/orders?hours=x")).status, 400);
    const page = await ask(port, "/", BROWSER);
    assert.equal(page.status, 200);
    assert.match(page.body, /class="strip" role="img"/);
    assert.doesNotMatch(page.body, /does not respond/);
  });

  test("passes on a page that is larger than one piece", async (t) => {
    const { health, port } = await threadOf(t);
    for (let index = 0; index < 300; index += 1) health.set(`service-${index}`, "SERVING");
    await eventually(async () => (await ask(port, "/", BROWSER)).body.includes("service-299"), "all services");
    const { body } = await ask(port, "/", BROWSER);
    assert.ok(body.length > 100_000 && body.endsWith("</html>\n"), `${body.length}`);
  });

  test("refuses what the main thread refuses, and counts each request once", async (t) => {
    const { port } = await threadOf(t, { token: "secret", metrics: true });
    assert.equal((await ask(port, "/history/orders")).status, 401);
    assert.equal((await ask(port, "/", BROWSER)).status, 401);
    const authorization = "Bearer secret";
    for (let count = 0; count < 3; count += 1)
      assert.equal((await ask(port, "/history/orders", { authorization })).status, 200);
    const counted = async () => (await ask(port, "/metrics", { authorization })).body;
    await eventually(async () => /route="history",code="200"\} 3$/m.test(await counted()), "three answers");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.match(await counted(), /route="history",code="200"\} 3$/m, "and no more");
  });

  test("refuses a client without the token itself, also while the application is blocked", async (t) => {
    const { port } = await threadOf(t, { token: "secret" });
    const file = new URL("./past-asker.mjs", import.meta.url);
    const asker = new Worker(file, { workerData: { port, delayMs: 300, paths: ["/history/orders", "/"] } });
    t.after(() => asker.terminate());
    await once(asker, "message");
    const until = performance.now() + 800;
    while (performance.now() < until);
    const [answers] = await once(asker, "message");
    const told = answers.map(({ status, afterMs }: { status: number; afterMs: number }) => [status, afterMs < 400]);
    assert.deepEqual(told, [
      [401, true],
      [401, true],
    ]);
  });

  test("says STALLED for the history of an application that is blocked, and shows the page without strips", async (t) => {
    const { port } = await threadOf(t);
    const file = new URL("./past-asker.mjs", import.meta.url);
    const paths = ["/history/orders", "/badge/orders.svg?uptime=24h", "/", "/badge/orders.svg"];
    const asker = new Worker(file, { workerData: { port, delayMs: 1_800, paths } });
    t.after(() => asker.terminate());
    await once(asker, "message");
    const until = performance.now() + 3_000;
    while (performance.now() < until);
    const [answers] = await once(asker, "message");
    const of = (path: string): Told => answers.find((each: { readonly path: string }) => each.path === path);
    assert.deepEqual([of(paths[0] ?? "").status, of(paths[0] ?? "").body.trim()], [503, "STALLED"]);
    assert.equal(of(paths[1] ?? "").status, 503);
    assert.match(of("/").body, /has not responded for/);
    assert.match(of("/").body, /data-name="orders" data-status="NOT_SERVING"/);
    assert.doesNotMatch(of("/").body, /class="strip" role="img"/);
    assert.equal(of("/badge/orders.svg").status, 200, "the status needs no history");
  });
});

describe("a question to the main thread", () => {
  const limits = { timeoutMs: 5_000, maxWaiting: 2 };

  test("gets its own answer, in any order", async () => {
    const questions = new Questions<string>(new VirtualClock(), limits);
    const ids: number[] = [];
    const [first, second] = [questions.ask((id) => ids.push(id)), questions.ask((id) => ids.push(id))];
    questions.answer(ids[1] ?? 0, "second");
    questions.answer(ids[0] ?? 0, "first");
    assert.deepEqual([await first, await second], ["first", "second"]);
  });

  test("ends without an answer after its time, and a late answer has no effect", async () => {
    const clock = new VirtualClock();
    const questions = new Questions<string>(clock, limits);
    let id = 0;
    const asked = questions.ask((given) => {
      id = given;
    });
    await clock.advance(5_000);
    assert.equal(await asked, undefined);
    questions.answer(id, "late");
    assert.equal(clock.pendingTimers, 0);
  });

  test("is not sent when too many wait", async () => {
    const questions = new Questions<string>(new VirtualClock(), limits);
    let sent = 0;
    const asked = [1, 2, 3].map(() => questions.ask(() => (sent += 1)));
    assert.equal(await asked[2], undefined);
    assert.equal(sent, 2);
  });
});
