/** What a fleet tells of itself, for the command line, the page and the metrics. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetReadings } from "../../src/fleet/readings.js";
import { FORMAT } from "../../src/fleet/records/beat.js";
import { FleetCodec } from "../../src/fleet/records/codec.js";
import type { Definition } from "../../src/fleet/records/vote.js";
import { StoreError } from "../../src/fleet/store/store.js";
import { definition, definitions, World } from "./fleet-world.js";

const CHECKS = [...definitions(4), definition("own", { scope: "local", copies: 1, agree: 1 })];

async function two(checks: readonly Definition[] = CHECKS, settings = {}) {
  const world = new World();
  const [a, b] = await world.grow(2, checks, settings);
  assert.ok(a !== undefined && b !== undefined);
  return { world, a, b, of: a.fleet.readings };
}

function states(of: FleetReadings): Readonly<Record<string, string>> {
  return Object.fromEntries(of.members().map(({ member, state }) => [member, state]));
}

function readingOf(of: FleetReadings, { fleet }: { readonly fleet: { readonly run: string } }) {
  return of.members().find(({ run }) => run === fleet.run) ?? assert.fail("no such member");
}

it("the last call of the store that has failed is told, until none fails", async () => {
  const { world, a, b, of } = await two();
  const failure = () => [of.storeFailure?.fault, of.storeFailure?.message];
  assert.deepEqual(failure(), [undefined, undefined]);
  const { connection } = a;
  const write = connection.write.bind(connection);
  connection.write = () =>
    Promise.reject(new StoreError("refused", "READONLY a replica", { fault: "read-only", cause: undefined }));
  world.sight = () => "fail";
  await world.seconds(20);
  assert.deepEqual(failure(), ["read-only", "READONLY a replica"]);
  assert.equal(of.isDetached, true, "votes are refused");
  assert.ok(a.events.some((event) => event.kind === "detached" && event.fault === "read-only"));
  assert.equal(b.fleet.readings.storeFailure, undefined);
  connection.faults.isAway = true;
  await world.seconds(3);
  assert.equal(failure()[0], "unreachable", "the newest one");
  connection.faults.isAway = false;
  connection.write = write;
  await world.seconds(10);
  assert.deepEqual([of.storeFailure, of.isDetached], [undefined, false]);
});

describe("the members that a member tells of", () => {
  it("are itself and the others, in the order of their names, with what their beats say", async () => {
    const world = new World();
    const b = world.add("b", CHECKS, { zone: "east", version: "1.0.0" });
    const a = world.add("a", CHECKS, { zone: "west", version: "2.0.0" });
    await world.seconds(20.3);
    const { readings } = b.fleet;
    assert.deepEqual([readings.fleet, readings.member], ["prod", "b"]);
    const [first, second] = readings.members();
    assert.equal(first?.run, a.fleet.run);
    const { config } = readingOf(readings, b);
    assert.deepEqual(
      { ...first, beatAgeMs: 0 },
      {
        ...{ member: "a", run: a.fleet.run, isSelf: false, state: "alive", zone: "west", version: "2.0.0" },
        ...{ beatAgeMs: 0, checks: 4, config },
      },
    );
    assert.ok(first !== undefined && first.beatAgeMs > 0 && first.beatAgeMs < 1_000, `${first?.beatAgeMs}`);
    assert.deepEqual(second, {
      ...{ member: "b", run: b.fleet.run, isSelf: true, state: "alive", zone: "east", version: "1.0.0" },
      ...{ beatAgeMs: 0, checks: 4, config },
    });
    assert.match(config, /^[0-9a-f]{24}$/);
  });

  it("have the checks that are assigned to them, without those that each probes for itself", async () => {
    const { of, a, b } = await two([...definitions(20, { copies: 1 }), ...CHECKS.slice(-1)]);
    const counts = [a, b].map((member) => readingOf(of, member).checks);
    assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 20);
    assert.equal(counts[0], a.probed().length - 1);
  });

  it("are silent after more than two beats, dead after a lease, and gone after ten", async () => {
    const { world, of, b } = await two();
    b.kill();
    const seen: string[] = [];
    for (let second = 0; second < 60; second += 1) {
      await world.seconds(1);
      const state = states(of).b ?? "gone";
      if (seen.at(-1) !== state) seen.push(state);
      if (second === 1) assert.equal(state, "alive");
    }
    assert.deepEqual(seen, ["alive", "silent", "dead", "gone"]);
  });

  it("are drained or leaving until they have left, and are not told of then", async () => {
    const { world, of, a, b } = await two();
    b.fleet.drain(true);
    await world.seconds(1.2);
    assert.deepEqual(states(of), { a: "alive", b: "drained" });
    assert.equal(states(b.fleet.readings).b, "drained");
    void b.fleet.leave();
    await world.seconds(8);
    assert.deepEqual(states(of), { a: "alive" });
    assert.equal(a.fleet.readings.members().length, 1);
  });

  it("count the checks that they alone find failing", async () => {
    const world = new World();
    const members = await world.grow(3, definitions(4, { copies: 3 }));
    const dissents = () => members.map(({ fleet }) => fleet.readings.dissents);
    assert.deepEqual(dissents(), [0, 0, 0]);
    world.sight = (member, check) => (member === "b" && check !== "check-0" ? "fail" : "pass");
    await world.seconds(20);
    assert.deepEqual(dissents(), [0, 3, 0]);
    world.sight = (_, check) => (check === "check-1" ? "fail" : "pass");
    await world.seconds(20);
    assert.deepEqual(dissents(), [0, 0, 0], "all find check-1 failing");
  });

  it("of another format are alive, and not understood", async () => {
    const { world, of } = await two();
    const codec = new FleetCodec("prod", "a secret of the fleet");
    const run = "c".repeat(24);
    for (let counter = 1; counter < 4; counter += 1) {
      const beat = {
        ...{ format: FORMAT + 1, run, member: "c", zone: "z", version: "9", counter, uptimeMs: 0, head: "" },
        ...{ config: "c", capacity: 1, stalest: 0, isLeaving: false, asks: [], heard: new Map([["self", 1]]) },
      };
      world.store.beats.set(run, codec.sealBeat(beat));
      await world.seconds(1);
      if (counter === 1) assert.deepEqual(states(of), { a: "alive", b: "alive" }, "a beat alone is no sign of life");
    }
    const { state, zone, version, config, checks } = readingOf(of, { fleet: { run } });
    assert.deepEqual([state, zone, version, config, checks], ["other-format", undefined, "", "", 0]);
    assert.equal(of.configDigests, 1);
  });

  it("with one name are duplicates, but for the one that goes first", async () => {
    const { world, of, b } = await two();
    const twin = world.add("b", CHECKS);
    await world.seconds(12);
    const [first, second] = b.fleet.run < twin.fleet.run ? [b, twin] : [twin, b];
    for (const readings of [of, first.fleet.readings, second.fleet.readings])
      assert.deepEqual([readingOf(readings, first).state, readingOf(readings, second).state], ["alive", "duplicate"]);
    const runs = of.members().map(({ run }) => run);
    assert.deepEqual(runs.slice(1), [first.fleet.run, second.fleet.run]);
  });
});

describe("the owners of a check that a member tells of", () => {
  it("have their votes, reasons and zones, and none is told of an unknown check", async () => {
    const world = new World();
    const a = world.add("a", CHECKS, { zone: "west" });
    const b = world.add("b", CHECKS, { zone: "east" });
    world.sight = (member, check) => (member === "b" && check === "check-0" ? "fail" : "pass");
    await world.seconds(20);
    const { readings } = a.fleet;
    assert.equal(readings.owners("unknown"), undefined);
    const { scope, owners = [] } = { ...readings.owners("check-0") };
    assert.equal(scope, "shared");
    assert.deepEqual(
      owners.toSorted((one, other) => (one.member < other.member ? -1 : 1)),
      [
        {
          ...{ member: "a", run: a.fleet.run, zone: "west", isOwner: true },
          ...{ vote: "passing", reason: undefined, hasNewestReport: false },
        },
        {
          ...{ member: "b", run: b.fleet.run, zone: "east", isOwner: true },
          ...{ vote: "failing", reason: "refused", hasNewestReport: false },
        },
      ],
    );
  });

  it("come first, in the same order at each member; one that has not voted has no vote", async () => {
    const checks = definitions(12);
    const { world, a, b } = await two(checks);
    world.isSilent = true;
    const c = world.add("c", checks);
    await world.seconds(8);
    for (const { check } of checks) {
      const rows = [a, b, c].map(({ fleet }) => fleet.readings.owners(check)?.owners ?? []);
      const orders = rows.map((owners) => owners.filter(({ isOwner }) => isOwner).map(({ member }) => member));
      assert.deepEqual(orders[1], orders[0]);
      assert.deepEqual(orders[2], orders[0]);
      assert.equal(orders[0]?.length, 2);
      for (const owners of rows)
        assert.deepEqual(
          owners.map(({ isOwner }) => isOwner),
          owners.map((_, index) => index < 2),
        );
    }
    const moved = checks.filter(({ check }) => c.runners.has(check));
    assert.ok(moved.length > 0);
    for (const { check } of moved) {
      const owners = a.fleet.readings.owners(check)?.owners ?? [];
      assert.deepEqual(owners.find(({ member }) => member === "c")?.vote, undefined);
      assert.equal(owners.length, 3, "the vote of the owner before counts until its successor has voted");
    }
  });

  it("of a local check are all that probe it, each for itself", async () => {
    const { of, b } = await two();
    const { scope, owners = [] } = { ...of.owners("own") };
    assert.equal(scope, "local");
    assert.deepEqual(owners.map(({ member, isOwner }) => [member, isOwner]).sort(), [
      ["a", true],
      ["b", true],
    ]);
    const other = owners.find(({ member }) => member === "b");
    assert.equal(other?.run, b.fleet.run);
  });

  it("are not those with a vote under another definition", async () => {
    const { world, of, b } = await two();
    b.fleet.define(CHECKS.map((each) => (each.check === "check-1" ? { ...each, digest: "d2" } : each)));
    await world.seconds(12);
    assert.deepEqual(
      of.owners("check-1")?.owners.map(({ member }) => member),
      ["a"],
    );
    assert.equal(of.configDigests, 2);
  });
});

describe("the counts that a member tells of", () => {
  it("are its checks by what it does with them", async () => {
    const { of, a } = await two([...definitions(20, { copies: 1 }), ...CHECKS.slice(-1)]);
    const owned = a.probed().length - 1;
    assert.deepEqual(of.roles, { owner: owned, local: 1, follower: 20 - owned });
  });

  it("are the failures of the store, and whether it answers", async () => {
    const { world, of, b } = await two();
    assert.deepEqual([of.isStoreUp, of.isDetached], [true, false]);
    assert.deepEqual(Object.keys(of.resyncs).sort(), ["digest", "gap", "log-lost", "new-run"]);
    world.store.faults.isAway = true;
    await world.seconds(3);
    assert.deepEqual([of.isStoreUp, of.isDetached], [false, false]);
    assert.ok(of.storeErrors.unreachable > 0);
    assert.equal(of.storeErrors.timeout, 0);
    await world.seconds(5);
    assert.equal(of.isDetached, true);
    world.store.faults.isAway = false;
    await world.seconds(1.5);
    assert.deepEqual([of.isStoreUp, of.isDetached], [true, false]);
    assert.equal(b.fleet.readings.isDetached, false);
  });

  it("are the records that it has ignored, which are told when there are more", async () => {
    const { world, a, of } = await two();
    assert.equal(of.refusedRecords, 0);
    const told = () => a.events.flatMap((event) => (event.kind === "record-refused" ? [event.records] : []));
    await world.seconds(3);
    assert.deepEqual(told(), []);
    world.store.beats.set("f".repeat(24), "1 AAAAAAAAAAAAAAAAAAAAAA {}");
    await world.seconds(3);
    assert.equal(of.refusedRecords, 1, "the same record counts once");
    assert.deepEqual(told(), [1]);
    world.store.beats.set("f".repeat(24), "1 BBBBBBBBBBBBBBBBBBBBBB {}");
    await world.seconds(3);
    assert.equal(of.refusedRecords, 2);
    assert.deepEqual(told(), [1], "at most once a minute");
    await world.seconds(60);
    assert.deepEqual(told(), [1, 1]);
  });

  it("are the checks that it has taken over", async () => {
    const { world, of, a, b } = await two(definitions(20, { copies: 1 }));
    const before = a.probed().length;
    assert.equal(of.takeovers, 0);
    b.kill();
    await world.seconds(12);
    assert.equal(of.takeovers, 20 - before);
    const events = a.events.flatMap((event) => (event.kind === "takeover" ? [event.checks] : []));
    assert.equal(
      events.reduce((sum, count) => sum + count, 0),
      20 - before,
    );
  });

  it("are copies: a reader changes nothing", async () => {
    const { of } = await two();
    Object.assign(of.resyncs, { gap: 9 });
    Object.assign(of.storeErrors, { timeout: 9 });
    assert.deepEqual([of.resyncs.gap, of.storeErrors.timeout], [0, 0]);
  });
});
