/** What an operator has said, across restarts, reloads and jumps of the clock. */
import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { subscribe } from "../../src/core/channels.js";
import { Operator } from "../../src/daemon/operator.js";
import type { Journal } from "../../src/telemetry/journal.js";
import { journalAt, newFolders, OperatorBench } from "../support/operator-bench.js";
import { settle } from "../support/virtual-clock.js";

const newFolder = newFolders();

class Bench extends OperatorBench {
  readonly operator: Operator;

  constructor(journal?: Journal, wallOffset = 0) {
    super(journal, wallOffset);
    this.operator = new Operator(this.deps);
    this.operator.restore();
  }

  /** Starts with the journal of a folder. */
  static async at(folder: string, wallOffset = 0): Promise<Bench> {
    return new Bench(await journalAt(folder), wallOffset);
  }

  reasons(...names: readonly string[]): readonly (string | undefined)[] {
    return names.map((name) => this.health.parts.registry.read(name)?.reason);
  }
}

const A = { service: "a" };

test("a drain survives a restart until it is resumed, and is there before anything can be asked", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  assert.equal(await first.operator.drain(A), true);
  assert.equal(await first.operator.drain(A), false, "it is drained already");
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual(second.reasons("a", "b"), ["drained", "pending"]);
  assert.deepEqual(second.log, [
    'drained: service "a": still drained, as before the restart; reports NOT_SERVING until resumed',
  ]);
  assert.deepEqual(await second.operator.resume(A), { all: false, services: ["a"] });
  await second.journal?.close();
  const third = await Bench.at(folder);
  assert.deepEqual(third.reasons("a"), ["pending"]);
  await third.journal?.close();
});

test("a drain of everything survives a restart too, and a resume of everything ends every drain", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  await first.operator.drain("all");
  await first.operator.drain(A);
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual(second.reasons("a", "b", ""), ["draining", "draining", "draining"]);
  assert.deepEqual(await second.operator.resume("all"), { all: true, services: ["a"] });
  assert.deepEqual(second.reasons("a", "b"), ["pending", "pending"]);
  await second.journal?.close();
});

test("one that is resumed while everything is drained stays NOT_SERVING until that ends", async () => {
  const { operator, reasons } = bound(new Bench());
  await operator.drain("all");
  await operator.drain(A);
  assert.deepEqual(await operator.resume(A), { all: false, services: ["a"] });
  assert.deepEqual(reasons("a"), ["draining"]);
  await operator.resume("all");
  assert.deepEqual(reasons("a"), ["pending"]);
});

function bound(bench: Bench) {
  return { operator: bench.operator, reasons: bench.reasons.bind(bench) };
}

test("an unknown name, a view and a service that a target reports are refused, and nothing is stored", async () => {
  const { operator } = new Bench();
  await assert.rejects(operator.drain({ service: "nope" }), { code: "NOT_FOUND" });
  await assert.rejects(operator.resume({ service: "nope" }), { code: "NOT_FOUND" });
  await assert.rejects(operator.setMaintenance({ service: "nope" }, 1_000, ""), { code: "NOT_FOUND" });
  await assert.rejects(operator.drain({ service: "liveness" }), { code: "FAILED_PRECONDITION" });
  const bench = new Bench();
  bench.configure("orders", "payments");
  const text = 'there is no service "order"; did you mean orders?';
  await assert.rejects(bench.operator.drain({ service: "order" }), { code: "NOT_FOUND", message: text });
  bench.configure("a", "b");
  bench.health.parts.registry.set("celery.worker/x", "SERVING");
  await assert.rejects(bench.operator.drain({ service: "celery.worker/x" }), {
    code: "FAILED_PRECONDITION",
    message: '"celery.worker/x" cannot be drained: it is reported by the target of a check; name that check',
  });
  assert.equal(await bench.operator.drain({ service: "readiness" }), true);
  assert.deepEqual(bench.reasons("", "readiness", "a"), ["drained", "drained", "pending"]);
});

