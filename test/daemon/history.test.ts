/** The history of a `Health` and of the daemon. The daemon needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Health } from "../../src/index.js";
import { run } from "../cli/program.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { VirtualClock } from "../support/virtual-clock.js";

const HOUR = 3_600_000;

describe("new Health({ history })", () => {
  const ask = async (health: Health, path: string) => {
    const response = await health.fetch(new Request(`http://localhost${path}`));
    return [response.status, await response.text()] as const;
  };

  test("measures a check from its first result on, and its latencies without those of failures", async (t) => {
    const clock = new VirtualClock();
    const health = new Health({ clock, history: true, instance: "history-of-health" });
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    let isUp = true;
    health.check("db", () => isUp, { interval: "10s", unhealthyThreshold: 1, healthyThreshold: 1, jitter: 0 });
    await clock.advance(HOUR / 2);
    isUp = false;
    await clock.advance(HOUR / 2);
    const [status, body] = await ask(health, "/history/db?hours=1");
    const { uptime, seconds, buckets, transitions } = JSON.parse(body);
    assert.equal(status, 200);
    assert.ok(Math.abs(uptime - 0.5) < 0.02, `${uptime}`);
    assert.ok(seconds.serving + seconds.notServing > 3_580);
    assert.ok(buckets[2].latencyMs.count >= 28 && buckets[9].latencyMs === undefined);
    assert.deepEqual(transitions.at(-1).to, "NOT_SERVING");
  });

  test("the metrics show its memory, and the changes of services for which there is none left", async (t) => {
    const health = new Health({ history: { memoryMb: 1 }, metrics: true });
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    for (let index = 0; index < 1_000; index += 1) health.set(`service-${index}`, "SERVING");
    const [, body] = await ask(health, "/metrics");
    const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(body)?.[1]);
    assert.ok(value("healthbridge_history_bytes") > 100_000, body);
    assert.ok(value("healthbridge_history_refused_total") > 500, body);
    const without = await ask(new Health({ metrics: true }), "/metrics");
    assert.doesNotMatch(without[1], /^healthbridge_history/m);
  });

  test("without it, the application keeps its own routes of these names", async (t) => {
    const health = new Health();
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    const next: string[] = [];
    const middleware = health.middleware();
    for (const url of ["/events", "/badge.svg", "/badge/a.svg", "/history", "/history/a", "/history/a?hours=x"])
      Reflect.apply(middleware, undefined, [{ url, headers: {} }, {}, () => next.push(url)]);
    assert.equal(next.length, 6);
  });

  test("wrong options are refused by name", () => {
    for (const [history, text] of [
      [{ memoryMb: 0 }, /history\.memoryMb must be a whole number from 1 to 4096; got 0/],
      [{ memoryMb: 5_000 }, /history\.memoryMb/],
      [{ retain: "12h" }, /history\.retain must be a duration from 1d to 90d; got 12h/],
      [{ retain: "91d" }, /got 91d/],
      [{ memory: 1 }, /"memory" is not an option of history; did you mean memoryMb\?/],
      ["yes", /history must be true, false or \{ memoryMb, retain \}/],
      [null, /history must be/],
    ] as const)
      assert.throws(() => Reflect.construct(Health, [{ history }]), text);
  });

  test("a shutdown ends its timer and its subscriptions", async () => {
    const clock = new VirtualClock();
    const health = new Health({ clock, history: { memoryMb: 1, retain: "1d" } });
    const ended = health.shutdown({ drainDelayMs: 0 });
    await clock.advance(1);
    await ended;
    assert.equal(clock.pendingTimers, 0);
  });
});

describe("healthbridge serve", () => {
  const directory = mkdtempSync(join(tmpdir(), "hb-history-"));
  after(() => rmSync(directory, { recursive: true }));

  test("shows a maintenance as a part of its own, and serves events and badges", async (t) => {
    const [file, socket] = [join(directory, "healthbridge.yaml"), join(directory, "hb.sock")];
    const checks = "a: { heartbeat: { ttl: 1h, token: t } }";
    writeFileSync(file, `listen: ["127.0.0.1:0"]\ncontrol: ${socket}\nhistoryMemory: 8\nchecks: { ${checks} }\n`);
    const daemon = await DaemonProcess.serve("-c", file);
    t.after(() => daemon.kill());
    const base = `http://127.0.0.1:${daemon.port}`;
    await fetch(`${base}/heartbeat/a`, { method: "POST", headers: { authorization: "Bearer t" } });
    assert.equal((await run("maintenance", "a", "--for", "1h", "--control", socket)).code, 0);
    await eventually(async () => {
      const { seconds } = JSON.parse(await (await fetch(`${base}/history/a?hours=1`)).text());
      return seconds.maintenance > 0;
    }, "a second of maintenance");
    assert.match(await (await fetch(`${base}/badge/a.svg`)).text(), /a: serving/);
    const { status, headers, body } = await fetch(`${base}/events?service=a`);
    assert.deepEqual([status, headers.get("content-type")], [200, "text/event-stream; charset=utf-8"]);
    await body?.cancel();
  });
});
