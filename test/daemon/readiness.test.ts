/** An application that is not ready yet: `startsReady: false`, `started()` and `waitFor()`. */
import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { describe, test } from "node:test";
import { Health, type HealthOptions } from "../../src/index.js";
import { settle, VirtualClock } from "../support/virtual-clock.js";

const NAMES = ["healthcheck", "readyz", "startupz", "livez", "healthcheck/own"] as const;

function start(options: HealthOptions = {}) {
  const clock = new VirtualClock();
  const health = new Health({ clock, ...options });
  health.set("own", "SERVING");
  /** The codes of the pages, in the order of NAMES. */
  const codes = async () =>
    Promise.all(NAMES.map(async (name) => (await health.fetch(new Request(`http://a/${name}`))).status));
  const page = async (path: string) => (await health.fetch(new Request(`http://a/${path}`))).text();
  return { health, clock, codes, page };
}

const READY = [200, 200, 200, 200, 200];
const UNREADY = [503, 503, 503, 200, 200];

describe("waitFor of an object with then()", () => {
  test("counts it once, also when it calls back twice or throws", async () => {
    const { health, clock } = start();
    let endLast = () => {};
    const last = new Promise<void>((resolve) => {
      endLast = resolve;
    });
    const thenable = (then: (resolve: () => void) => void) => ({ then });
    const twice = thenable((resolve) => {
      resolve();
      resolve();
    });
    health.waitFor(last);
    health.waitFor(Object(twice));
    await settle();
    assert.equal(health.status(""), "NOT_SERVING", "the other task runs");
    endLast();
    await settle();
    assert.equal(health.status(""), "SERVING");
    const broken = thenable(() => {
      throw new Error("broken");
    });
    health.waitFor(Object(broken));
    await clock.advance(0);
    assert.equal(health.status(""), "NOT_SERVING", "start-failed");
    await health.shutdown({ drainDelayMs: 0 });
  });
});

describe("startsReady: false", () => {
  test("holds the server as a whole and the startup view until started() [L1]", async () => {
    const { health, codes, page } = start({ startsReady: false });
    assert.deepEqual(await codes(), UNREADY);
    assert.equal(health.status(""), "NOT_SERVING");
    assert.equal(await page("readyz?verbose"), "[-]start failed: starting\nreadyz check failed\n");
    health.started();
    assert.deepEqual(await codes(), READY);
    health.started();
    assert.deepEqual(await codes(), READY);
  });

  test("publishes what was set meanwhile", () => {
    const { health } = start({ startsReady: false });
    assert.equal(health.set("", "SERVING"), false);
    assert.equal(health.status(""), "NOT_SERVING");
    assert.equal(health.set("", "UNKNOWN"), false);
    health.started();
    assert.equal(health.status(""), "UNKNOWN");
    assert.equal(health.set("", "SERVING"), true);
    assert.equal(health.status(""), "SERVING");
  });

  test("is not ended by a passing check, nor by excluding a failing one", async () => {
    const { health, clock, codes, page } = start({ startsReady: false });
    health.check("good", () => true);
    health.check("bad", () => false);
    await clock.advance(10_000);
    assert.equal(health.status("good"), "SERVING");
    assert.deepEqual(await codes(), UNREADY);
    assert.match(await page("readyz?exclude=bad"), /^NOT_SERVING/);
    health.removeCheck("bad");
    assert.deepEqual(await codes(), UNREADY);
    health.started();
    assert.deepEqual(await codes(), READY);
    await health.shutdown({ drainDelayMs: 0 });
  });

  for (const [own, isSet] of [
    ["a status of its own", true],
    ["no status of its own", false],
  ] as const)
    test(`goes through a drain and a resume with ${own}`, () => {
      const { health } = start({ startsReady: false });
      health.drain();
      if (isSet) health.set("", "SERVING");
      health.resume();
      assert.equal(health.status(""), "NOT_SERVING");
      health.drain();
      health.started();
      assert.equal(health.status(""), "NOT_SERVING");
      health.resume();
      assert.equal(health.status(""), "SERVING");
    });

  test("does not depend on reason texts: a status with the same reason is not an unfinished start", async () => {
    for (const reason of ["starting", "start-failed"]) {
      const { health, page } = start();
      health.set("", "NOT_SERVING", { reason });
      assert.equal(await page("readyz?verbose"), "readyz check failed\n", reason);
    }
  });

  test("is shown beside a drain, in the views that it holds", async () => {
    const { health, page } = start({ startsReady: false });
    health.drain();
    assert.equal(
      await page("readyz?verbose"),
      "[-]start failed: starting\n[-]shutdown failed: draining\nreadyz check failed\n",
    );
    assert.equal(await page("livez?verbose"), "[+]process ok\nlivez check passed\n");
    health.started();
    assert.equal(await page("readyz?verbose"), "[-]shutdown failed: draining\nreadyz check failed\n");
  });

  test("stays after the status of the server as a whole is cleared", () => {
    const { health } = start({ startsReady: false });
    health.set("", "SERVING");
    health.clear("");
    assert.equal(health.status(""), "NOT_SERVING");
    health.started();
    assert.equal(health.status(""), "SERVING");
  });
});

describe("waitFor", () => {
  test("holds until every task is done [L3]", async () => {
    const { health, codes } = start();
    const finish: (() => void)[] = [];
    for (let count = 0; count < 2; count += 1)
      health.waitFor(new Promise<void>((resolve) => void finish.push(resolve)));
    assert.deepEqual(await codes(), UNREADY);
    finish[0]?.();
    await settle();
    assert.deepEqual(await codes(), UNREADY);
    finish[1]?.();
    await settle();
    assert.deepEqual(await codes(), READY);
  });

  test("does not replace started()", async () => {
    const { health, codes } = start({ startsReady: false });
    health.waitFor(Promise.resolve());
    await settle();
    assert.deepEqual(await codes(), UNREADY);
    health.started();
    assert.deepEqual(await codes(), READY);
    health.waitFor(new Promise(() => {}));
    assert.deepEqual(await codes(), UNREADY);
  });

  test("stays NOT_SERVING after a task that failed, and publishes its error [Y1]", async () => {
    const { health, codes, page } = start({ instance: "waits" });
    const faults: unknown[] = [];
    const listener = (message: unknown) => void faults.push(message);
    channel("healthbridge:fault").subscribe(listener);
    const error = new Error("no database");
    health.waitFor(Promise.reject(error));
    assert.deepEqual(await codes(), UNREADY);
    channel("healthbridge:fault").unsubscribe(listener);
    assert.deepEqual(faults, [{ instance: "waits", where: "waitFor", error }]);
    assert.match(await page("startupz?verbose"), /^\[-\]start failed: start-failed$/m);
    health.started();
    assert.deepEqual(await codes(), UNREADY);
  });

  test("refuses what is no promise, and comes before shutdown", async () => {
    const { health, codes } = start();
    for (const task of [undefined, null, () => {}, true])
      assert.throws(() => Reflect.apply(health.waitFor, health, [task]), {
        code: "INVALID_OPTION",
        message: /expected a promise/,
      });
    assert.deepEqual(await codes(), READY);
    await health.shutdown({ drainDelayMs: 0 });
    assert.throws(() => health.waitFor(Promise.resolve()), { code: "ALREADY_STOPPED" });
  });
});
