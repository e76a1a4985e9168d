/** The engine of a fleet when its store is away, loses data, or is split. Numbers are rows of docs/fleet.md. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definitions, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(30);

async function three(checks = CHECKS, settings = {}) {
  const world = new World();
  const [a, b, c] = await world.grow(3, checks, settings);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return { world, a, b, c, all: [a, b, c] };
}

function changes(members: readonly TestMember[]): readonly unknown[] {
  return members.flatMap(({ decisions }) => decisions);
}

/** How often the members have found a failure. */
function failures(members: readonly TestMember[]): number {
  return members.flatMap(({ decisions }) => decisions.filter(({ state }) => state === "failing")).length;
}

describe("a store that is away", () => {
  it("changes nothing within a lease (F7)", async () => {
    const { world, all } = await three();
    const before = all.map((member) => member.probed());
    world.store.faults.isAway = true;
    await world.seconds(3);
    world.store.faults.isAway = false;
    await world.seconds(60);
    assert.deepEqual(changes(all), []);
    assert.deepEqual(
      all.map((member) => member.probed()),
      before,
    );
    assert.ok(all.every(({ events }) => !events.some(({ kind }) => kind === "detached")));
  });

  it("makes each member probe all, and no status changes in ten minutes (F8)", async () => {
    const { world, all } = await three();
    world.store.faults.isAway = true;
    await world.seconds(7);
    for (const member of all) {
      assert.equal(member.fleet.readings.isDetached, true);
      assert.equal(member.probed().length, 30);
    }
    await world.seconds(600);
    assert.deepEqual(changes(all), []);
    for (const member of all) for (const { check } of CHECKS) assert.equal(member.state(check), "passing");
  });

  it("is noticed within a lease and a half on a half-open connection (F18)", async () => {
    const { world, a, b } = await three();
    a.connection.faults.isSilent = true;
    await world.seconds(7.6);
    assert.equal(a.fleet.readings.isDetached, true);
    assert.equal(b.fleet.readings.isDetached, false);
  });

  it("leaves foreign checks to run out when all are beyond the capacity, and own ones go on (F9)", async () => {
    const { world, all } = await three(CHECKS, { capacity: 2 });
    const before = all.map((member) => member.probed());
    world.store.faults.isAway = true;
    await world.seconds(60);
    for (const [index, member] of all.entries()) {
      assert.deepEqual(member.probed(), before[index]);
      for (const { check } of CHECKS)
        assert.equal(member.state(check), before[index]?.includes(check) === true ? "passing" : "pending");
    }
    world.store.faults.isAway = false;
    await world.seconds(10);
    for (const member of all) for (const { check } of CHECKS) assert.equal(member.state(check), "passing");
  });

  it("counts probes a second for the capacity: at the limit, all are probed", async () => {
    const { world, a } = await three(CHECKS, { capacity: 3 });
    world.store.faults.isAway = true;
    await world.seconds(7);
    assert.equal(a.probed().length, 30);
  });

  it("keeps its share when it is told so", async () => {
    const { world, a } = await three(CHECKS, { whenStoreIsGone: "share" });
    const before = a.probed();
    world.store.faults.isAway = true;
    await world.seconds(30);
    assert.deepEqual(a.probed(), before);
  });

  it("takes nothing over and gives nothing up for a lease when it returns, and then has the same shares (F10)", async () => {
    const { world, all } = await three();
    const before = all.map((member) => member.probed());
    world.store.faults.isAway = true;
    await world.seconds(120);
    world.store.faults.isAway = false;
    await world.seconds(5.5);
    for (const member of all) {
      assert.equal(member.fleet.readings.isDetached, false);
      assert.equal(member.probed().length, 30);
    }
    await world.seconds(15);
    assert.deepEqual(
      all.map((member) => member.probed()),
      before,
    );
    assert.deepEqual(changes(all), []);
  });

  it("starts a member while it is away: it probes all", async () => {
    const world = new World();
    world.store.faults.isAway = true;
    const a = world.add("a", CHECKS);
    await world.seconds(10);
    for (const { check } of CHECKS) assert.equal(a.state(check), "passing");
    world.store.faults.isAway = false;
    await world.seconds(30);
    for (const { check } of CHECKS) assert.equal(a.state(check), "passing");
    assert.equal(a.probed().length, 30);
  });

  it("lets a member that has started while it was away follow the others at once when it returns (I7)", async () => {
    const { world, all } = await three();
    world.store.faults.isAway = true;
    world.sight = (member) => (member === "d" ? "fail" : "pass");
    await world.seconds(7);
    const late = world.add("d", CHECKS);
    await world.seconds(30);
    for (const { check } of CHECKS) assert.equal(late.state(check), "failing");
    world.store.faults.isAway = false;
    await world.seconds(4);
    for (const { check } of CHECKS) assert.notEqual(late.state(check), "failing");
    await world.seconds(60);
    assert.equal(failures(all), 0);
  });

  it("leaves one member that is cut from it true by its own eyes, and the others take its checks (F14)", async () => {
    const { world, a, b, c } = await three();
    c.connection.faults.isAway = true;
    await world.seconds(60);
    assert.equal(c.fleet.readings.isDetached, true);
    assert.deepEqual(changes([a, b, c]), []);
    assert.equal(a.probed().length + b.probed().length, 60);
    world.sight = (member) => (member === "c" ? "fail" : "pass");
    await world.seconds(40);
    for (const { check } of CHECKS) {
      assert.equal(c.state(check), "failing");
      assert.equal(a.state(check), "passing");
    }
    world.sight = () => "pass";
    await world.seconds(20);
    c.connection.faults.isAway = false;
    await world.seconds(30);
    assert.deepEqual(changes([a, b]), []);
    assert.equal(a.probed().length + b.probed().length + c.probed().length, 60);
  });

  it("does not turn a check because one vantage is cut from its target when the store goes away (I4)", async () => {
    const { world, a, b, c } = await three();
    world.sight = (member) => (member === "b" ? "fail" : "pass");
    await world.seconds(20);
    world.store.faults.isAway = true;
    await world.seconds(12);
    assert.deepEqual(
      [a, b, c].flatMap(({ decisions }) => decisions.filter(({ state }) => state === "failing")),
      [],
    );
  });
});

