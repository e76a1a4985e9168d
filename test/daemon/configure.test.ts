/** A configuration that comes again: what is the same goes on. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { DaemonConfig } from "../../src/config/daemon-config.js";
import { subscribe, type Transition } from "../../src/core/channels.js";
import { Health } from "../../src/daemon/health.js";
import { parseConfig } from "../config/reading.js";
import { eventually } from "../support/eventually.js";

/** A target that counts who asks what, when, and on which connection. */
async function targetOf(t: TestContext) {
  const asked = new Map<string, number[]>();
  const down = new Set<string>();
  let connections = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.set(path, [...(asked.get(path) ?? []), performance.now()]);
    response.statusCode = down.has(path) ? 500 : 200;
    response.end();
  });
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  // a server that listens on TCP has such an address
  const { port } = server.address() as AddressInfo;
  return { asked, down, url: `http://127.0.0.1:${port}`, connections: () => connections };
}

const configOf = (text: string): DaemonConfig => parseConfig("test.yaml", text, {});

function checksOf(url: string, names: readonly string[], settings: string): string {
  const lines = names.map((name) => `  ${name}: { target: "${url}/${name}", ${settings} }`);
  return `checks:\n${lines.join("\n")}\n`;
}

const named = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `c${from + index}`);

test("with 500 checks under load, 50 removed and 150 added, the others lose no probe, run none twice, and keep their statuses [C30]", async (t) => {
  const { asked, down, url, connections } = await targetOf(t);
  down.add("/c60");
  const instance = "configure-load";
  const health = new Health({ instance });
  t.after(() => health.shutdown());
  /** When each probe of a check began. A request arrives later, and on a loaded machine not after the same time. */
  const starts = new Map<string, number[]>();
  t.after(
    subscribe("probe", ({ check, latencyMs, instance: from }) => {
      if (from === instance) starts.set(check, [...(starts.get(check) ?? []), performance.now() - latencyMs]);
    }),
  );
  const settings = "interval: 2s, timeout: 1900ms, jitter: 0, edgeInterval: 2s";
  health.configure(configOf(checksOf(url, named(0, 500), settings)));
  const isRight = (name: string) => health.status(name) === (name === "c60" ? "NOT_SERVING" : "SERVING");
  await eventually(() => named(0, 500).every(isRight), "every check is decided");
  const transitions: Transition[] = [];
  health.onTransition((transition) => transitions.push(transition));
  const before = connections();
  health.configure(configOf(checksOf(url, named(50, 650), settings)));
  await eventually(() => named(50, 650).every(isRight), "every check is decided");
  await eventually(() => named(50, 650).every((name) => (asked.get(`/${name}`)?.length ?? 0) >= 3), "three rounds");
  assert.deepEqual([health.status("c0"), health.status("c49")], [undefined, undefined], "the removed ones are gone");
  const kept = new Set(named(50, 500));
  assert.deepEqual(
    transitions.filter(({ name }) => kept.has(name)),
    [],
  );
  assert.equal(health.status("c60"), "NOT_SERVING");
  assert.ok(connections() - before <= 150, "the kept ones keep their connections");
  for (const name of kept) {
    const times = starts.get(name) ?? [];
    assert.ok(times.length >= 2, name);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    assert.ok(Math.min(...gaps) > 1_000, `${name} was probed twice within ${Math.min(...gaps)} ms`);
  }
});

test("a check with a changed schedule keeps its state and its connection, and follows the new schedule", async (t) => {
  const { asked, url, connections } = await targetOf(t);
  const health = new Health();
  t.after(() => health.shutdown());
  health.configure(configOf(checksOf(url, ["a"], "interval: 1h, jitter: 0")));
  await eventually(() => health.status("a") === "SERVING", "the first result");
  const transitions: Transition[] = [];
  health.onTransition((transition) => transitions.push(transition));
  health.configure(configOf(checksOf(url, ["a"], "interval: 50ms, timeout: 40ms")));
  await eventually(() => (asked.get("/a")?.length ?? 0) >= 5, "it follows the new schedule");
  assert.deepEqual(transitions, []);
  assert.equal(connections(), 1);
});

test("a check with a changed target keeps its status until the first result, which decides at once", async (t) => {
  const { url, down } = await targetOf(t);
  const health = new Health();
  t.after(() => health.shutdown());
  health.configure(configOf(checksOf(url, ["a"], "interval: 1h")));
  await eventually(() => health.status("a") === "SERVING", "the first result");
  down.add("/other/a");
  health.configure(configOf(checksOf(`${url}/other`, ["a"], "interval: 1h")));
  assert.equal(health.status("a"), "SERVING");
  await eventually(() => health.status("a") === "NOT_SERVING", "the first result of the new one");
});

test("a change of services publishes the result only, not the steps between", async (t) => {
  const { url, down } = await targetOf(t);
  down.add("/b");
  const health = new Health();
  t.after(() => health.shutdown());
  const checks = checksOf(url, ["a", "b"], "interval: 1h");
  health.configure(configOf(`${checks}services: { s: { any: [a, b] }, t: [a] }\noverall: [s]\n`));
  await eventually(() => health.status("s") === "SERVING" && health.status("b") === "NOT_SERVING", "first results");
  const changes: string[] = [];
  health.onTransition(({ subject, name, from, to }) => {
    if (subject === "service" && from !== to) changes.push(`${name}: ${from} -> ${to}`);
  });
  health.configure(configOf(`${checks}services: { s: [a, b], t: [a] }\noverall: [t]\n`));
  assert.deepEqual(changes, ["s: SERVING -> NOT_SERVING"]);
  health.configure(configOf(`${checks}services: { t: [a] }\n`));
  assert.deepEqual(changes.slice(1), [": SERVING -> NOT_SERVING", "s: NOT_SERVING -> SERVICE_UNKNOWN"]);
});

test("1,000 configurations leave nothing behind", async (t) => {
  const { url } = await targetOf(t);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const health = new Health();
  const one = configOf(`${checksOf(url, named(0, 20), "interval: 1h")}services: { s: [c0, c1] }\n`);
  const other = configOf(
    `${checksOf(url, named(10, 30), "interval: 2h")}  beat: { heartbeat: { ttl: 1h, token: x } }\nservices: { r: { any: [c10, beat] } }\nisolation: { selfCheck: "${url.replace("http", "tcp")}" }\n`,
  );
  const round = (times: number) => {
    for (let time = 0; time < times; time += 1) health.configure(time % 2 === 0 ? one : other);
  };
  round(200);
  await eventually(() => health.list().size > 1, "it runs");
  collect();
  const before = process.memoryUsage().heapUsed;
  round(1_000);
  health.configure({ checks: [], services: [], isolation: undefined, allowLinkLocal: false });
  await eventually(
    () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length <= 2,
    "no timers",
  );
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  assert.ok(grown < 3_000_000, `${grown} bytes more`);
  assert.deepEqual([...health.list()], [["", "SERVING"]]);
  await health.shutdown();
});
