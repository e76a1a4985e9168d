/** Maintenance that operators declare in a fleet: across restarts, configurations and jumps of wall clocks. */
import assert from "node:assert/strict";
import { renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Operator } from "../../src/daemon/operator.js";
import { FleetMaintenance } from "../../src/fleet/orders/maintenance.js";
import { OrderTime } from "../../src/fleet/orders/order-time.js";
import { maintenanceOrderOf } from "../../src/fleet/records/maintenance-form.js";
import type { Journal } from "../../src/telemetry/journal.js";
import { journalAt, newFolders, OperatorBench } from "../support/operator-bench.js";
import { SeededRandom } from "../support/seeded-random.js";
import { VirtualClock } from "../support/virtual-clock.js";

const HOUR = 3_600_000;
const A = { service: "a" };

const newFolder = newFolders();

/** A member, with its own clocks. Members hear of each other when a test says so. */
class Bench extends OperatorBench {
  readonly operator: Operator;
  readonly table: FleetMaintenance;
  peers: readonly Bench[] = [];
  onChange: (scope: string) => void = () => {};

  constructor(name: string, journal?: Journal, wallOffset = 0) {
    super(journal, wallOffset);
    const { clock } = this;
    const random = new SeededRandom(name.length + wallOffset).next;
    const table = new FleetMaintenance({
      clock,
      random,
      time: new OrderTime(clock),
      toleranceMs: 5_000,
      onChange: (scope) => this.onChange(scope),
    });
    this.table = table;
    const fleet = {
      member: name,
      get scopes() {
        return table.scopes;
      },
      get: (scope: string) => table.get(scope),
      hasRoomFor: (scope: string) => table.hasRoomFor(scope),
      next: (order: Parameters<FleetMaintenance["next"]>[0]) => table.next(order),
      takeUp: (order: Parameters<FleetMaintenance["merge"]>[0][number]) => void table.merge([order]),
      read: maintenanceOrderOf,
      follow: (listener: (scope: string) => void) => {
        this.onChange = listener;
      },
      catchUp: async () => this.hear(),
      tell: async () => {
        for (const peer of this.peers) peer.hear();
        return [];
      },
    };
    this.operator = new Operator({ ...this.deps, fleet });
    this.operator.restore();
  }

  /** Starts with the journal of a folder. */
  static async at(folder: string, name = "m1", wallOffset = 0): Promise<Bench> {
    return new Bench(name, await journalAt(folder), wallOffset);
  }

  hear(): void {
    for (const peer of this.peers) this.table.merge(peer.table.told().orders);
  }

  async order(scope: { readonly service: string } | "all", durationMs: number): Promise<boolean> {
    const changed = await this.operator.setMaintenance(scope, durationMs, "new disks");
    await this.operator.tellMaintenance();
    return changed;
  }

  /** Seconds that are left of a maintenance, as `status` tells it. */
  left(scope: { readonly service: string } | "all" = A): number | undefined {
    const maintenance = this.operator.maintenanceOf(scope);
    return maintenance && Math.round((maintenance.untilMs - this.clock.wallTime()) / 1_000);
  }

  take(): readonly string[] {
    return this.log.splice(0);
  }
}

function pair(...benches: readonly Bench[]): void {
  for (const bench of benches) bench.peers = benches.filter((other) => other !== bench);
}

test("an order holds at each member, whatever its wall clock says, and each of them can end it", async () => {
  const [one, other] = [new Bench("m1"), new Bench("m2", undefined, -7 * HOUR)];
  pair(one, other);
  assert.equal(await one.order(A, HOUR), true);
  assert.deepEqual([one.left(), other.left()], [3_600, 3_600]);
  assert.deepEqual(
    [one.operator.isInMaintenance("a"), other.operator.isInMaintenance("a"), other.operator.isInMaintenance("b")],
    [true, true, false],
  );
  const text = 'maintenance: maintenance of service "a" for 1h';
  const rest = ": new disks; alerts are silent, statuses are not changed";
  assert.deepEqual([one.take(), other.take()], [[text + rest], [`${text} at m1${rest}`]]);
  other.clock.wallOffset = 30 * HOUR;
  await other.clock.advance(60_000);
  assert.deepEqual([other.left(), other.operator.isInMaintenance("a")], [3_540, true], "its wall clock has jumped");
  assert.equal(await other.order(A, 0), true);
  assert.deepEqual([one.left(), other.left()], [undefined, undefined]);
  assert.deepEqual(one.take(), ['maintenance-ended: maintenance of service "a": ended by an operator at m2']);
  assert.equal(await one.order(A, 0), false);
});

