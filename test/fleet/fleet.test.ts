/** The engine of a fleet, with a store in memory: members that join, leave, die and disagree. Numbers are rows of docs/fleet.md. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoreError } from "../../src/fleet/store/store.js";
import { definition, definitions, type Sight, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(30);

/** Three members that have voted on all checks. */
async function three(checks = CHECKS, settings = {}) {
  const world = new World();
  const [a, b, c] = await world.grow(3, checks, settings);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return { world, a, b, c };
}

function assertAll(members: readonly TestMember[], state: string, checks = CHECKS): void {
  for (const member of members)
    for (const { check } of checks) assert.equal(member.state(check), state, `${check} at ${member.name}`);
}

function total(members: readonly TestMember[]): number {
  return members.reduce((sum, member) => sum + member.probed().length, 0);
}

describe("sharing checks", () => {
  it("probes each check by two members, and serves all of them at each member", async () => {
    const { a, b, c } = await three();
    assert.equal(total([a, b, c]), 60);
    for (const member of [a, b, c]) assert.ok(member.probed().length > 12, `${member.probed().length}`);
    assertAll([a, b, c], "passing");
  });

  it("writes transitions and not probes (I9)", async () => {
    const { world } = await three();
    const { writes } = world.store.counts;
    await world.seconds(120);
    assert.equal(world.store.counts.writes, writes);
  });

  it("tells a failure to each member within a second", async () => {
    const { world, a, b, c } = await three();
    world.sight = (_, check) => (check === "check-7" ? "fail" : "pass");
    await world.seconds(15);
    const times = [a, b, c].map(({ decisions }) => decisions.find(({ state }) => state === "failing")?.at ?? Infinity);
    assert.ok(Math.max(...times) - Math.min(...times) <= 1_000, `${times}`);
    for (const member of [a, b, c]) assert.equal(member.table.get("check-7")?.reason, "refused");
  });

  it("goes on to renew what is true after a fault of what it tells", async () => {
    const { world, a, b, c } = await three();
    for (const member of [a, b, c]) member.failsOnce = true;
    await world.seconds(120);
    for (const member of [a, b, c]) assert.equal(member.failsOnce, false);
    assertAll([a, b, c], "passing");
  });

  it("runs alone as a fleet of one", async () => {
    const world = new World();
    const [a] = await world.grow(1, CHECKS);
    assert.equal(a?.probed().length, 30);
    assertAll([a], "passing");
  });

  it("puts the members that probe a check into different zones", async () => {
    const world = new World();
    const members = ["a", "b", "c", "d"].map((name, index) => world.add(name, CHECKS, { zone: `zone-${index % 2}` }));
    await world.seconds(20);
    for (const { check } of CHECKS) {
      const zones = members[0]?.fleet.readings.owners(check)?.owners.map(({ zone }) => zone);
      assert.deepEqual(zones?.toSorted(), ["zone-0", "zone-1"]);
    }
  });
});

