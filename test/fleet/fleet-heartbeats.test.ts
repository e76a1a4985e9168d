/** Heartbeats in a fleet: reports arrive at any member. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Vote } from "../../src/fleet/records/vote.js";
import { definition, type TestMember, World } from "./fleet-world.js";

const TTL_MS = 60_000;

const BEAT = definition("nightly", { scope: "each", copies: 1, staleAfterMs: TTL_MS, isHeartbeat: true, rate: 0 });

const OK: Vote = { state: "passing", reason: undefined, ageMs: 0 };
const BROKEN: Vote = { state: "failing", reason: "reported", ageMs: 0 };
const MISSED: Vote = { state: "failing", reason: "missed" };

/** As for any check: the runner of a member says itself when a report is too old. */
const STALE_MS = 3 * TTL_MS + 2_000;

/** A fleet whose members have no runner of their own: the test reports, and says what is missed. */
async function fleet() {
  const world = new World();
  world.isSilent = true;
  const [a, b, c] = await world.grow(3, [BEAT]);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const report = (member: TestMember, vote: Vote) =>
    member.vote("nightly", vote, world.clock.now() + STALE_MS - (vote.ageMs ?? 0));
  const states = () => [a, b, c].map((member) => member.state("nightly")).join(" ");
  return { world, a, b, c, report, states };
}

/** Members that are not named come last. */
function placeIn(names: string, { name }: TestMember): number {
  return names.includes(name) ? names.indexOf(name) : names.length;
}

