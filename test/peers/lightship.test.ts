/** The cases of lightship's own tests: docs/library/migrate.md has a row for each. */
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.js";
import { pause } from "../support/eventually.js";
import { settle } from "../support/virtual-clock.js";
import { prepareShutdown, serveApplication } from "./application.js";

/** What lightship calls /health, /ready and /live. */
const PATHS = ["/healthcheck", "/readyz", "/livez"];

describe("an application that used lightship", () => {
  test("is SERVING at its start, unless it says that it reports its start [L1]", async (t) => {
    const [plain, starting] = [await serveApplication(t), await serveApplication(t, { startsReady: false })];
    const codes = async ({ get }: typeof plain) => Promise.all(PATHS.map(async (path) => (await get(path)).status));
    assert.deepEqual(await codes(plain), [200, 200, 200]);
    assert.deepEqual(await codes(starting), [503, 503, 200]);
    starting.health.started();
    assert.deepEqual(await codes(starting), [200, 200, 200]);
  });

  test("becomes ready and not ready as often as it says so [L2]", async (t) => {
    const { health, ask } = await serveApplication(t);
    for (let round = 0; round < 3; round += 1) {
      health.set("", "NOT_SERVING");
      assert.equal(await ask("/readyz"), "503 NOT_SERVING");
      health.set("", "SERVING");
      assert.equal(await ask("/readyz"), "200 OK");
    }
    health.set("acme.Orders", "NOT_SERVING");
    assert.equal(await ask("/readyz"), "200 OK", "a service of its own is another matter");
  });

  test("waits for its tasks; one that rejects keeps it not ready, and does not end the process [L3]", async (t) => {
    const { health, ask } = await serveApplication(t, { instance: "lightship" });
    let finish = () => {};
    health.waitFor(
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
    );
    health.set("", "SERVING");
    assert.equal(await ask("/readyz"), "503 NOT_SERVING");
    finish();
    await settle();
    assert.equal(await ask("/readyz"), "200 OK");
    const faults: string[] = [];
    const listener = (message: unknown) => void faults.push(String(Object(message).error));
    channel("healthbridge:fault").subscribe(listener);
    health.waitFor(Promise.reject(new Error("no migration")));
    await settle();
    channel("healthbridge:fault").unsubscribe(listener);
    assert.deepEqual(faults, ["Error: no migration"]);
    assert.deepEqual([await ask("/readyz"), await ask("/livez")], ["503 NOT_SERVING", "200 OK"]);
  });

  test("is alive during its shutdown, which runs once, with each handler after the one before [L4]", async (t) => {
    const { health, server, ask } = await serveApplication(t, { clock: systemClock });
    const calls: string[] = [];
    const { shutdown, lines } = prepareShutdown({
      health,
      servers: [server],
      hooks: [
        async () => {
          await pause(50);
          calls.push("first");
        },
        () => Promise.reject(new Error("cannot flush")),
        () => void calls.push("last"),
      ],
      drainDelayMs: 400,
    });
    const ended = shutdown.shutdown();
    assert.equal(shutdown.shutdown(), ended);
    assert.deepEqual([await ask("/livez"), await ask("/readyz")], ["200 OK", "503 NOT_SERVING"]);
    await ended;
    assert.deepEqual(calls, ["first", "last"]);
    assert.equal(lines.filter((line) => line.includes("cannot flush")).length, 1);
  });

  test("ends after work that it waits for: a hook that returns a promise is a beacon [L5]", async (t) => {
    const { health, server } = await serveApplication(t, { clock: systemClock });
    const calls: string[] = [];
    const work = pause(300).then(() => void calls.push("the work is done"));
    const hooks = [() => work, () => void calls.push("the pool is closed")];
    const { shutdown } = prepareShutdown({ health, servers: [server], hooks, drainDelayMs: 0 });
    await shutdown.shutdown();
    assert.deepEqual(calls, ["the work is done", "the pool is closed"]);
  });

  test("runs its handlers after the drain delay [L6]", async (t) => {
    const { health, server } = await serveApplication(t, { clock: systemClock });
    const startedAt = performance.now();
    let calledAfterMs = 0;
    const onEnd = () => {
      calledAfterMs = performance.now() - startedAt;
    };
    await prepareShutdown({ health, servers: [server], hooks: [onEnd], drainDelayMs: 1_000 }).shutdown.shutdown();
    assert.ok(calledAfterMs >= 990 && calledAfterMs < 4_000, `after ${calledAfterMs} ms`);
  });

  test("answers HEAD with the same code and no body, ready and not [L7]", async (t) => {
    const { health, get } = await serveApplication(t);
    for (const status of ["SERVING", "NOT_SERVING"] as const) {
      health.set("", status);
      for (const path of [...PATHS, "/startupz"]) {
        const [head, full] = [await get(path, { method: "HEAD" }), await get(path)];
        assert.deepEqual([head.status, head.body], [full.status, ""], path);
        assert.equal(head.headers.get("content-type"), full.headers.get("content-type"));
      }
    }
  });
});
