/** The metrics: names, labels, values, and a bounded number of series. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { type ChannelMessages, publish } from "../../src/core/channels.js";
import { Latest } from "../../src/core/latest.js";
import { Health } from "../../src/index.js";
import type { CheckReport } from "../../src/registry/ports.js";
import { Registry } from "../../src/registry/registry.js";
import { Durations } from "../../src/telemetry/counts.js";
import { METRICS, type MetricRow } from "../../src/telemetry/metric-table.js";
import { Metrics } from "../../src/telemetry/metrics.js";
import { HealthService } from "../../src/transports/grpc/health-service.js";
import { writeHealthCheckRequest } from "../../src/wire/health-messages.js";
import { eventually } from "../support/eventually.js";
import { familiesOf, readValue, samplesOf } from "../support/exposition.js";
import { portOf } from "../support/port-of.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { bridgeAt } from "../transports/http/bridge-fixture.js";

const DAY_MS = 86_400_000;

/** The metrics of the instance `mine`, over a registry of its own. */
function measuring(t: TestContext) {
  const clock = new VirtualClock();
  const registry = new Registry({ clock, instance: "mine" });
  const propagation = new Durations();
  propagation.observe(60);
  const metrics = new Metrics({
    clock,
    reader: registry,
    server: () => ({
      connectionCount: 3,
      watcherCount: registry.watcherCount,
      certificateEndsAt: 1_800_000_000_000,
      heapUsedBytes: process.memoryUsage().heapUsed,
      silenceMs: 1_500,
    }),
    main: () => ({
      history: { bytes: 4_096, refused: 2 },
      discovery: {
        ...{ subscribers: { consul: 3, xds: 2 }, pushes: 7, nacks: 1, unaddressed: 4, agentAnswers: 5 },
        instances: [["orders", { healthy: 2, degraded: 0, unhealthy: 1, unknown: 0, drained: 0 }]],
      },
      fleet: {
        ...{ fleet: "prod", member: "m1", zone: "", dissents: 3 },
        ...{ isDetached: false, isStoreUp: true, takeovers: 4, refusedRecords: 2, configDigests: 1 },
        members: [{ state: "alive" }, { state: "alive" }, { state: "dead" }],
        roles: { owner: 3, local: 1, follower: 2 },
        resyncs: { "new-run": 2, gap: 0, digest: 0, "log-lost": 1 },
        storeErrors: { unreachable: 1, timeout: 0, refused: 0, protocol: 0 },
        propagation,
      },
    }),
  });
  t.after(() => metrics.close());
  const text = () => [...metrics.lines()].join("");
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) => readValue(text(), name, labels);
  return { clock, registry, metrics, text, value };
}

function probe(more: Partial<ChannelMessages["probe"]> = {}): void {
  publish("probe", {
    instance: "mine",
    check: "db",
    outcome: "pass",
    reason: undefined,
    detail: undefined,
    latencyMs: 4,
    startLagMs: 0,
    certificateEndsAt: undefined,
    ...more,
  });
}

function report(state: CheckReport["state"], name = "db"): CheckReport {
  const nothing = { reason: undefined, latencyMs: undefined, lastResultAt: undefined, services: ["a.B"] };
  return { name, state, critical: false, counted: true, startup: true, held: false, since: 0, ...nothing };
}

/** Something of everything. */
function happenAll(registry: Registry): void {
  registry.set("a.B", "SERVING");
  registry.report(report("passing"));
  registry.set("db", "SERVING");
  registry.setDrained(new Set(["db"]));
  probe({ certificateEndsAt: Date.UTC(2027, 0, 1) });
  publish("prober-failed", { instance: "mine", check: "db", reason: "prober", error: new Error("EMFILE") });
  publish("result-dropped", { instance: "mine", check: "db", stallMs: 700 });
  publish("stall", { instance: "mine", stallMs: 700 });
  publish("isolation", { instance: "mine", held: 4 });
  publish("call", { instance: "mine", method: "Check", code: "OK" });
  publish("http-request", { instance: "mine", route: "healthcheck", status: 200 });
  publish("reload", { instance: "mine", error: undefined });
  publish("file-reload-failed", { instance: "mine", kind: "ca" });
  publish("proxy-header-refused", { instance: "mine", address: "192.0.2.1", fault: "missing" });
  publish("maintenance", { instance: "mine", service: "db", active: true });
  const recovery = { instance: "mine", recovery: "restart", service: "db" } as const;
  publish("recovery", { ...recovery, step: "ended", outcome: "success", detail: "", durationMs: 1 });
  publish("recovery", { ...recovery, step: "refused", cause: "group" });
  publish("recovery", { ...recovery, step: "gave-up", runs: 3, windowMs: 1 });
  publish("recovery", { ...recovery, step: "started", attempt: 1, maxRuns: 3, reason: "refused" });
  const nothing = { pending: 0, failures: 0, detail: undefined };
  publish("webhook", { instance: "mine", webhook: "ops", outcome: "delivered", ...nothing });
  const told = { isNew: true, addresses: 1, detail: undefined };
  publish("instance-source", { instance: "mine", service: "orders", outcome: "failed", ...told });
}