test("a service that a reload removes leaves no ghost: its drain and maintenance end, also after a restart", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  await first.operator.drain(A);
  await first.operator.setMaintenance(A, 3_600_000, "");
  first.configure("b");
  first.operator.dropUnknown();
  assert.equal(first.operator.drainedSince(A), undefined);
  assert.deepEqual([...first.health.parts.registry.drained], []);
  first.configure("a", "b");
  assert.deepEqual(first.reasons("a"), ["pending"]);
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual([second.reasons("a"), second.operator.maintenanceOf(A)], [["pending"], undefined]);
  await second.journal?.close();
});

test("a drain of a service that the configuration has lost meanwhile is dropped at the start", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  first.configure("a", "b", "c");
  await first.operator.drain({ service: "c" });
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.match(second.log.join(), /drain-ended: the configuration has no service "c" any more/);
  second.configure("a", "b", "c");
  assert.deepEqual(second.reasons("c"), ["pending"]);
  await second.journal?.close();
});

test("when stateDir cannot be written, the answer is an error and nothing has changed", async () => {
  const folder = newFolder();
  const bench = await Bench.at(folder);
  renameSync(join(folder, "lock"), join(folder, "lock.away"));
  symlinkSync("/dev/full", join(folder, "journal.new"));
  await assert.rejects(bench.operator.drain(A), { code: "UNAVAILABLE" });
  renameSync(join(folder, "lock.away"), join(folder, "lock"));
  for (const scope of [A, "all"] as const) {
    await assert.rejects(bench.operator.drain(scope), {
      code: "UNAVAILABLE",
      message: /ENOSPC.*; nothing has changed/,
    });
    await assert.rejects(bench.operator.setMaintenance(scope, 1_000, ""), { code: "UNAVAILABLE" });
  }
  assert.deepEqual(bench.reasons("a", "b"), ["pending", "pending"]);
  assert.equal(bench.operator.maintenanceOf("all"), undefined);
  rmSync(join(folder, "journal.new"));
  await bench.operator.drain({ service: "b" });
  await bench.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual(second.reasons("a", "b"), ["pending", "drained"]);
  await second.journal?.close();
});

test("a torn tail loses the call that was not answered, and no other", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  await first.operator.drain(A);
  const whole = readFileSync(join(folder, "journal")).length;
  await first.operator.drain({ service: "b" });
  await first.journal?.close();
  truncateSync(join(folder, "journal"), whole + 20);
  const second = await Bench.at(folder);
  assert.deepEqual(second.reasons("a", "b"), ["drained", "pending"]);
  await second.journal?.close();
});

test("a value that another version has written, or that is damaged, is nothing said", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  const values = [null, 7, "x", {}, { since: "yesterday" }, { since: Number.NaN }];
  await first.journal?.commit(
    values.map((value, index) => ({ type: "drain", key: index === 0 ? "=a" : `=b${index}`, value })),
  );
  await first.journal?.commit([{ type: "maintenance", key: "all", value: { since: 1 } }]);
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual(
    [second.reasons("a", ""), second.operator.maintenanceOf("all")],
    [["pending", "pending"], undefined],
  );
  await second.journal?.close();
});

test("maintenance changes no status, is over after its time, and says so once", async () => {
  const { operator, clock, log, health } = new Bench();
  const seen: string[] = [];
  health.onTransition(({ name }) => seen.push(name));
  await operator.setMaintenance(A, 60_000, "new disks");
  await operator.setMaintenance("all", 120_000, "");
  assert.equal(operator.maintenanceOf(A)?.reason, "new disks");
  await clock.advance(59_999);
  assert.ok(operator.maintenanceOf(A) !== undefined);
  await clock.advance(1);
  assert.deepEqual([operator.maintenanceOf(A), operator.maintenanceOf("all") !== undefined], [undefined, true]);
  assert.deepEqual(seen, []);
  assert.deepEqual(
    log.filter((line) => line.startsWith("maintenance-ended")),
    ['maintenance-ended: maintenance of service "a" is over'],
  );
  assert.equal(await operator.setMaintenance("all", 0, ""), true);
  assert.equal(await operator.setMaintenance("all", 0, ""), false);
  assert.equal(clock.pendingTimers > 0, true);
});