describe("members that die, join and leave", () => {
  it("takes the checks of a killed member over within 8 s, and no status changes (F1)", async () => {
    const { world, a, b, c } = await three();
    c.kill();
    await world.seconds(8.1);
    assert.equal(a.probed().length, 30);
    assert.equal(b.probed().length, 30);
    await world.seconds(120);
    assert.deepEqual([...a.decisions, ...b.decisions], []);
    assertAll([a, b], "passing");
    assert.ok(a.fleet.readings.takeovers > 0);
  });

  it("finds a target that dies together with a member that probes it (F2)", async () => {
    const { world, a, b, c } = await three();
    const [check = ""] = c.probed();
    world.sight = (_, name) => (name === check ? "fail" : "pass");
    c.kill();
    await world.seconds(16);
    assert.equal(a.state(check), "failing");
    assert.equal(b.state(check), "failing");
  });

  it("lets the successors vote before a member leaves, and removes its votes (F3)", async () => {
    const { world, a, b, c } = await three();
    let hasLeft = false;
    const startedAt = world.clock.now();
    void c.fleet.leave().then(() => {
      hasLeft = true;
      // each of them by itself: another one reads it from the log a moment later
      for (const { check } of CHECKS)
        for (const { fleet } of [a, b]) {
          const own = fleet.readings.owners(check)?.owners.find(({ run }) => run === fleet.run);
          assert.deepEqual([own?.isOwner, own?.vote], [true, "passing"]);
        }
    });
    while (!hasLeft && world.clock.now() < startedAt + 16_000) await world.seconds(0.1);
    assert.ok(hasLeft);
    const tookMs = world.clock.now() - startedAt;
    assert.ok(tookMs > 500 && tookMs < 6_000, `${tookMs}`);
    assert.equal(world.store.cells.has(c.fleet.run), false);
    c.kill();
    await world.seconds(60);
    assert.equal(world.store.beats.has(c.fleet.run), false);
    assert.deepEqual([...a.decisions, ...b.decisions, ...c.decisions], []);
    assertAll([a, b], "passing");
  });

  const partings: readonly (readonly [title: string, meanwhile: (a: TestMember, isOver: boolean) => void])[] = [
    ["with a beat between its orders and its end", () => {}],
    ["before others have read that it is about to", (a, isOver) => (isOver ? a.clock.continue() : a.clock.stop())],
    ["while another one cannot read", (a, isOver) => Object.assign(a.connection.faults, { isAway: !isOver })],
  ];
  for (const [title, meanwhile] of partings)
    it(`is not dead for others, and no member any more, when it leaves ${title}`, async () => {
      const world = new World();
      const [a, b, c] = await world.grow(3, definitions(5, { scope: "each" }));
      assert.ok(a !== undefined && b !== undefined && c !== undefined);
      for (const { events } of [a, b]) events.length = 0;
      meanwhile(a, false);
      let hasLeft = false;
      void c.fleet.leave().then(() => {
        hasLeft = true;
      });
      for (let step = 0; step < 100 && !hasLeft; step += 1) await world.seconds(0.1);
      assert.ok(hasLeft);
      meanwhile(a, true);
      await world.seconds(2.1);
      for (const member of [a, b]) {
        const states = member.fleet.readings.members().map((each) => `${each.member} ${each.state}`);
        assert.deepEqual(states, ["a alive", "b alive"], `at ${member.name}`);
      }
      c.kill();
      await world.seconds(60);
      for (const { events, name } of [a, b]) {
        const kinds = events.flatMap(({ kind }) => (kind.startsWith("member-") ? [kind] : []));
        assert.deepEqual(kinds, ["member-left"], name);
      }
      assert.deepEqual([...world.store.beats.keys()].sort(), [a.fleet.run, b.fleet.run].sort());
    });

  it("ends to wait for successors that do not vote at the deadline", async () => {
    const { world, c } = await three();
    world.sight = () => "blind";
    let hasLeft = false;
    void c.fleet.leave().then(() => {
      hasLeft = true;
    });
    await world.seconds(13.9); // the last second is for its records
    assert.equal(hasLeft, false);
    await world.seconds(0.2);
    assert.equal(hasLeft, true);
  });

  it("ends to wait for a store that does not answer at the deadline", async () => {
    for (const silentAfter of [0, 0.5, 1]) {
      const { world, a } = await three(CHECKS, { leaveMs: 3_000 });
      const startedAt = world.clock.now();
      let took = Number.POSITIVE_INFINITY;
      void a.fleet.leave().then(() => {
        took = world.clock.now() - startedAt;
      });
      await world.seconds(silentAfter);
      a.connection.faults.isSilent = true;
      a.vote("check-0", { state: "failing", reason: "refused" });
      await world.seconds(40);
      assert.ok(took > 1_500 && took <= 3_000, `${took} ms`);
    }
  });

  it("leaves at once when there is no other member", async () => {
    const world = new World();
    const [a] = await world.grow(1, CHECKS);
    let hasLeft = false;
    void a?.fleet.leave().then(() => {
      hasLeft = true;
    });
    await world.seconds(0.1);
    assert.ok(hasLeft);
  });

  it("moves about one quarter of the checks to a fourth member, and no status changes (F4)", async () => {
    const checks = definitions(150);
    const { world, a, b, c } = await three(checks);
    const before = new Map([a, b, c].map((member) => [member, new Set(member.probed())]));
    const d = world.add("d", checks);
    await world.seconds(30);
    assert.equal(total([a, b, c, d]), 300);
    for (const [member, had] of before)
      for (const check of member.probed()) assert.ok(had.has(check), `${check} came to ${member.name}`);
    assert.ok(Math.abs(d.probed().length - 75) < 25, `${d.probed().length}`);
    assert.deepEqual([...a.decisions, ...b.decisions, ...c.decisions], []);
    assert.ok(d.decisions.every(({ state }) => state === "passing"));
    assertAll([a, b, c, d], "passing", checks);
  });

  it("always has a prober that has voted while a check moves (I3)", async () => {
    const { world, a, b, c } = await three();
    const d = world.add("d", CHECKS);
    for (let step = 0; step < 150; step += 1) {
      await world.seconds(0.1);
      for (const { check } of CHECKS)
        assert.ok([a, b, c, d].filter(({ runners }) => (runners.get(check)?.votes ?? 0) > 0).length >= 2, check);
    }
  });

  it("gives a member that restarts within the settle time its checks again, and moves no others", async () => {
    const { world, a, b, c } = await three();
    const before = [a, b, c].map((member) => member.probed());
    c.kill();
    const again = world.add("c", CHECKS);
    await world.seconds(30);
    assert.deepEqual(
      [a, b, again].map((member) => member.probed()),
      before,
    );
    assert.deepEqual([...a.decisions, ...b.decisions], []);
    assert.equal(
      [...a.events, ...b.events].some(({ kind }) => kind === "duplicate"),
      false,
    );
  });

  it("readmits a member that stood still for a minute, and serves nothing that is too old (F5)", async () => {
    const { world, a, b, c } = await three();
    c.clock.stop();
    await world.seconds(9);
    assert.equal(total([a, b]), 60);
    await world.seconds(51);
    world.sight = () => "fail";
    await world.seconds(20);
    c.clock.continue();
    await world.seconds(0);
    for (const { check } of CHECKS) assert.notEqual(c.state(check), "passing");
    await world.seconds(5);
    assertAll([a, b, c], "failing");
    await world.seconds(15);
    assert.equal(total([a, b, c]), 60);
    assert.equal(
      c.decisions.some(({ state }) => state === "passing"),
      false,
    );
  });

  const deafness: readonly (readonly [
    title: string,
    begin: (c: TestMember) => void,
    halfway: (c: TestMember) => void,
    end: (c: TestMember) => void,
  ])[] = [
    ["stood still", (c) => c.clock.stop(), () => {}, (c) => c.clock.continue()],
    [
      "was cut off",
      ({ connection }) => Object.assign(connection.faults, { isAway: true }),
      () => {},
      ({ connection }) => Object.assign(connection.faults, { isAway: false }),
    ],
    [
      "was cut off, and then did not probe",
      (c) => Object.assign(c.connection.faults, { isAway: true }),
      (c) => {
        c.isScheduling = false;
        c.connection.faults.isAway = false;
      },
      (c) => Object.assign(c, { isScheduling: true }),
    ],
  ];
  for (const [title, begin, halfway, end] of deafness)
    it(`does not publish what was true while it ${title}`, async () => {
      const checks = definitions(30, { staleAfterMs: 90_000 });
      const { world, a, b, c } = await three(checks);
      begin(c);
      await world.seconds(2);
      halfway(c);
      world.sight = (member) => (member === "c" ? "pass" : "fail");
      await world.seconds(15);
      world.sight = () => "pass";
      await world.seconds(15);
      assert.ok([a, b].every(({ decisions }) => decisions.some(({ state }) => state === "failing")));
      end(c);
      await world.seconds(10);
      assert.deepEqual(c.decisions, []);
      assertAll([a, b, c], "passing", checks);
    });

  it("does not believe that a member is dead because it stood still itself (I6)", async () => {
    const { world, a } = await three();
    a.events.length = 0;
    a.clock.stop();
    await world.seconds(30);
    a.clock.continue();
    await world.seconds(4);
    assert.deepEqual(
      a.events.filter(({ kind }) => kind === "member-dead"),
      [],
    );
  });

  it("hands the checks of a drained member over, which serves on, and gives them back", async () => {
    const { world, a, b, c } = await three();
    const before = c.probed();
    c.fleet.drain(true);
    await world.seconds(10);
    assert.deepEqual(c.probed(), []);
    assert.equal(a.fleet.readings.members().find(({ member }) => member === "c")?.state, "drained");
    assertAll([a, b, c], "passing");
    c.fleet.drain(false);
    await world.seconds(20);
    assert.deepEqual(c.probed(), before);
    assert.deepEqual([...a.decisions, ...b.decisions, ...c.decisions], []);
  });

  it("takes the order to drain a member at any other member", async () => {
    const { world, a, c } = await three();
    assert.equal(a.fleet.orders.ask("nobody", true), "unknown");
    assert.equal(a.fleet.orders.ask("c", true), "asked");
    await world.seconds(10);
    assert.deepEqual(c.probed(), []);
    assert.equal(a.fleet.orders.ask("c", false), "asked");
    await world.seconds(20);
    assert.notDeepEqual(c.probed(), []);
  });

  it("goes on to probe when the only member is drained", async () => {
    const world = new World();
    const [a] = await world.grow(1, CHECKS);
    a?.fleet.drain(true);
    await world.seconds(90);
    assert.equal(a?.probed().length, 30);
    assertAll([a], "passing");
  });

  it("sends no beat while its probes do not start", async () => {
    const { world, a, b, c } = await three();
    c.isScheduling = false;
    await world.seconds(9);
    assert.equal(a.fleet.readings.members().find(({ member }) => member === "c")?.state, "dead");
    assert.equal(total([a, b]), 60);
    assert.equal(c.fleet.readings.isDetached, false);
  });
});