const rows: readonly MetricRow[] = Object.values(METRICS);

describe("the page", () => {
  test("has every metric of the table in its order, with its name, type and meaning, and no others", async (t) => {
    const { text } = measuring(t);
    const page = text();
    assert.deepEqual(
      familiesOf(page).map(({ name, type, help }) => [name, type, help]),
      rows.map(({ name, type, help }) => [name, type, help]),
    );
  });

  test("gives every series exactly the labels of its row", async (t) => {
    const { text, registry } = measuring(t);
    happenAll(registry);
    const samples = samplesOf(text());
    for (const { name, type, labels } of rows) {
      const own = samples.filter((sample) => sample.name === (type === "histogram" ? `${name}_count` : name));
      assert.ok(own.length > 0, `${name} has no series`);
      for (const sample of own) assert.deepEqual(Object.keys(sample.labels).sort(), [...labels].sort(), name);
    }
  });

  test("has the members of a fleet by state, also those of which there are none", (t) => {
    const { value } = measuring(t);
    const members = (state: string) => value("healthbridge_fleet_members", { state });
    assert.deepEqual([members("alive"), members("dead"), members("duplicate")], [2, 1, 0]);
    assert.equal(value("healthbridge_fleet_checks", { role: "follower" }), 2);
    assert.equal(value("healthbridge_fleet_resyncs_total", { cause: "new-run" }), 2);
    assert.equal(value("healthbridge_fleet_propagation_seconds_bucket", { le: "0.1" }), 1);
    assert.equal(value("healthbridge_fleet_propagation_seconds_bucket", { le: "0.05" }), 0);
  });

  test("is the same in a thread that gets what the main thread alone measures", (t) => {
    const { registry, metrics, text } = measuring(t);
    const copy = structuredClone(metrics.mainReadings);
    const clock = new VirtualClock();
    const server = () => ({
      connectionCount: 0,
      watcherCount: 0,
      certificateEndsAt: 0,
      heapUsedBytes: 0,
      silenceMs: 0,
    });
    const thread = new Metrics({ clock, reader: registry, server, main: () => copy });
    t.after(() => thread.close());
    const ofMain = (page: string) =>
      page.split("\n").filter((line) => /^healthbridge_(?:fleet|discovery|history)_/.test(line));
    assert.ok(ofMain(text()).length > 40);
    assert.deepEqual(ofMain([...thread.lines()].join("")), ofMain(text()));
    const alone = new Metrics({ clock, reader: registry, server });
    t.after(() => alone.close());
    assert.deepEqual(ofMain([...alone.lines()].join("")), [], "without the main thread, nothing old");
  });

  test("is documented in docs/metrics.md as in the code", () => {
    const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const written = [...docs.matchAll(/^\| `(\w+)` *\| (\w+) *\| (.*?) *\| (.*?) *\|$/gm)].map(([, ...cells]) => cells);
    const expected = rows.map(({ name, type, labels, help }) => {
      return [name, type, labels.map((label) => `\`${label}\``).join(", "), help];
    });
    assert.deepEqual(written, expected);
  });

  test("has every route of the HTTP bridge in docs/metrics.md, as a value of the label", () => {
    const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const row = /^\| `route` \| (.*) \|$/m.exec(docs)?.[1] ?? "";
    const documented = [...row.matchAll(/`([\w-]+)`/g)].map(([, name = ""]) => name);
    const source = readFileSync(new URL("../../src/transports/http/routes.ts", import.meta.url), "utf8");
    const kinds = [...source.matchAll(/kind: "([\w-]+)"/g)].map(([, kind = ""]) => kind);
    const views = ["livez", "readyz", "healthz", "startupz"];
    const routes = new Set([...kinds, "history", "page", ...views].filter((kind) => kind !== "view"));
    assert.ok(routes.size > 10);
    assert.deepEqual(documented.toSorted(), [...routes].toSorted());
  });
});