describe("a store that loses data", () => {
  it("gets all records again within two beats after it was flushed (F11)", async () => {
    const { world, all } = await three();
    world.store.flush();
    await world.seconds(2.1);
    assert.equal(
      [...world.store.cells.values()].reduce((sum, { cells }) => sum + cells.size, 0),
      60,
    );
    assert.equal(world.store.beats.size, 3);
    await world.seconds(60);
    assert.deepEqual(changes(all), []);
    assert.equal(
      all.reduce((sum, member) => sum + member.probed().length, 0),
      60,
    );
  });

  it("gets the cells of a member again after they were evicted (F11)", async () => {
    const { world, a, all } = await three();
    world.store.evict({ run: a.fleet.run });
    await world.seconds(2.1);
    assert.equal(world.store.cells.get(a.fleet.run)?.cells.size, a.probed().length);
    assert.deepEqual(changes(all), []);
  });

  it("tells a failure on after the last two seconds of writes were lost (F12)", async () => {
    const { world, all } = await three();
    world.sight = (_, check) => (check === "check-7" ? "fail" : "pass");
    for (let step = 0; step < 200 && all.every(({ decisions }) => decisions.length === 0); step += 1)
      await world.seconds(0.1);
    world.store.loseLast(2_000);
    await world.seconds(15);
    for (const member of all) assert.equal(member.state("check-7"), "failing");
    assert.equal(failures(all), 3);
  });

  it("has one table again after two primaries were healed (F13)", async () => {
    const { world, a, b, c, all } = await three();
    c.connection.store = world.store.fork();
    await world.seconds(30);
    assert.equal(c.probed().length, 30);
    world.sight = (_, check) => (check === "check-7" ? "fail" : "pass");
    await world.seconds(20);
    c.connection.store = world.store;
    await world.seconds(30);
    for (const member of all) {
      assert.equal(member.state("check-7"), "failing");
      assert.equal(member.state("check-8"), "passing");
    }
    assert.equal(failures(all), 3);
    assert.equal(a.probed().length + b.probed().length + c.probed().length, 60);
  });

  it("removes the records of a member that is dead for ten leases", async () => {
    const { world, a, c } = await three();
    c.kill();
    await world.seconds(49);
    assert.ok(world.store.beats.has(c.fleet.run));
    await world.seconds(4);
    assert.equal(world.store.beats.has(c.fleet.run), false);
    assert.equal(world.store.cells.has(c.fleet.run), false);
    assert.equal(a.fleet.readings.members().length, 2);
  });

  it("ignores and counts a forged beat and a forged cell (F26)", async () => {
    const { world, a, b, c } = await three();
    world.store.beats.set("f".repeat(24), "1 AAAAAAAAAAAAAAAAAAAAAA {}");
    const cells = world.store.cells.get(b.fleet.run);
    for (const check of cells?.cells.keys() ?? []) cells?.cells.set(check, "1 AAAAAAAAAAAAAAAAAAAAAA []");
    await world.seconds(10);
    assert.ok(a.fleet.readings.refusedRecords > 0);
    assert.deepEqual(changes([a, b, c]), []);
  });
});

describe("a late member", () => {
  it("serves the table within 3 s, before it probes (F23)", async () => {
    const checks = definitions(500);
    const { world } = await three(checks);
    const d = world.add("d", checks);
    await world.seconds(2.9);
    assert.equal(d.probed().length, 0);
    for (const { check } of checks) assert.equal(d.state(check), "passing");
  });
});