describe("two processes with one name", () => {
  it("are told by both, and one of them probes nothing that is shared", async () => {
    const { world, a, b, c } = await three();
    const twin = world.add("c", CHECKS);
    await world.seconds(30);
    for (const member of [c, twin]) {
      assert.ok(
        member.events.some(({ kind }) => kind === "duplicate"),
        member.name,
      );
      assertAll([member], "passing");
    }
    const [first, second] = c.fleet.run < twin.fleet.run ? [c, twin] : [twin, c];
    assert.equal(total([a, b, first]), 60);
    assert.deepEqual(second.probed(), []);
    assert.deepEqual([...a.decisions, ...b.decisions], []);
    assert.equal(a.fleet.readings.members().find(({ run }) => run === second.fleet.run)?.state, "duplicate");
    first.kill();
    await world.seconds(20);
    assert.ok(second.probed().length > 0);
    assert.ok(second.events.some((event) => event.kind === "duplicate" && event.isOver));
  });
});

describe("members that see different things", () => {
  const partly =
    (blindMembers: string, sight: Sight) =>
    (member: string): Sight =>
      blindMembers.includes(member) ? sight : "pass";

  it("turns no check when one of three vantages is cut from the targets: partial (F15)", async () => {
    const checks = definitions(40, { copies: 3 });
    const { world, a, b, c } = await three(checks);
    world.sight = partly("c", "fail");
    await world.seconds(40);
    for (const member of [a, b, c]) {
      assert.ok(member.decisions.every(({ state, reason }) => state === "warning" && reason === "partial"));
      assertAll([member], "warning", checks);
    }
    world.sight = () => "pass";
    await world.seconds(20);
    assertAll([a, b, c], "passing", checks);
  });

  it("decides by the others when most vantages abstain (F16)", async () => {
    const checks = definitions(40, { copies: 3 });
    const { world, a, b, c } = await three(checks);
    world.sight = partly("bc", "blind");
    await world.seconds(60);
    assertAll([a, b, c], "passing", checks);
    world.sight = (member) => (member === "a" ? "fail" : "blind");
    await world.seconds(20);
    assertAll([a, b, c], "failing", checks);
  });

  it("keeps the state while all abstain, until it is too old", async () => {
    const { world, a, b, c } = await three();
    world.sight = () => "blind";
    await world.seconds(15);
    assertAll([a, b, c], "passing");
    await world.seconds(30);
    assertAll([a, b, c], "pending");
  });

  it("does not let one vantage turn a check after the restart of the other one (I7)", async () => {
    const { world, a, b, c } = await three();
    world.sight = partly("b", "fail");
    await world.seconds(15);
    a.kill();
    const again = world.add("a", CHECKS);
    await world.seconds(40);
    for (const member of [again, b, c])
      assert.deepEqual(
        member.decisions.filter(({ state }) => state === "failing"),
        [],
        member.name,
      );
  });

  it("does not count a vote under another definition (F19)", async () => {
    const world = new World();
    const other = CHECKS.map((each) => (each.check === "check-3" ? { ...each, digest: "d2" } : each));
    world.sight = (member, check) => (member === "c" && check === "check-3" ? "fail" : "pass");
    const [a, b] = [world.add("a", CHECKS), world.add("b", CHECKS)];
    const c = world.add("c", other);
    await world.seconds(40);
    assert.equal(a.state("check-3"), "passing");
    assert.equal(b.state("check-3"), "passing");
    assert.equal(c.state("check-3"), "failing");
    assert.ok([a, b].every((member) => member.runners.has("check-3")));
    assert.equal(total([a, b, c]), 61, "the other checks are shared by all three");
    assert.equal(a.fleet.readings.configDigests, 2);
  });

  it("takes a changed definition over without a gap, on one member after the other", async () => {
    const { world, a, b, c } = await three();
    const changed = CHECKS.map((each) => (each.check === "check-3" ? { ...each, digest: "d2" } : each));
    for (const member of [a, b, c]) {
      member.fleet.define(changed);
      await world.seconds(10);
      for (const each of [a, b, c]) assert.equal(each.state("check-3"), "passing");
    }
    assert.equal(total([a, b, c]), 60);
    assert.deepEqual([...a.decisions, ...b.decisions, ...c.decisions], []);
  });

  it("probes a new check at once, and stops to serve one that is gone", async () => {
    const { world, a, b, c } = await three();
    for (const member of [a, b, c]) member.fleet.define([...CHECKS.slice(1), definition("new")]);
    await world.seconds(5);
    for (const member of [a, b, c]) {
      assert.equal(member.state("new"), "passing");
      assert.equal(member.fleet.readings.owners("check-0"), undefined);
    }
    assert.equal(
      [...world.store.cells.values()].some(({ cells }) => cells.has("check-0")),
      false,
    );
  });

  it("probes a local check at each member, which decides alone (F20)", async () => {
    const checks = definitions(5, { scope: "local", copies: 1, agree: 1 });
    const world = new World();
    world.sight = partly("b", "fail");
    const [a, b] = [world.add("a", checks), world.add("b", checks)];
    await world.seconds(3);
    assertAll([a], "passing", checks);
    assertAll([b], "failing", checks);
    assert.equal(total([a, b]), 10);
    a.fleet.drain(true);
    await world.seconds(60);
    assertAll([a], "passing", checks);
    assert.deepEqual(a.fleet.readings.roles, { owner: 0, local: 5, follower: 0 });
    const owners = a.fleet.readings
      .owners("check-0")
      ?.owners.map(({ member, isOwner, vote }) => [member, isOwner, vote]);
    assert.deepEqual(owners?.sort(), [
      ["a", true, "passing"],
      ["b", true, "failing"],
    ]);
  });

  it("probes a check of each member everywhere, and the majority decides", async () => {
    const checks = definitions(5, { scope: "each", copies: 1 });
    const { world, a, b, c } = await three(checks);
    assert.equal(total([a, b, c]), 15);
    world.sight = partly("b", "fail");
    await world.seconds(20);
    assertAll([a, b, c], "warning", checks);
    world.sight = partly("bc", "fail");
    await world.seconds(20);
    assertAll([a, b, c], "failing", checks);
  });
});