describe("services", () => {
  test("have 1 at their status and 0 at the others; the server as a whole has an empty name", async (t) => {
    const { registry, text } = measuring(t);
    registry.set("a.B", "NOT_SERVING");
    const page = text();
    const statusOf = (service: string) =>
      ["UNKNOWN", "SERVING", "NOT_SERVING"].map((status) =>
        readValue(page, "grpc_health_service_status", { service, status }),
      );
    assert.deepEqual(
      [statusOf(""), statusOf("a.B")],
      [
        [0, 1, 0],
        [0, 0, 1],
      ],
    );
  });

  test("show that they are degraded", async (t) => {
    const { registry, value } = measuring(t);
    registry.set("a.B", "SERVING", { degraded: true });
    assert.equal(value("grpc_health_service_degraded", { service: "a.B" }), 1);
    registry.set("a.B", "SERVING");
    assert.equal(value("grpc_health_service_degraded", { service: "a.B" }), 0);
  });

  test("count each change of status by the new status, but not changes to degraded", async (t) => {
    const { registry, value } = measuring(t);
    for (const status of ["SERVING", "NOT_SERVING", "SERVING", "SERVING"] as const) registry.set("a.B", status);
    registry.set("a.B", "SERVING", { degraded: true });
    registry.report(report("failing"));
    assert.equal(value("grpc_health_transitions_total", { service: "db", to: "failing" }), undefined);
    assert.equal(value("grpc_health_transitions_total", { service: "a.B", to: "SERVING" }), 2);
    assert.equal(value("grpc_health_transitions_total", { service: "a.B", to: "NOT_SERVING" }), 1);
  });

  test("that are cleared leave no series", async (t) => {
    const { registry, text } = measuring(t);
    registry.set("a.B", "SERVING");
    assert.match(text(), /service="a\.B"/);
    registry.clear("a.B");
    assert.doesNotMatch(text(), /service="a\.B"/);
  });
});

describe("checks", () => {
  test("have 1 at their state and 0 at the others", async (t) => {
    const { registry, text } = measuring(t);
    registry.report(report("warning"));
    const page = text();
    const values = ["pending", "passing", "warning", "failing"].map((state) =>
      readValue(page, "healthbridge_check_state", { check: "db", state }),
    );
    assert.deepEqual(values, [0, 0, 1, 0]);
  });

  test("count their results by outcome and reason, and how long they took", async (t) => {
    const { text } = measuring(t);
    probe();
    probe({ outcome: "fail", reason: "timeout", latencyMs: 2_000 });
    probe({ outcome: "fail", reason: "timeout", latencyMs: 2_000 });
    const page = text();
    const results = (outcome: string, reason: string) =>
      readValue(page, "healthbridge_check_results_total", { check: "db", outcome, reason });
    const within = (le: string) => readValue(page, "healthbridge_check_duration_seconds_bucket", { check: "db", le });
    assert.deepEqual([results("pass", ""), results("fail", "timeout")], [1, 2]);
    assert.deepEqual([within("0.0025"), within("0.005"), within("1"), within("2.5")], [0, 1, 1, 3]);
    assert.equal(readValue(page, "healthbridge_check_duration_seconds_sum", { check: "db" }), 4.004);
  });

  test("can have any name: quotes and backslashes are escaped, also in histograms", async (t) => {
    const { text } = measuring(t);
    probe({ check: 'a"b\\c' });
    const page = text();
    for (const name of ["healthbridge_check_staleness_seconds", "healthbridge_check_duration_seconds_count"])
      assert.ok(page.includes(`\n${name}{check="a\\"b\\\\c"} `), name);
  });

  test("share one histogram of how late their probes start", async (t) => {
    const { value } = measuring(t);
    probe({ startLagMs: 20 });
    probe({ check: "cache", startLagMs: 200 });
    assert.equal(value("healthbridge_check_start_lag_seconds_count"), 2);
    assert.equal(value("healthbridge_check_start_lag_seconds_bucket", { le: "0.1" }), 1);
  });

  test("show the age of their last result, and nothing before the first one", async (t) => {
    const { clock, value } = measuring(t);
    assert.equal(value("healthbridge_check_staleness_seconds", { check: "db" }), undefined);
    await clock.advance(5_000);
    probe();
    await clock.advance(12_000);
    assert.equal(value("healthbridge_check_staleness_seconds", { check: "db" }), 12);
  });

  test("have no age below zero when results come while the page is written", async (t) => {
    const { clock, metrics } = measuring(t);
    const probeAll = () => {
      for (const check of ["a", "b", "c"]) probe({ check });
    };
    probeAll();
    const lines = metrics.lines();
    let page = String(lines.next().value);
    await clock.advance(5_000);
    probeAll();
    page += [...lines].join("");
    const ages = samplesOf(page).filter(({ name }) => name === "healthbridge_check_staleness_seconds");
    assert.deepEqual(
      ages.map(({ value }) => value),
      [0, 0, 0],
    );
  });

  test("show the days left of the last certificate", async (t) => {
    const { clock, value } = measuring(t);
    const daysLeft = () => value("healthbridge_check_certificate_days_left", { check: "db" });
    probe();
    assert.equal(daysLeft(), undefined);
    probe({ certificateEndsAt: clock.wallTime() + 10 * DAY_MS });
    probe({ outcome: "fail", reason: "refused" });
    await clock.advance(DAY_MS);
    assert.equal(daysLeft(), 9);
  });

  test("count prober errors by reason, and results dropped in a stall", async (t) => {
    const { value } = measuring(t);
    publish("prober-failed", { instance: "mine", check: "db", reason: "dns", error: new Error("EAI_AGAIN") });
    publish("result-dropped", { instance: "mine", check: "db", stallMs: 600 });
    assert.equal(value("healthbridge_check_prober_errors_total", { check: "db", reason: "dns" }), 1);
    assert.equal(value("healthbridge_check_results_dropped_total", { check: "db" }), 1);
  });

  test("that are removed leave no series, and restart from zero", async (t) => {
    const clock = new VirtualClock();
    const health = new Health({ metrics: true, clock, random: () => 0.5 });
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    const server = await health.listen(["127.0.0.1:0"]);
    const page = async () => (await fetch(`http://127.0.0.1:${portOf(server)}/metrics`)).text();
    const declare = () => health.check("db", async () => {}, { services: ["a.B"] });
    const passes = async () => {
      await clock.advance(1);
      const labels = { check: "db", outcome: "pass", reason: "" };
      return readValue(await page(), "healthbridge_check_results_total", labels);
    };
    declare();
    await clock.advance(25_000);
    assert.ok(Number(await passes()) >= 2);
    health.removeCheck("db");
    assert.doesNotMatch(await page(), /"db"|"a\.B"/);
    declare();
    await eventually(async () => (await passes()) === 1, "counted from zero");
  });
});

