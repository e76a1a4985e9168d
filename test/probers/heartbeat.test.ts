import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReportStore, StoredReport } from "../../src/checks/heartbeat-reports.js";
import { subscribe } from "../../src/core/channels.js";
import { HealthError } from "../../src/core/health-error.js";
import { Health } from "../../src/daemon/health.js";
import type { Report } from "../../src/probers/heartbeat.js";
import { portOf } from "../support/port-of.js";
import { VirtualClock } from "../support/virtual-clock.js";

function heartOf(options: Partial<Parameters<Health["heartbeat"]>[1]> = {}) {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  const beat = health.heartbeat("nightly", { ttl: "1m", ...options });
  const read = async (ms: number) => {
    await clock.advance(ms);
    return health.status("nightly");
  };
  return { clock, health, beat, read };
}

test("a heartbeat is UNKNOWN until its first report, then SERVING while reports come in time", async () => {
  const { health, beat, read } = heartOf();
  assert.equal(await read(59_999), "UNKNOWN");
  beat();
  assert.equal(await read(0), "SERVING");
  assert.equal(await read(59_999), "SERVING");
  beat();
  assert.equal(await read(59_999), "SERVING");
  assert.equal(await read(1), "NOT_SERVING");
  beat();
  assert.equal(await read(250), "SERVING", "one report brings it back");
  await health.shutdown();
});

test("a heartbeat without a report within its ttl fails", async () => {
  const { health, read } = heartOf();
  assert.equal(await read(60_000), "NOT_SERVING");
  assert.equal(await read(600_000), "NOT_SERVING", "and stays so");
  await health.shutdown();
});

test("a reported failure stays until the next report or the end of ttl", async () => {
  const { health, beat, read } = heartOf();
  beat("fail");
  assert.equal(await read(0), "NOT_SERVING");
  await read(1_000);
  beat("pass");
  assert.equal(await read(0), "SERVING");
  await health.shutdown();
});

/** The changes of a service, as text. */
function changesOf(health: Health, service = "nightly"): string[] {
  const changes: string[] = [];
  health.onTransition(({ subject, name, from, to, reason }) => {
    if (subject === "service" && name === service) changes.push(`${from} ${to} ${reason ?? ""}`.trim());
  });
  return changes;
}

test("pass, fail and pass within 80 ms are three changes: every report counts, before `beat` returns", async () => {
  const { clock, health, beat } = heartOf();
  const changes = changesOf(health);
  for (const report of ["pass", "fail", "pass"] as const) {
    beat(report);
    await clock.advance(40);
  }
  assert.deepEqual(changes, ["UNKNOWN SERVING", "SERVING NOT_SERVING reported", "NOT_SERVING SERVING"]);
  await health.shutdown();
});

test("reports in one turn of the event loop all count, without waiting", async () => {
  const { health, beat } = heartOf();
  const changes = changesOf(health);
  for (const report of ["fail", "pass", "pass", "fail", "pass"] as const) beat(report);
  assert.deepEqual(
    changes.map((change) => change.split(" ")[1]),
    ["NOT_SERVING", "SERVING", "NOT_SERVING", "SERVING"],
  );
  await health.shutdown();
});

test("with thresholds each report counts once, however many come at the same time", async () => {
  const { health, beat, read } = heartOf({ unhealthyThreshold: 3, healthyThreshold: 2 });
  const steps = [];
  for (const report of ["pass", "fail", "fail", "pass", "fail", "fail"] as const) {
    beat(report);
    steps.push(health.status("nightly"));
  }
  assert.deepEqual(new Set(steps), new Set(["SERVING"]), "never three in a row");
  await read(30_000);
  assert.equal(health.status("nightly"), "SERVING", "one report does not count again with time");
  beat("fail");
  assert.equal(health.status("nightly"), "NOT_SERVING");
  beat();
  assert.equal(health.status("nightly"), "NOT_SERVING");
  beat();
  assert.equal(health.status("nightly"), "SERVING");
  await health.shutdown();
});

test("each ttl without a report is one missed report", async () => {
  const { beat, read, health } = heartOf({ unhealthyThreshold: 2, staleAfter: "1h" });
  beat();
  assert.equal(await read(119_999), "SERVING", "one is missed");
  assert.equal(await read(1), "NOT_SERVING", "two are missed");
  await health.shutdown();
});