describe("a heartbeat whose reports arrive at different members", () => {
  it("is passing while one of them has a report that is not too old: no false `missed` (F24)", async () => {
    const { world, a, b, c, report, states } = await fleet();
    for (const member of [a, b, c, a, c, b, a]) {
      report(member, OK);
      await world.seconds(0.5);
      assert.equal(states(), "passing passing passing");
      for (const other of [a, b, c]) if (other !== member) report(other, MISSED);
      await world.seconds(49.5);
      assert.equal(states(), "passing passing passing");
    }
    assert.equal(
      [a, b, c].some(({ decisions }) => decisions.some(({ state }) => state !== "passing")),
      false,
    );
  });

  it("is not stale while the probes of the member that has the report are old, or its beats are late", async () => {
    const { world, a, b, c, report } = await fleet();
    report(a, OK);
    report(b, MISSED);
    a.stalest = 0.99;
    await world.seconds(2);
    a.clock.stop();
    await world.seconds(4);
    assert.deepEqual([b.state("nightly"), c.state("nightly")], ["passing", "passing"]);
  });

  it("follows the newest report, wherever it arrived", async () => {
    const { world, a, b, c, report, states } = await fleet();
    for (const [member, vote] of [
      [a, OK],
      [b, BROKEN],
      [a, OK],
      [c, BROKEN],
      [c, OK],
      [a, BROKEN],
      [b, OK],
    ] as const) {
      report(member, vote);
      await world.seconds(0.5);
      assert.equal(states(), `${vote.state} ${vote.state} ${vote.state}`);
    }
  });

  for (const gapMs of [1, 20, 100])
    for (const votes of [
      [OK, BROKEN],
      [BROKEN, OK],
    ] as const)
      it(`follows the later one of two reports that arrive ${gapMs} ms after each other: ${votes[1].state}`, async () => {
        const { world, a, b, c, report, states } = await fleet();
        const members = [a, b, c];
        for (const one of members)
          for (const other of members) {
            if (one === other) continue;
            report(one, votes[0]);
            await world.seconds(gapMs / 1_000);
            report(other, votes[1]);
            await world.seconds(0.5);
            const { state } = votes[1];
            assert.equal(states(), `${state} ${state} ${state}`, `at ${one.name}, then at ${other.name}`);
            await world.seconds(10);
            assert.equal(states(), `${state} ${state} ${state}`);
          }
      });

  it("follows one of two reports at the same time where the clocks of the machines are wrong, the same at all", async () => {
    const { world, a, b, report, states } = await fleet();
    a.clock.wallOffset = 3_600_000;
    report(a, OK);
    report(b, BROKEN);
    await world.seconds(0.5);
    assert.equal(states(), "passing passing passing");
    report(b, BROKEN);
    await world.seconds(0.5);
    assert.equal(states(), "failing failing failing");
  });

  it("has its newest report named at each member, and none when all miss it", async () => {
    const { world, a, b, c, report } = await fleet();
    const named = () =>
      [a, b, c].map(({ fleet }) => {
        const { isHeartbeat, owners = [] } = { ...fleet.readings.owners("nightly") };
        assert.equal(isHeartbeat, true);
        return owners.flatMap(({ member, hasNewestReport }) => (hasNewestReport ? [member] : [])).join(" and ");
      });
    assert.deepEqual(named(), ["", "", ""]);
    for (const [member, vote] of [
      [a, OK],
      [c, BROKEN],
      [b, OK],
    ] as const) {
      report(member, vote);
      for (const other of [a, b, c]) if (other !== member) report(other, MISSED);
      await world.seconds(0.5);
      assert.deepEqual(named(), [member.name, member.name, member.name]);
    }
    report(b, MISSED);
    await world.seconds(0.5);
    assert.deepEqual(named(), ["", "", ""]);
  });

  it("has its newest report named once, and the same at each member, when the member that had it is dead", async () => {
    const { world, a, b, c, report } = await fleet();
    report(a, OK);
    await world.seconds(2);
    a.clock.stop();
    await world.seconds(12);
    const rows = [b, c].map(({ fleet }) =>
      (fleet.readings.owners("nightly")?.owners ?? []).filter(({ hasNewestReport }) => hasNewestReport),
    );
    for (const row of rows) assert.equal(row.length, 1);
    assert.equal(rows[0]?.[0]?.member, rows[1]?.[0]?.member);
  });

  it("has missed a report when all members miss it", async () => {
    const { world, a, b, c, report, states } = await fleet();
    report(a, OK);
    await world.seconds(0.5);
    report(b, MISSED);
    report(c, MISSED);
    await world.seconds(0.5);
    assert.equal(states(), "passing passing passing");
    report(a, MISSED);
    await world.seconds(0.5);
    assert.equal(states(), "failing failing failing");
    assert.equal(a.table.get("nightly")?.reason, "missed");
  });

  it("keeps the report of a member that was killed until it is too old, also after its records are gone", async () => {
    const { world, a, b, c, report } = await fleet();
    report(a, OK);
    report(b, MISSED);
    report(c, MISSED);
    await world.seconds(20);
    a.kill();
    await world.seconds(30);
    assert.equal(b.state("nightly"), "passing");
    assert.equal(c.state("nightly"), "passing");
    await world.seconds(20);
    assert.equal(b.state("nightly"), "failing");
    assert.equal(c.state("nightly"), "failing");
  });

  for (const [title, goes] of [
    ["was killed", (member: TestMember) => member.kill()],
    ["leaves", (member: TestMember) => void member.fleet.leave().then(() => member.kill())],
  ] as const)
    it(`ends at nearly the same time at all others when its member ${title}`, async () => {
      for (const name of ["a", "b", "c"]) {
        const { world, a, b, c, report } = await fleet();
        const receiver = world.members.get(name);
        assert.ok(receiver !== undefined);
        const others = [a, b, c].filter((member) => member !== receiver);
        report(receiver, OK);
        await world.seconds(2);
        goes(receiver);
        await world.seconds(28);
        const endedAt = new Map<TestMember, number>();
        for (let at = 30; at < 80 && endedAt.size < 2; at += 0.25) {
          await world.seconds(0.25);
          for (const each of others)
            if (each.state("nightly") !== "passing" && !endedAt.has(each)) endedAt.set(each, at);
        }
        const times = others.map((each) => endedAt.get(each) ?? Number.NaN);
        assert.ok(Math.abs((times[0] ?? 0) - (times[1] ?? 0)) <= 3, `${name}: ${times.join(" ")}`);
      }
    });

  for (const seed of [1, 2, 3, 4])
    it(`keeps the report of a member that was killed, though a new process has the name of the one that knows it: ${seed}`, async () => {
      const world = new World(seed);
      world.isSilent = true;
      const long = { ...BEAT, staleAfterMs: 4 * TTL_MS };
      const [a, b] = await world.grow(2, [long]);
      assert.ok(a !== undefined && b !== undefined);
      b.vote("nightly", OK);
      await world.seconds(10);
      const twin = world.add("a", [long]);
      await world.seconds(0.2);
      b.kill();
      await world.seconds(12);
      for (let second = 0; second < 60; second += 1) {
        await world.seconds(1);
        assert.deepEqual([a.state("nightly"), twin.state("nightly")], ["passing", "passing"], `${second} s`);
      }
    });

  it("keeps the report of a member that leaves", async () => {
    const { world, a, b, c, report } = await fleet();
    report(a, OK);
    report(b, MISSED);
    report(c, MISSED);
    await world.seconds(1);
    void a.fleet.leave().then(() => a.kill());
    await world.seconds(40);
    assert.equal(b.state("nightly"), "passing");
    assert.equal(c.state("nightly"), "passing");
    report(c, BROKEN);
    await world.seconds(0.5);
    assert.equal(b.state("nightly"), "failing");
  });

  for (const leaving of ["a b", "b a", "b c", "c b", "a c", "c a"])
    it(`does not make a report younger, though members leave one after the other: ${leaving}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      const [first, second] = [a, b, c]
        .filter(({ name }) => leaving.includes(name))
        .sort((one, other) => leaving.indexOf(one.name) - leaving.indexOf(other.name));
      assert.ok(first !== undefined && second !== undefined);
      for (const member of [a, b, c]) report(member, member === first ? OK : MISSED);
      await world.seconds(20);
      first.fleet.drain(true);
      await world.seconds(20);
      second.fleet.drain(true);
      await world.seconds(19);
      assert.equal(states(), "passing passing passing");
      await world.seconds(1);
      for (const member of [a, b, c]) report(member, MISSED);
      await world.seconds(8);
      assert.equal(states(), "failing failing failing");
    });

  for (const [title, goes] of [
    ["was killed", (member: TestMember) => member.kill()],
    ["has left", (member: TestMember) => void member.fleet.leave().then(() => member.kill())],
  ] as const)
    for (const name of ["a", "b", "c"])
      it(`is missed at all, also at one that is started later, when the member that has missed it ${title}: ${name}`, async () => {
        const { world, a, b, c, report } = await fleet();
        const missing = world.members.get(name);
        assert.ok(missing !== undefined);
        report(missing, OK);
        await world.seconds(60);
        report(missing, MISSED);
        await world.seconds(2);
        goes(missing);
        await world.seconds(8);
        const d = world.add("d", [BEAT]);
        const others = [a, b, c, d].filter((member) => member !== missing);
        await world.seconds(4);
        for (let at = 14; at < 60; at += 1) {
          await world.seconds(1);
          for (const each of others) assert.equal(each.state("nightly"), "failing", `${each.name} at ${at} s`);
        }
        const [first] = others;
        assert.ok(first !== undefined);
        report(first, OK);
        await world.seconds(0.5);
        for (const each of others) assert.equal(each.state("nightly"), "passing");
      });

  it("tells a late member the newest report", async () => {
    const { world, a, b, report } = await fleet();
    report(a, BROKEN);
    await world.seconds(1);
    report(b, OK);
    await world.seconds(30);
    const d = world.add("d", [BEAT]);
    await world.seconds(3);
    assert.equal(d.state("nightly"), "passing");
  });

  for (const names of ["a b", "b a", "b c", "c a"])
    it(`follows a report that says the same as the one before at its member, after two at the same time: ${names}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      const [one, two] = [a, b, c].sort((first, second) => placeIn(names, first) - placeIn(names, second));
      assert.ok(one !== undefined && two !== undefined);
      report(one, OK);
      report(two, BROKEN);
      await world.seconds(1.5);
      report(one, OK);
      await world.seconds(0.5);
      assert.equal(states(), "passing passing passing");
      report(two, BROKEN);
      await world.seconds(0.5);
      assert.equal(states(), "failing failing failing");
    });

  for (const names of ["a", "a b", "a b c"])
    it(`writes at most ten times in the time of a heartbeat, however often it reports to ${names}`, async () => {
      const { world, a, b, c, report } = await fleet();
      const receivers = [a, b, c].filter(({ name }) => names.includes(name));
      for (const member of receivers) report(member, OK);
      await world.seconds(1);
      const { writtenCells } = world.store.counts;
      for (let step = 0; step < 590; step += 1) {
        for (const member of receivers) report(member, OK);
        await world.seconds(0.1);
      }
      const written = (world.store.counts.writtenCells - writtenCells) / receivers.length;
      assert.ok(written <= 10, `${written}`);
    });

  it("does not take a report of an earlier process for the newest", async () => {
    const { world, a, b, report, states } = await fleet();
    report(a, BROKEN);
    await world.seconds(1);
    report(b, { ...OK, ageMs: 20_000 });
    await world.seconds(1);
    assert.equal(states(), "failing failing failing");
  });

  for (const ttlMs of [TTL_MS / 2, TTL_MS * 4])
    it(`is not missed while members have a ttl of ${ttlMs / 1_000} s and others another one`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      report(b, OK);
      await world.seconds(1);
      for (const member of [a, b, c]) {
        member.fleet.define([{ ...BEAT, staleAfterMs: ttlMs }]);
        for (const other of [a, c]) report(other, MISSED);
        await world.seconds(5);
        assert.equal(states(), "passing passing passing");
        report(b, OK);
        await world.seconds(1);
      }
      assert.ok([a, b, c].every(({ decisions }) => decisions.every(({ state }) => state === "passing")));
    });

  // between the report and the vote, a real clock goes on
  for (const ageMs of [0, 0.02, 2_000])
    for (const name of ["a", "b", "c"])
      it(`counts where the ttl is much shorter as long as its own member says so: ${name}, a vote ${ageMs} ms after the report`, async () => {
        const world = new World();
        world.isSilent = true;
        const members = await world.grow(3, [{ ...BEAT, staleAfterMs: 4 * TTL_MS }]);
        const receiver = world.members.get(name);
        assert.ok(receiver !== undefined);
        const report = (member: TestMember, vote: Vote) =>
          member.vote("nightly", vote, world.clock.now() + 10 * STALE_MS);
        report(receiver, { ...OK, ageMs });
        await world.seconds(1);
        for (const other of members) {
          if (other === receiver) continue;
          other.fleet.define([{ ...BEAT, staleAfterMs: TTL_MS / 2 }]);
          report(other, MISSED);
        }
        for (let second = 0; second < 120; second += 1) {
          await world.seconds(1);
          for (const member of members) assert.equal(member.state("nightly"), "passing", `${member.name}, ${second} s`);
        }
      });

  it("is not missed by a report that comes while a much shorter ttl is taken over", async () => {
    const { world, a, b, c, report, states } = await fleet();
    const short = { ...BEAT, staleAfterMs: TTL_MS / 10 };
    for (const member of [a, b, c]) {
      report(member, MISSED);
      member.fleet.define([short]);
    }
    // its runner has the new ttl already
    b.vote("nightly", OK, world.clock.now() + 3 * short.staleAfterMs);
    await world.seconds(2);
    assert.equal(states(), "passing passing passing");
  });

  it("keeps its order among the reports when the ttl changes, and counts as long as the new one", async () => {
    const { world, a, b, c, report, states } = await fleet();
    report(a, BROKEN);
    await world.seconds(1);
    report(b, OK);
    await world.seconds(1);
    for (const member of [a, b, c]) member.fleet.define([{ ...BEAT, staleAfterMs: 2 * TTL_MS }]);
    await world.seconds(TTL_MS / 1_000 + 30);
    assert.equal(states(), "passing passing passing");
  });

  for (const [ttlMs, newTtlMs, changedS, passingS, failingS] of [
    [4 * TTL_MS, TTL_MS / 2, 18, 31, 36],
    [TTL_MS, 4 * TTL_MS, 58, 260, 268],
  ] as const)
    it(`counts the report of a member that was killed as long as the new ttl allows: ${newTtlMs / 1_000} s`, async () => {
      const world = new World();
      world.isSilent = true;
      const [a, b, c] = await world.grow(3, [{ ...BEAT, staleAfterMs: ttlMs }]);
      assert.ok(a !== undefined && b !== undefined && c !== undefined);
      a.vote("nightly", OK);
      await world.seconds(1);
      a.kill();
      await world.seconds(changedS - 1);
      for (const member of [b, c]) member.fleet.define([{ ...BEAT, staleAfterMs: newTtlMs }]);
      for (const member of [b, c]) member.vote("nightly", MISSED, world.clock.now() + 10 * STALE_MS);
      await world.seconds(passingS - changedS);
      assert.deepEqual([b.state("nightly"), c.state("nightly")], ["passing", "passing"]);
      await world.seconds(failingS - passingS);
      assert.deepEqual([b.state("nightly"), c.state("nightly")], ["failing", "failing"]);
    });

  it("keeps the report of a member that was killed, though another member has not this check", async () => {
    for (const lacking of ["a", "b", "c"]) {
      const world = new World();
      world.isSilent = true;
      const long = { ...BEAT, staleAfterMs: 4 * TTL_MS };
      const [one, two] = ["a", "b", "c"].filter((name) => name !== lacking).map((name) => world.add(name, [long]));
      world.add(lacking, []);
      assert.ok(one !== undefined && two !== undefined);
      await world.seconds(20);
      one.vote("nightly", OK);
      two.vote("nightly", MISSED);
      await world.seconds(1);
      one.kill();
      await world.seconds(90);
      assert.equal(two.state("nightly"), "passing", lacking);
    }
  });

  for (const names of ["a b", "b a", "b c", "c b", "a c", "c a"])
    it(`follows the youngest report when all members have started again, and each has stored one: ${names}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      const [old, young, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
      assert.ok(old !== undefined && young !== undefined && other !== undefined);
      report(old, { ...BROKEN, ageMs: 50_000 });
      report(young, { ...OK, ageMs: 40_000 });
      report(other, MISSED);
      await world.seconds(3);
      assert.equal(states(), "passing passing passing");
    });

  for (const names of ["a b", "b a", "b c"])
    it(`follows the youngest report of members that were apart, however many came before: ${names}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      const [old, young, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
      assert.ok(old !== undefined && young !== undefined && other !== undefined);
      report(other, OK);
      await world.seconds(2);
      old.connection.faults.isAway = true;
      await world.seconds(10);
      report(old, OK);
      report(old, BROKEN);
      await world.seconds(15);
      report(young, OK);
      old.connection.faults.isAway = false;
      await world.seconds(12);
      assert.equal(states(), "passing passing passing");
    });

  for (const [title, numbers] of [
    ["a higher number", 2],
    ["the same number", 1],
  ] as const)
    for (const names of ["a b", "b c", "c a"])
      it(`follows the youngest report of members that were apart, however much younger it is: the older one has ${title}, ${names}`, async () => {
        for (const laterS of [4, 8.5, 9.5, 14]) {
          const { world, a, b, c, report, states } = await fleet();
          const [old, young, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
          assert.ok(old !== undefined && young !== undefined && other !== undefined);
          report(other, OK);
          await world.seconds(2);
          young.connection.faults.isAway = true;
          await world.seconds(10);
          if (numbers === 2) report(old, OK);
          report(old, BROKEN);
          await world.seconds(laterS);
          report(young, OK);
          await world.seconds(2);
          young.connection.faults.isAway = false;
          await world.seconds(15);
          assert.equal(states(), "passing passing passing", `${laterS} s later`);
        }
      });

  for (const names of ["a b", "b a", "b c", "c b", "c a", "a c"])
    it(`is the same at all members when two were apart, and one has repeated its own just before or after the other: ${names}`, async () => {
      for (const laterS of [-2, -1, 0.5, 1, 2]) {
        const world = new World();
        world.isSilent = true;
        const [a, b, c] = await world.grow(3, [{ ...BEAT, staleAfterMs: 4 * TTL_MS }]);
        assert.ok(a !== undefined && b !== undefined && c !== undefined);
        const report = (member: TestMember, vote: Vote) =>
          member.vote("nightly", vote, world.clock.now() + 10 * STALE_MS);
        const [repeating, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
        assert.ok(repeating !== undefined && other !== undefined);
        repeating.connection.faults.isAway = true;
        await world.seconds(10);
        report(repeating, BROKEN);
        await world.seconds(20);
        if (laterS > 0) report(repeating, BROKEN);
        else report(other, OK);
        await world.seconds(Math.abs(laterS));
        if (laterS > 0) report(other, OK);
        else report(repeating, BROKEN);
        await world.seconds(1);
        repeating.connection.faults.isAway = false;
        await world.seconds(12);
        const { writtenCells } = world.store.counts;
        for (let second = 0; second < 20; second += 1) {
          await world.seconds(1);
          assert.equal(new Set([a, b, c].map((each) => each.state("nightly"))).size, 1, `${laterS} s later`);
        }
        assert.equal(world.store.counts.writtenCells, writtenCells);
      }
    });

  for (const names of ["a b", "b c", "c a"])
    it(`is the same at all members when the older one of those that were apart has died: ${names}`, async () => {
      for (const laterS of [4, 8.5, 9.5, 14]) {
        const { world, a, b, c, report } = await fleet();
        const [old, young, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
        assert.ok(old !== undefined && young !== undefined && other !== undefined);
        report(other, OK);
        await world.seconds(2);
        young.connection.faults.isAway = true;
        await world.seconds(10);
        report(old, OK);
        report(old, BROKEN);
        await world.seconds(laterS);
        report(young, OK);
        old.kill();
        young.connection.faults.isAway = false;
        await world.seconds(15);
        assert.equal(young.state("nightly"), other.state("nightly"), `${laterS} s later`);
        if (laterS > 12) assert.equal(young.state("nightly"), "passing", `${laterS} s later`);
      }
    });

  it("counts a report that came before its member had the configuration, as one of now", async () => {
    const { world, a, b, report, states } = await fleet();
    report(b, BROKEN);
    await world.seconds(3);
    report(a, { ...OK, ageMs: 2_000 });
    await world.seconds(1);
    assert.equal(states(), "passing passing passing");
  });

  it("counts for a minute longer than its ttl at most when its member has died", async () => {
    const world = new World();
    world.isSilent = true;
    const long = { ...BEAT, staleAfterMs: 20 * TTL_MS };
    const [a, b, c] = await world.grow(3, [long]);
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    a.vote("nightly", OK);
    b.vote("nightly", MISSED);
    c.vote("nightly", MISSED);
    await world.seconds(1);
    a.kill();
    await world.seconds(20 * 60 + 50);
    assert.deepEqual([b.state("nightly"), c.state("nightly")], ["passing", "passing"]);
    await world.seconds(15);
    assert.deepEqual([b.state("nightly"), c.state("nightly")], ["failing", "failing"]);
  });

  for (const [title, cutOff] of [
    ["another member", "b"],
    ["two others", "b c"],
    ["all members", "a b c"],
  ] as const)
    it(`does not count longer for those that do not hear its member: ${title}`, async () => {
      const { world, a, b, c, report } = await fleet();
      report(a, OK);
      await world.seconds(50);
      for (const member of [a, b, c]) if (cutOff.includes(member.name)) member.connection.faults.isAway = true;
      await world.seconds(9);
      assert.deepEqual([a.state("nightly"), b.state("nightly")], ["passing", "passing"]);
      for (const member of [a, b, c]) report(member, MISSED);
      await world.seconds(8);
      assert.deepEqual([a.state("nightly"), b.state("nightly")], ["failing", "failing"]);
    });

  it("is failing after a failure that is too old, though an older report passed at a member that is not heard", async () => {
    const { world, a, b, c, report } = await fleet();
    report(a, OK);
    await world.seconds(3);
    report(b, BROKEN);
    await world.seconds(50);
    b.connection.faults.isAway = true;
    for (const member of [a, c]) report(member, MISSED);
    await world.seconds(9);
    report(b, MISSED);
    for (let second = 0; second < 50; second += 1) {
      await world.seconds(1);
      assert.equal(b.state("nightly"), "failing");
    }
  });

  for (const name of ["a", "b", "c"])
    it(`is not passing at a member that has stood still since its last report: ${name}`, async () => {
      const { world, a, b, c, report } = await fleet();
      const still = world.members.get(name);
      assert.ok(still !== undefined);
      report(still, OK);
      await world.seconds(1);
      still.connection.faults.isAway = true;
      await world.seconds(10);
      still.connection.faults.isAway = false;
      await world.seconds(1.2);
      still.clock.stop();
      for (const member of [a, b, c]) if (member !== still) report(member, MISSED);
      await world.seconds(63);
      still.clock.continue();
      report(still, MISSED);
      for (let step = 0; step < 20; step += 1) {
        await world.seconds(0.25);
        assert.notEqual(still.state("nightly"), "passing", `${step}`);
      }
      assert.equal(still.state("nightly"), "failing");
    });

  for (const name of ["a", "b", "c"])
    it(`is missed with its member, though another one has kept it while that one was drained: ${name}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      for (const member of [a, b, c]) report(member, MISSED);
      const drained = world.members.get(name);
      assert.ok(drained !== undefined);
      drained.fleet.drain(true);
      report(drained, OK);
      await world.seconds(20);
      drained.fleet.drain(false);
      await world.seconds(39);
      assert.equal(states(), "passing passing passing");
      await world.seconds(1);
      report(drained, MISSED);
      await world.seconds(1);
      assert.equal(states(), "failing failing failing");
    });

  for (const names of ["a b", "a c", "b a", "b c", "c a", "c b"])
    it(`is not missed with a report that was drained away, when a younger one came to the member that keeps it: ${names}`, async () => {
      const { world, a, b, c, report, states } = await fleet();
      const [drained, keeper, other] = [a, b, c].sort((one, two) => placeIn(names, one) - placeIn(names, two));
      assert.ok(drained !== undefined && keeper !== undefined && other !== undefined);
      report(other, MISSED);
      report(keeper, MISSED);
      report(drained, OK);
      await world.seconds(0.5);
      drained.fleet.drain(true);
      await world.seconds(3.5);
      report(keeper, OK);
      await world.seconds(20);
      drained.fleet.drain(false);
      await world.seconds(36);
      report(drained, MISSED);
      for (let step = 0; step < 7; step += 1) {
        await world.seconds(0.5);
        assert.equal(states(), "passing passing passing", `${step}`);
      }
      await world.seconds(0.5);
      report(keeper, MISSED);
      await world.seconds(1);
      assert.equal(states(), "failing failing failing");
    });

  for (const first of ["a", "b", "c"])
    it(`is not passing after a failure that is too old, when an older report passed at ${first}, which has died`, async () => {
      const { world, a, b, c, report } = await fleet();
      const [dead, other, third] = [a, b, c].sort((one, two) => placeIn(first, one) - placeIn(first, two));
      assert.ok(dead !== undefined && other !== undefined && third !== undefined);
      report(dead, OK);
      await world.seconds(2);
      report(other, BROKEN);
      report(third, MISSED);
      await world.seconds(28);
      dead.kill();
      await world.seconds(32);
      report(other, MISSED);
      for (let step = 0; step < 30; step += 1) {
        await world.seconds(0.5);
        assert.deepEqual([other.state("nightly"), third.state("nightly")], ["failing", "failing"], `${step}`);
      }
    });

  for (const phaseS of [0.25, 0.5, 0.75])
    for (const name of ["a", "b", "c"])
      it(`is never missed when a member that has stood still gets a report, and another one kept its last: ${name}, ${phaseS} s`, async () => {
        const world = new World();
        world.isSilent = true;
        // their beats come one after the other
        const members: TestMember[] = [];
        for (const each of ["a", "b", "c", "d"]) {
          members.push(world.add(each, [{ ...BEAT, staleAfterMs: 4 * TTL_MS }]));
          await world.seconds(0.3);
        }
        await world.seconds(20);
        const still = world.members.get(name);
        assert.ok(still !== undefined);
        const report = (member: TestMember, vote: Vote) =>
          member.vote("nightly", vote, world.clock.now() + 10 * STALE_MS);
        report(still, OK);
        for (const member of members) if (member !== still) report(member, MISSED);
        await world.seconds(10);
        still.clock.stop();
        await world.seconds(70 + phaseS);
        still.clock.continue();
        report(still, OK);
        await world.seconds(20);
        const states = members.map(({ decisions }) => decisions.map(({ state }) => state).join(" "));
        for (const [index, text] of states.entries())
          assert.doesNotMatch(text, /passing .*failing/, `${members[index]?.name}: ${text}`);
      });

  for (const name of ["a", "b", "c"])
    it(`keeps the report of ${name}, which was killed and is started again at once, also where it was not heard`, async () => {
      const world = new World();
      world.isSilent = true;
      const long = { ...BEAT, staleAfterMs: 4 * TTL_MS };
      const members = await world.grow(3, [long]);
      const killed = members.find((member) => member.name === name);
      assert.ok(killed !== undefined);
      killed.vote("nightly", OK);
      await world.seconds(2);
      killed.kill();
      world.add(name, [long]);
      await world.seconds(20);
      const { writtenCells } = world.store.counts;
      for (let second = 0; second < 70; second += 1) {
        await world.seconds(1);
        for (const member of world.members.values())
          assert.equal(member.state("nightly"), "passing", `${member.name} after ${second} s`);
      }
      assert.ok(
        world.store.counts.writtenCells - writtenCells <= 2,
        `${world.store.counts.writtenCells - writtenCells}`,
      );
    });

  it("is pending before the first report", async () => {
    const { states } = await fleet();
    assert.equal(states(), "pending pending pending");
  });
});