describe("the prober and its server", () => {
  test("count calls by method and code, and requests by route and code", async (t) => {
    const { value } = measuring(t);
    publish("call", { instance: "mine", method: "Watch", code: "CANCELLED" });
    publish("http-request", { instance: "mine", route: "readyz", status: 503 });
    assert.equal(value("grpc_health_requests_total", { method: "Watch", code: "CANCELLED" }), 1);
    assert.equal(value("grpc_health_http_requests_total", { route: "readyz", code: "503" }), 1);
  });

  test("show watchers, connections and a drain", async (t) => {
    const { registry, value } = measuring(t);
    assert.equal(value("grpc_health_connections"), 3);
    assert.deepEqual([value("grpc_health_watchers"), value("grpc_health_draining")], [0, 0]);
    registry.watch("nobody", new Latest(() => {}));
    registry.drain();
    assert.deepEqual([value("grpc_health_watchers"), value("grpc_health_draining")], [1, 1]);
  });

  test("show a maintenance of one service and of all, until it is over", async (t) => {
    const { value } = measuring(t);
    const readings = () => [
      value("healthbridge_maintenance"),
      value("healthbridge_service_maintenance", { service: "db" }),
      value("healthbridge_service_maintenance", { service: "" }),
    ];
    assert.deepEqual(readings(), [0, undefined, undefined]);
    for (const service of ["db", "", undefined]) publish("maintenance", { instance: "mine", service, active: true });
    assert.deepEqual(readings(), [1, 1, 1]);
    for (const service of ["db", undefined]) publish("maintenance", { instance: "mine", service, active: false });
    assert.deepEqual(readings(), [0, undefined, 1]);
  });

  test("show stalls, late probes, and an isolation while it lasts", async (t) => {
    const { value } = measuring(t);
    for (const [lagMs, isLate] of [
      [2_500, 1],
      [0, 0],
    ] as const) {
      publish("probes-late", { instance: "mine", lagMs });
      assert.equal(value("healthbridge_probes_late"), isLate);
    }
    publish("stall", { instance: "mine", stallMs: 600 });
    publish("isolation", { instance: "mine", held: 5 });
    assert.equal(value("healthbridge_stalls_total"), 1);
    assert.equal(value("healthbridge_prober_isolated"), 1);
    publish("isolation", { instance: "mine", held: 0 });
    assert.equal(value("healthbridge_prober_isolated"), 0);
  });

  test("show a rejected configuration, and when the current one was applied", async (t) => {
    const { clock, value } = measuring(t);
    const startedAt = clock.wallTime() / 1000;
    const successful = () => value("healthbridge_config_last_reload_successful");
    const takenAt = () => value("healthbridge_config_last_reload_success_timestamp_seconds");
    await clock.advance(60_000);
    assert.deepEqual([successful(), takenAt()], [1, startedAt]);
    publish("reload", { instance: "mine", error: new Error("bad") });
    assert.deepEqual([successful(), takenAt()], [0, startedAt]);
    publish("reload", { instance: "mine", error: undefined });
    assert.deepEqual([successful(), takenAt()], [1, startedAt + 60]);
    assert.equal(value("healthbridge_config_reloads_total", { result: "failure" }), 1);
    assert.equal(value("healthbridge_config_reloads_total", { result: "success" }), 1);
  });

  test("show CPU, memory and start time of the process", async (t) => {
    const { clock, text } = measuring(t);
    const page = text();
    const value = (name: string) => Number(readValue(page, name));
    const age = clock.wallTime() / 1000 - value("process_start_time_seconds");
    assert.ok(age > 0 && age <= process.uptime(), `${age} s old`);
    const { user, system } = process.cpuUsage();
    const cpu = value("process_cpu_seconds_total");
    assert.ok(cpu > 0.01 && cpu <= (user + system) / 1_000_000, `${cpu} s of CPU`);
    assert.ok(value("process_resident_memory_bytes") > value("nodejs_heap_size_used_bytes"));
    assert.ok(value("nodejs_heap_size_used_bytes") > 1_000_000);
  });

  test("are shown without the resident memory where /proc is not mounted", async (t) => {
    const { text } = measuring(t);
    t.mock.method(process.memoryUsage, "rss", () => {
      throw new Error("ENOENT: no such file or directory, uv_resident_set_memory");
    });
    assert.doesNotMatch(text(), /^process_resident_memory_bytes /m);
    assert.match(text(), /^nodejs_heap_size_used_bytes \d/m);
  });

  test("show their versions", async (t) => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const { value } = measuring(t);
    assert.equal(value("healthbridge_build_info", { version, node: process.versions.node }), 1);
  });
});