test("a report at the moment when the time is over counts, whichever comes first", async () => {
  const { clock, beat, read, health } = heartOf();
  const changes = changesOf(health);
  beat();
  clock.setTimer(60_000, () => beat());
  assert.equal(await read(60_000), "SERVING");
  assert.equal(changes.at(-1)?.split(" ")[1], "SERVING");
  assert.equal(await read(59_999), "SERVING");
  await health.shutdown();
});

test("100,000 reports leave the timers of one pass and one failure, and nothing queued", async () => {
  const { clock, health, beat } = heartOf();
  beat();
  beat("fail");
  await clock.advance(0);
  const timers = clock.pendingTimers;
  for (let times = 0; times < 100_000; times += 1) beat(times % 2 === 0 ? "pass" : "fail");
  assert.equal(health.status("nightly"), "NOT_SERVING");
  assert.equal(clock.pendingTimers, timers);
  await health.shutdown();
});

test("another ttl keeps the state, and counts from the last report", async () => {
  const clock = new VirtualClock();
  const health = new Health({ clock, random: () => 0.5 });
  const configure = (ttl: string) =>
    health.configure({
      checks: [{ name: "nightly", source: { kind: "heartbeat", ttl, token: "t" }, options: {} }],
      services: [],
      isolation: undefined,
      allowLinkLocal: false,
    });
  configure("1m");
  const bridge = reporterOf(health);
  await bridge("pass");
  const changes = changesOf(health);
  await clock.advance(30_000);
  configure("2m");
  await clock.advance(89_999);
  assert.deepEqual([health.status("nightly"), changes], ["SERVING", []]);
  await clock.advance(1);
  assert.equal(health.status("nightly"), "NOT_SERVING");
  await health.shutdown();
});

test("a report over HTTP is counted before it is answered", async () => {
  const { health } = heartOf({ token: "t" });
  const report = reporterOf(health);
  const seen = [];
  for (const status of ["pass", "fail", "pass"] as const) {
    assert.equal(await report(status), 200);
    seen.push(health.status("nightly"));
  }
  assert.deepEqual(seen, ["SERVING", "NOT_SERVING", "SERVING"]);
  await health.shutdown();
});

/** Sends a report over a real connection. Returns the code of the answer. */
function reporterOf(health: Health): (status: Report) => Promise<number> {
  return async (status) => {
    const server = await health.listen(["127.0.0.1:0"]);
    try {
      const [address] = server.addresses;
      assert.ok(address !== undefined && "port" in address);
      const url = `http://127.0.0.1:${address.port}/heartbeat/nightly?status=${status}`;
      const answer = await fetch(url, { method: "POST", headers: { authorization: "Bearer t" } });
      await answer.text();
      return answer.status;
    } finally {
      await server.close();
    }
  };
}

function storeOf(stored: Record<string, StoredReport> = {}) {
  const reports = new Map(Object.entries(stored));
  const store: ReportStore = {
    read: (check) => reports.get(check),
    write: (check, report) => void reports.set(check, report),
    remove: (check) => void reports.delete(check),
  };
  return { reports, store };
}

const NOW = new VirtualClock().wallTime();

for (const [label, stored, expected, missesAfterMs] of [
  ["a pass of 59 s ago", { report: "pass", at: NOW - 59_000 }, "SERVING", 1_000],
  ["a fail of 59 s ago", { report: "fail", at: NOW - 59_000 }, "NOT_SERVING", undefined],
  ["a pass that is as old as the ttl", { report: "pass", at: NOW - 60_000 }, "NOT_SERVING", undefined],
  ["a pass of last year", { report: "pass", at: NOW - 3e10 }, "NOT_SERVING", undefined],
  ["a fail of last year", { report: "fail", at: NOW - 3e10 }, "NOT_SERVING", undefined],
  ["a pass in 59 s (the clock was set back)", { report: "pass", at: NOW + 59_000 }, "SERVING", 60_000],
  ["a pass of next year", { report: "pass", at: NOW + 3e10 }, "UNKNOWN", undefined],
  ["a fail of next year", { report: "fail", at: NOW + 3e10 }, "NOT_SERVING", undefined],
  ["nothing", undefined, "UNKNOWN", undefined],
] as const)
  for (const order of ["before", "after"] as const)
    test(`after a restart, ${label} makes a heartbeat that was declared ${order} it ${expected}`, async () => {
      const { health, clock } = heartOf();
      health.removeCheck("nightly");
      const { store } = storeOf(stored === undefined ? {} : { nightly: stored });
      if (order === "after") health.keepReports(store);
      health.heartbeat("nightly", { ttl: "1m" });
      if (order === "before") health.keepReports(store);
      assert.equal(health.status("nightly"), expected);
      if (missesAfterMs !== undefined) {
        await clock.advance(missesAfterMs - 1);
        assert.equal(health.status("nightly"), expected);
        await clock.advance(1);
        assert.equal(health.status("nightly"), "NOT_SERVING");
      }
      await health.shutdown();
    });