test("each begin and end of a maintenance is published, also those of a restart, a reload and the time", async (t) => {
  const published: string[] = [];
  t.after(
    subscribe("maintenance", ({ service = "all", active }) => {
      published.push(`${service} ${active ? "begins" : "ends"}`);
    }),
  );
  const folder = newFolder();
  const take = () => published.splice(0);
  const first = await Bench.at(folder);
  await first.operator.setMaintenance(A, 60_000, "");
  await first.operator.setMaintenance({ service: "b" }, 3_600_000, "");
  await first.operator.setMaintenance("all", 3_600_000, "");
  assert.deepEqual(take(), ["a begins", "b begins", "all begins"]);
  await first.clock.advance(60_000);
  await first.operator.setMaintenance("all", 0, "");
  assert.deepEqual(take(), ["a ends", "all ends"]);
  await first.journal?.close();
  const second = await Bench.at(folder);
  assert.deepEqual(take(), ["b begins"]);
  second.configure("a");
  second.operator.dropUnknown();
  assert.deepEqual(take(), ["b ends"]);
  await second.journal?.close();
});

test("maintenance survives a restart until its wall time, also when that has passed meanwhile", async () => {
  const folder = newFolder();
  const first = await Bench.at(folder);
  await first.operator.setMaintenance(A, 3_600_000, "x");
  await first.journal?.close();
  const second = await Bench.at(folder, 1_800_000);
  const { untilMs = 0 } = second.operator.maintenanceOf(A) ?? {};
  assert.equal(untilMs - second.clock.wallTime(), 1_800_000);
  await second.journal?.close();
  const third = await Bench.at(folder, 3_600_001);
  assert.equal(third.operator.maintenanceOf(A), undefined);
  await third.journal?.close();
  const fourth = await Bench.at(folder);
  assert.equal(fourth.operator.maintenanceOf(A), undefined, "it was removed from the journal");
  await fourth.journal?.close();
});

test("a wall clock that jumps ahead ends a maintenance, and one that is set back makes none longer", async () => {
  const ahead = new Bench();
  await ahead.operator.setMaintenance(A, 3_600_000, "");
  ahead.clock.wallOffset = 7_200_000;
  assert.equal(ahead.operator.maintenanceOf(A), undefined);
  await ahead.clock.advance(10_000);
  assert.match(ahead.log.at(-1) ?? "", /is over/);
  const back = new Bench();
  await back.operator.setMaintenance(A, 3_600_000, "");
  back.clock.wallOffset = -86_400_000;
  await back.clock.advance(3_599_999);
  assert.ok(back.operator.maintenanceOf(A) !== undefined);
  await back.clock.advance(1);
  assert.equal(back.operator.maintenanceOf(A), undefined);
});

test("a jump of the wall clock changes no drain", async () => {
  const { operator, clock, health } = new Bench();
  await operator.drain(A);
  for (const offset of [-1e12, 1e12]) {
    clock.wallOffset = offset;
    await clock.advance(60_000);
    assert.equal(health.parts.registry.read("a")?.reason, "drained");
  }
});

test("calls are done one after the other; of too many, the last are refused", async () => {
  const { operator } = new Bench();
  const calls = Array.from({ length: 150 }, (_, index) => (index % 2 === 0 ? operator.drain(A) : operator.resume(A)));
  const results = await Promise.allSettled(calls);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 100);
  const [refused] = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  assert.equal(refused.code, "RESOURCE_EXHAUSTED");
  assert.equal(operator.drainedSince(A), undefined, "the last call that was taken is a resume");
});

test("during the shutdown nothing can be resumed", async () => {
  const { operator, health } = new Bench();
  await operator.drain("all");
  operator.stop();
  health.drain();
  await assert.rejects(operator.resume("all"), {
    code: "FAILED_PRECONDITION",
    message: "healthbridge is shutting down",
  });
  await settle();
  assert.equal(health.draining, true);
});