describe("counting", () => {
  test("belongs to one instance, and ends with close()", async (t) => {
    const { metrics, value } = measuring(t);
    publish("stall", { instance: "other", stallMs: 600 });
    assert.equal(value("healthbridge_stalls_total"), 0);
    metrics.close();
    publish("stall", { instance: "mine", stallMs: 600 });
    assert.equal(value("healthbridge_stalls_total"), 0);
  });

  test("begins with the first message, not with the first scrape", async (t) => {
    const { value } = measuring(t);
    for (let count = 0; count < 1_000; count += 1) probe();
    assert.equal(value("healthbridge_check_duration_seconds_count", { check: "db" }), 1_000);
  });

  test("continues when a check is removed and added while the page is written", (t) => {
    const { registry, metrics } = measuring(t);
    const names = Array.from({ length: 100 }, (_, index) => `check-${index}`);
    const passAll = () => {
      for (const check of names) probe({ check });
    };
    for (const name of names) registry.set(name, "SERVING");
    passAll();
    let page = "";
    let pieces = 0;
    for (const piece of metrics.lines()) {
      page += piece;
      pieces += 1;
      if (pieces % 10 !== 0) continue;
      for (const name of names) registry.clear(name);
      for (const name of names) registry.set(name, "SERVING");
      passAll();
    }
    assert.ok(pieces > 500);
    familiesOf(page);
  });

  test("creates no series from client input: 10,000 unknown services and paths add none", async (t) => {
    const { clock, registry, metrics, text } = measuring(t);
    const service = new HealthService(registry);
    const { bridge } = bridgeAt(clock, { registry, metrics });
    const headers = { accept: undefined, contentType: undefined, authorization: undefined, body: undefined };
    const ask = (name: string) => {
      const request = writeHealthCheckRequest(name);
      service.check(request);
      service.watch(request, { send: () => {}, end: () => {} })();
      for (const path of ["/", "/healthcheck/", "/readyz/", "/metrics/", "/heartbeat/", "/healthcheck?service="])
        bridge.answer({ method: name, target: `${path}${name}`, ...headers }, () => {});
      bridge.answer({ method: "GET", target: `/healthcheck/${name}`, ...headers }, () => {});
    };
    ask("first");
    const seriesOf = () => samplesOf(text()).map(({ name, labels }) => name + JSON.stringify(labels));
    const before = seriesOf();
    for (let count = 0; count < 10_000; count += 1) ask(`stranger-${count}`);
    assert.deepEqual(seriesOf(), before);
  });
});