describe("members whose results are nearly too old", () => {
  it("agree on a failure that two of three see, also at the one that sees a pass", async () => {
    const checks = definitions(6, { copies: 3 });
    const world = new World();
    const members = await world.grow(3, checks);
    world.sight = (member) => (member === "a" ? "pass" : "fail");
    await world.seconds(30);
    for (const member of members) {
      member.stalest = 0.95;
      member.decisions.length = 0;
    }
    await world.seconds(60);
    for (const member of members) {
      assert.deepEqual(member.decisions, [], member.name);
      for (const { check } of checks) assert.equal(member.state(check), "failing", `${check} at ${member.name}`);
    }
  });

  it("keep a failure when one of two that see it dies", async () => {
    const checks = definitions(20, { copies: 3, staleAfterMs: 16_000 });
    const world = new World();
    const members = await world.grow(5, checks);
    const owners = new Map(checks.map(({ check }) => [check, members.filter((member) => member.runners.has(check))]));
    const [victim] = members;
    assert.ok(victim);
    // the victim sees a failure, and so does the first other owner of each of its checks
    world.sight = (member, check) => {
      const seats = owners.get(check) ?? [];
      const other = seats.find((seat) => seat !== victim);
      return seats.includes(victim) && (member === "a" || member === other?.name) ? "fail" : "pass";
    };
    await world.seconds(40);
    const failing = checks.filter(({ check }) => victim.state(check) === "failing").map(({ check }) => check);
    assert.ok(failing.length > 3, `${failing.length}`);
    victim.kill();
    for (let at = 0; at < 7; at += 1) {
      await world.seconds(1);
      for (const member of members.slice(1))
        for (const check of failing)
          assert.equal(member.state(check), "failing", `${check} at ${member.name} after ${at} s`);
    }
  });
});