test("it is over at each member when its time has passed", async () => {
  const [one, other] = [new Bench("m1"), new Bench("m2")];
  pair(one, other);
  await one.order("all", 60_000);
  for (const { clock } of [one, other]) await clock.advance(60_000);
  for (const bench of [one, other]) {
    assert.deepEqual([bench.left("all"), bench.operator.isInMaintenance("b")], [undefined, false]);
    assert.match(bench.take().at(-1) ?? "", /of all services is over$/);
  }
});

test("a member that hears of it stores it: after a restart of all members, it is still there, and so is its end", async () => {
  const folder = newFolder();
  const [one, other] = [new Bench("m1"), await Bench.at(folder, "m2")];
  pair(one, other);
  await one.order(A, HOUR);
  await one.order({ service: "b" }, HOUR);
  await one.order({ service: "b" }, 0);
  await other.journal?.close();
  const again = await Bench.at(folder, "m2", HOUR / 2);
  assert.deepEqual([again.left(), again.left({ service: "b" })], [1_800, undefined]);
  const stale = new Bench("m3");
  stale.table.merge([{ ...again.table.next({ scope: "=b", durationMs: HOUR, reason: "", member: "m1" }), number: 1 }]);
  pair(again, stale);
  again.hear();
  stale.hear();
  assert.deepEqual([again.left({ service: "b" }), stale.left({ service: "b" })], [undefined, undefined]);
  assert.equal(stale.left(), 1_800);
  await again.journal?.close();
});

test("a restart with another wall clock changes nothing while another member lives", async () => {
  for (const offset of [10 * HOUR, -10 * HOUR]) {
    const folder = newFolder();
    const [one, other] = [new Bench("m1"), await Bench.at(folder, "m2")];
    pair(one, other);
    await one.order(A, HOUR);
    await other.journal?.close();
    const again = await Bench.at(folder, "m2", offset);
    pair(one, again);
    again.hear();
    one.hear();
    assert.deepEqual([one.left(), again.left()], [3_600, 3_600], `${offset}`);
    await again.journal?.close();
  }
});

test("what a daemon has stored before it was in a fleet is an order of the fleet", async () => {
  const folder = newFolder();
  const journal = await journalAt(folder);
  const since = new VirtualClock().wallTime();
  journal.put("maintenance", "=a", { since, until: since + HOUR, reason: "x" });
  journal.put("maintenance", "=b", { since: since - HOUR, until: since - 1, reason: "x" });
  await journal.close();
  const one = await Bench.at(folder);
  const other = new Bench("m2");
  pair(one, other);
  other.hear();
  assert.deepEqual([one.left(), other.left(), other.left({ service: "b" })], [3_600, 3_600, undefined]);
  assert.deepEqual(
    one.journal?.entries("maintenance").map(([key]) => key),
    ["=a"],
  );
  await one.journal?.close();
});

test("a service that one member does not have is in maintenance at the others, and there as soon as it has it", async () => {
  const [one, other, third] = [new Bench("m1"), new Bench("m2"), new Bench("m3")];
  other.configure("b");
  pair(one, other);
  await one.order(A, HOUR);
  assert.deepEqual([one.left(), other.left(), other.take()], [3_600, undefined, []]);
  await assert.rejects(other.operator.setMaintenance(A, HOUR, ""), { code: "NOT_FOUND" });
  pair(other, third);
  third.hear();
  assert.equal(third.left(), 3_600, "it is passed on");
  other.configure("a", "b");
  other.operator.dropUnknown();
  assert.equal(other.left(), 3_600);
  other.configure("b");
  other.operator.dropUnknown();
  assert.deepEqual([other.left(), third.left()], [undefined, 3_600]);
  other.operator.dropUnknown();
  other.configure("a", "b");
  other.operator.dropUnknown();
  assert.equal(other.left(), 3_600);
});

test("an order that cannot be stored is no order", async () => {
  const folder = newFolder();
  const one = await Bench.at(folder);
  const other = new Bench("m2");
  pair(one, other);
  await one.order(A, HOUR);
  renameSync(join(folder, "journal"), join(folder, "before"));
  symlinkSync("/dev/full", join(folder, "journal"));
  await one.journal?.close();
  await assert.rejects(one.operator.setMaintenance(A, 0, ""), { code: "UNAVAILABLE" });
  other.hear();
  assert.deepEqual([one.left(), other.left()], [3_600, 3_600]);
});

test("more than 64 maintenances are refused, and one that is over makes room", async () => {
  const one = new Bench("m1");
  one.configure(...Array.from({ length: 70 }, (_, index) => `s${index}`));
  for (let index = 0; index < 64; index += 1) await one.order({ service: `s${index}` }, index === 0 ? 60_000 : HOUR);
  await assert.rejects(one.operator.setMaintenance({ service: "s64" }, HOUR, ""), { code: "RESOURCE_EXHAUSTED" });
  assert.equal(await one.order({ service: "s3" }, 2 * HOUR), true);
  await one.clock.advance(60_000);
  assert.equal(await one.order({ service: "s64" }, HOUR), true);
});