test("a report is stored with its wall time, and a heartbeat that is removed is forgotten; shutdown forgets nothing", async () => {
  const { health, clock, beat } = heartOf();
  const { store, reports } = storeOf();
  health.keepReports(store);
  await clock.advance(5_000);
  beat("fail");
  assert.deepEqual([...reports], [["nightly", { report: "fail", at: NOW + 5_000 }]]);
  health.heartbeat("weekly", { ttl: "1h" })();
  health.removeCheck("nightly");
  beat();
  assert.deepEqual([...reports.keys()], ["weekly"]);
  await health.shutdown();
  assert.deepEqual([...reports.keys()], ["weekly"]);
});

test("a store that throws loses the report, and nothing else: it counts, and checks are added and removed", async (t) => {
  const { health, beat } = heartOf();
  const faults: string[] = [];
  t.after(subscribe("fault", ({ where }) => void faults.push(where)));
  const broken = () => {
    throw new Error("no space left on device");
  };
  health.keepReports({ read: broken, write: broken, remove: broken });
  beat("fail");
  assert.equal(health.status("nightly"), "NOT_SERVING");
  health.heartbeat("weekly", { ttl: "1h" })();
  assert.deepEqual([health.status("weekly"), health.removeCheck("weekly")], ["SERVING", true]);
  assert.deepEqual(new Set(faults), new Set(["the store of reports"]));
  await health.shutdown();
});

test("while shutting down, a report over HTTP gets 503 whatever its token is, and none is refused before", async (t) => {
  const health = new Health();
  health.heartbeat("nightly", { ttl: "1m", token: "t" });
  const server = await health.listen(["127.0.0.1:0"]);
  t.after(() => health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 100 }));
  const report = async (name: string, token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `http://127.0.0.1:${portOf(server)}/heartbeat/${name}`;
    const { status, headers: answered } = await fetch(url, { method: "POST", headers });
    return [status, answered.get("retry-after")];
  };
  health.drain();
  assert.deepEqual(await report("nightly", "t"), [200, null], "a drain can end again, so reports count");
  const end = health.shutdown({ drainDelayMs: 1_000, closeTimeoutMs: 100 });
  for (const [name, token] of [
    ["nightly", "t"],
    ["nightly", "x"],
    ["unknown", "t"],
  ] as const)
    assert.deepEqual(await report(name, token), [503, "5"], name);
  await end;
});

test("an invalid ttl is refused, and nothing is declared", () => {
  const { health } = heartOf();
  for (const ttl of [0, -1, "5 parsecs", Number.NaN])
    assert.throws(() => health.heartbeat("x", { ttl }), HealthError, String(ttl));
  assert.throws(() => health.heartbeat("nightly", { ttl: "1s" }), HealthError);
  assert.equal(health.status("x"), undefined);
});

test("removing a heartbeat removes its service and leaves no timer", async () => {
  const { clock, health, beat } = heartOf();
  beat();
  await clock.advance(0);
  assert.equal(health.removeCheck("nightly"), true);
  assert.deepEqual([health.status("nightly"), clock.pendingTimers], [undefined, 0]);
  beat();
  await clock.advance(120_000);
  assert.equal(health.status("nightly"), undefined);
});

test("a stored report does not replace one that has come already", async () => {
  for (const [stored, report, status] of [
    ["pass", "fail", "NOT_SERVING"],
    ["fail", "pass", "SERVING"],
    ["pass", undefined, "NOT_SERVING"],
  ] as const) {
    const { health, beat, clock } = heartOf({ unhealthyThreshold: 1 });
    if (report === undefined) await clock.advance(60_000);
    else beat(report);
    const at = clock.wallTime() - 1_000;
    health.keepReports({ read: () => ({ report: stored, at }), write: () => {}, remove: () => {} });
    assert.equal(health.status("nightly"), status, `${report}, with a stored ${stored}`);
    await health.shutdown();
  }
});