describe("a failure that one member has seen, which is enough, ends with its vote", () => {
  const rows: readonly (readonly [title: string, end: (member: TestMember) => void])[] = [
    ["when it dies", (member) => member.kill()],
    [
      "when the store takes its votes no more",
      (member) => {
        member.connection.write = () => Promise.reject(new StoreError("refused", "NOPERM"));
        for (const check of ["check-0", "check-1"]) member.vote(check, { state: "failing", reason: "timeout" });
      },
    ],
    ["when it is cut from the store", (member) => (member.connection.faults.isAway = true)],
  ];
  for (const [title, end] of rows)
    it(`and not before the others decide: ${title}`, async () => {
      const checks = definitions(2, { copies: 2, agree: 1, staleAfterMs: 6_000 });
      const world = new World();
      world.isSilent = true;
      const [a, b] = await world.grow(2, checks);
      assert.ok(a && b);
      b.stalest = 0.37; // its votes do not end with a beat
      const states = new Set<string>();
      for (let tenths = 0; tenths < 300; tenths += 1) {
        for (const { check } of checks) {
          if (tenths % 10 === 0) a.vote(check, { state: "passing", reason: undefined });
          if (tenths % 10 === 0 && tenths <= 100) b.vote(check, { state: "failing", reason: "refused" });
        }
        if (tenths === 100) end(b);
        await world.seconds(0.1);
        if (tenths > 50) for (const { check } of checks) states.add(a.state(check));
      }
      assert.deepEqual([...states], ["failing", "passing"]);
    });
});

describe("the votes of a live member whose oldest result is nearly too old", () => {
  for (const delayMs of [30, 200, 450])
    it(`count at the others, when the store needs ${delayMs} ms`, async () => {
      const world = new World();
      const checks = definitions(6, { copies: 1 });
      const members: TestMember[] = [];
      for (const name of ["a", "b", "c"]) {
        members.push(world.add(name, checks));
        await world.seconds(0.37);
      }
      await world.seconds(20);
      world.store.faults.delayMs = delayMs;
      for (const member of members) member.stalest = 0.97;
      for (let step = 0; step < 400; step += 1) {
        await world.seconds(0.05);
        for (const member of members)
          for (const { check } of checks) assert.equal(member.state(check), "passing", `${check} at ${member.name}`);
      }
    });
});
