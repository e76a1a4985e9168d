/** The engine of a fleet when its store is away, loses data, or is split. Numbers are rows of docs/fleet.md. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoreError } from "../../src/fleet/store/store.js";
import { definitions, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(30);

/** In so many seconds, each runner has probed again. */
const SEEN_S = 12;

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

/** Checks of one owner each, whose results count for half as long as usual. */
const SHORT = definitions(12, { copies: 1, staleAfterMs: 16_000 });

describe("a store that answers now and then", () => {
  // it is silent for so long for the members a and b, and for c, and answers for 0.6 s then
  const rows = [
    ["3 s for all but one, 6 s for that", 3_000, 6_000],
    ["3 s, 12 s", 3_000, 12_000],
    ["3 s, 18 s", 3_000, 18_000],
    ["3 s, 9 s", 3_000, 9_000],
  ] as const;
  for (const [title, others, one] of rows)
    it(`leaves no check without a status, silent for ${title}: members stand in for owners that they do not hear`, async () => {
      const { world, all } = await three(SHORT);
      const unknown: string[] = [];
      for (let at = 0; at < 120_000; at += 100) {
        for (const { name, connection } of all) {
          const silentMs = name === "c" ? one : others;
          connection.faults.isSilent = at % (silentMs + 600) < silentMs;
        }
        await world.clock.advance(100);
        for (const member of all)
          for (const { check } of SHORT)
            if (member.state(check) !== "passing") unknown.push(`${member.name} ${check} at ${at}`);
      }
      assert.deepEqual(unknown, []);
      for (const { connection } of all) connection.faults.isSilent = false;
      await world.seconds(30);
      assert.equal(all.flatMap((member) => member.probed()).length, 12, "each check has one prober again");
    });
});

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

  it("serves no vote of before when it returns to members that have all voted anew (I1)", async () => {
    const { world, all } = await three();
    world.store.faults.isAway = true;
    await world.seconds(8);
    world.sight = () => "fail";
    await world.seconds(45);
    for (const member of all) for (const { check } of CHECKS) assert.equal(member.state(check), "failing");
    for (const { decisions } of all) decisions.length = 0;
    world.store.faults.isAway = false;
    await world.seconds(10);
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

describe("a target that comes back while the store is away is told as soon as a member sees it", () => {
  /** All have told that all targets fail, and are detached. */
  async function detached() {
    const fleet = await three();
    fleet.world.sight = () => "fail";
    await fleet.world.seconds(30);
    fleet.world.store.faults.isAway = true;
    await fleet.world.seconds(8);
    assert.ok(fleet.all.every((member) => CHECKS.every(({ check }) => member.state(check) === "failing")));
    return fleet;
  }

  it("by those who told the failure, and by those who did not probe it", async () => {
    const { world, all } = await detached();
    world.sight = () => "pass";
    await world.seconds(SEEN_S);
    for (const member of all) for (const { check } of CHECKS) assert.equal(member.state(check), "passing", check);
  });

  it("also when the store has answered once in between", async () => {
    const { world, all } = await detached();
    world.sight = (_, check) => (check.endsWith("7") ? "pass" : "fail"); // something that the store does not have yet
    await world.seconds(SEEN_S);
    world.store.faults.isAway = false;
    await world.seconds(1.01);
    world.store.faults.isAway = true;
    world.sight = () => "pass";
    await world.seconds(6); // it is gone again
    await world.seconds(SEEN_S);
    for (const member of all) for (const { check } of CHECKS) assert.equal(member.state(check), "passing", check);
  });

  it("and stays so when the store is back without the member that told the failure", async () => {
    const { world, a, b, c } = await detached();
    world.sight = () => "pass";
    c.kill();
    await world.seconds(SEEN_S);
    for (const member of [a, b]) member.decisions.length = 0;
    world.store.faults.isAway = false;
    await world.seconds(20);
    assert.deepEqual(changes([a, b]), []);
    for (const member of [a, b]) for (const { check } of CHECKS) assert.equal(member.state(check), "passing", check);
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

  it("takes longer than a lease for all votes of a member: its beats go on, and it is not taken for dead", async () => {
    const { world, a, all } = await three();
    const { rewrite } = a.connection;
    a.connection.rewrite = async (...cells) => {
      await new Promise<void>((resolve) => world.clock.setTimer(8_000, resolve));
      return rewrite.apply(a.connection, cells);
    };
    world.store.evict({ run: a.fleet.run });
    await world.seconds(30);
    assert.equal(world.store.counts.rewrites, 1);
    assert.ok(all.every(({ events }) => events.every(({ kind }) => kind !== "member-dead" && kind !== "takeover")));
    assert.deepEqual(changes(all), []);
  });

  it("takes longer than a lease for all votes of all members: none is dead, a failure is told, and a new member knows all", async () => {
    const { world, all } = await three();
    for (const { connection } of all) {
      const rewrite = connection.rewrite.bind(connection);
      connection.rewrite = async (run, ...cells) => {
        world.store.cells.delete(run); // as on PostgreSQL: the head comes with the last part, or with a write in between
        await new Promise<void>((resolve) => world.clock.setTimer(8_000, resolve));
        return rewrite(run, ...cells);
      };
    }
    world.store.flush();
    await world.seconds(3);
    world.sight = (_, check) => (check === "check-7" ? "fail" : "pass");
    const d = world.add("d", CHECKS);
    await world.seconds(60);
    assert.deepEqual(changes(all).filter((change) => Object(change).check !== "check-7"), []); // biome-ignore format: one line
    for (const member of [...all, d])
      for (const { check } of CHECKS) assert.equal(member.state(check), check === "check-7" ? "failing" : "passing");
    assert.ok([...all, d].every(({ events }) => events.every(({ kind }) => kind !== "member-dead")));
    for (const { fleet, ...member } of [...all, d].map((each) => ({ fleet: each.fleet, probed: each.probed() })))
      assert.deepEqual([...(world.store.cells.get(fleet.run)?.cells.keys() ?? [])].sort(), member.probed);
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

describe("a store in which something is wrong all the time", () => {
  it("has a live member with another secret: each tells it at most once a minute", async () => {
    const { world, a, b, c } = await three();
    world.add("x", CHECKS, { secret: "a secret of another fleet" });
    await world.seconds(150);
    for (const member of [a, b, c]) {
      const told = member.events.flatMap((event) => (event.kind === "record-refused" ? [event.records] : []));
      assert.equal(told.length, 3);
      assert.ok((told[1] ?? 0) >= 55, `${told}`);
    }
    assert.deepEqual(changes([a, b, c]), []);
  });

  it("has a beat with another secret: it is told once, and removed after a minute", async () => {
    const { world, a, b, c } = await three();
    const old = [..."def"].map((digit) => digit.repeat(24));
    for (const run of old) world.store.beats.set(run, "1 AAAAAAAAAAAAAAAAAAAAAA {}");
    await world.seconds(50);
    for (const member of [a, b, c]) {
      assert.equal(member.fleet.readings.refusedRecords, 3);
      assert.equal(member.events.filter(({ kind }) => kind === "record-refused").length, 1);
    }
    await world.seconds(15);
    for (const run of old) assert.equal(world.store.beats.has(run), false);
    assert.deepEqual(changes([a, b, c]), []);
  });

  for (const call of ["write", "read", "cells"] as const)
    it(`refuses each ${call}: it is told until it answers, and it is not up`, async () => {
      const { world } = await three();
      const a = world.add("d", CHECKS); // it reads the cells of the others
      const allowed = a.connection[call];
      const refused = () => Promise.reject(new StoreError("refused", "the user may not do this"));
      Object.assign(a.connection, { [call]: refused });
      await world.seconds(20);
      assert.equal(a.fleet.readings.isStoreUp, false);
      const kinds = () => a.events.map(({ kind }) => kind).filter((kind) => kind.startsWith("store-"));
      assert.ok(kinds().includes("store-failed"));
      assert.ok(!kinds().includes("store-answers"), `${kinds()}`);
      Object.assign(a.connection, { [call]: allowed });
      await world.seconds(20);
      assert.equal(a.fleet.readings.isStoreUp, true);
      assert.equal(kinds().at(-1), "store-answers");
    });
});

describe("a store that takes beats, and no votes", () => {
  it("is as if it was gone: a target that is down is found, and nothing is lost when it takes votes again", async () => {
    const { world, all } = await three();
    const refused = () => Promise.reject(new StoreError("refused", "the user may not do this"));
    const allowed = all.map(({ connection }) => connection.write);
    for (const { connection } of all) connection.write = refused;
    world.sight = (_, check) => (check < "check-2" ? "fail" : "pass");
    await world.seconds(50);
    for (const member of all)
      for (const { check } of CHECKS)
        assert.equal(member.state(check), check < "check-2" ? "failing" : "passing", check);
    assert.ok(all.every((member) => member.fleet.readings.isDetached));
    for (const [index, { connection }] of all.entries()) connection.write = allowed[index] ?? refused;
    for (const member of all) member.decisions.length = 0;
    await world.seconds(60);
    assert.ok(all.every((member) => !member.fleet.readings.isDetached));
    assert.deepEqual(changes(all), []);
  });

  it("does not give votes either: a member that hears nothing of the others decides by itself", async () => {
    const { world, a, b, c } = await three();
    const refused = () => Promise.reject(new StoreError("refused", "the user may not do this"));
    Object.assign(a.connection, { read: refused, cells: refused });
    world.sight = (_, check) => (check < "check-2" ? "fail" : "pass");
    await world.seconds(50);
    assert.equal(a.fleet.readings.isDetached, true);
    for (const member of [a, b, c])
      for (const { check } of CHECKS)
        assert.equal(member.state(check), check < "check-2" ? "failing" : "passing", check);
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
