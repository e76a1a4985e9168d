/** What is shown of checks that a fleet decides. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CheckEngine } from "../../src/checks/check-engine.js";
import type { AgeOwner } from "../../src/checks/freshness.js";
import { staleStatuses } from "../../src/checks/stale-statuses.js";
import { ProberError } from "../../src/probers/prober.js";
import { settle } from "../support/virtual-clock.js";
import { FAILED, PASSED, WARNED } from "./scripted-prober.js";
import { VotingBench } from "./voting-fixture.js";

describe("a decision is published", () => {
  const rows = [
    ["passing", undefined, "SERVING", false],
    ["warning", "partial", "SERVING", true],
    ["failing", "refused", "NOT_SERVING", false],
  ] as const;
  for (const [state, reason, status, degraded] of rows)
    test(`${state}, with its reason and the statuses that follow`, async () => {
      const bench = new VotingBench();
      bench.rested({ services: ["s"] });
      bench.decide(state, 32_000, { reason });
      assert.deepEqual(bench.shown(), [state, reason]);
      for (const service of ["c", "s", ""]) {
        const found = bench.registry.read(service);
        assert.deepEqual([found?.status, found?.degraded, found?.reason], [status, degraded, reason], service);
      }
    });

  test("with others of the same batch at its end: what they change together has one status, not one for each of them", () => {
    const bench = new VotingBench();
    for (const name of ["a", "b", "c"]) bench.rested({ services: ["s"] }, undefined, name);
    for (const [name, state] of [
      ["a", "failing"],
      ["b", "passing"],
      ["c", "passing"],
    ] as const)
      bench.decide(state, 32_000, {}, name);
    const seen: string[] = [];
    bench.registry.onTransition(({ subject, name, to }) => {
      if (subject === "service") seen.push(`${name} ${to} ${bench.registry.read("")?.status}`);
    });
    const result = bench.voting.batch(() => {
      bench.decide("passing", 32_000, {}, "a");
      bench.voting.batch(() => bench.decide("failing", 32_000, {}, "b"));
      assert.deepEqual(seen, []);
      return 7;
    });
    assert.deepEqual([result, seen], [7, ["a SERVING NOT_SERVING", "b NOT_SERVING NOT_SERVING"]]);
    bench.decide("passing", 32_000, {}, "b");
    assert.deepEqual(
      ["b", "s", ""].map((name) => bench.registry.read(name)?.status),
      Array(3).fill("SERVING"),
    );
  });

  test("with others of the same batch: each listener sees all of it, members are told first, and the startup view is the last", () => {
    const bench = new VotingBench();
    for (const name of ["a", "b"]) bench.rested({ services: ["s"] }, undefined, name);
    const names = ["a", "b", "s", "", "startup"];
    const seen: string[] = [];
    const early: string[] = [];
    bench.registry.onTransition(({ subject, name }) => {
      seen.push(`${subject} ${name}`);
      early.push(...names.filter((each) => bench.status(each) !== "SERVING"));
    });
    bench.voting.batch(() => {
      for (const name of ["a", "b"]) bench.decide("passing", 32_000, {}, name);
      assert.equal(bench.status("startup"), "UNKNOWN");
    });
    const [checks, services] = [seen.slice(0, 2), seen.slice(2)];
    assert.deepEqual([checks, early], [["check a", "check b"], []]);
    assert.deepEqual(services.toSorted(), names.map((name) => `service ${name}`).toSorted());
    assert.deepEqual(services.slice(-2), ["service ", "service startup"]);
  });

  test("also when a later one of its batch throws", () => {
    const bench = new VotingBench();
    bench.rested({ services: ["s"] });
    const fault = new Error("of a later one");
    const batch = () =>
      bench.voting.batch(() => {
        bench.decide("failing");
        throw fault;
      });
    assert.throws(batch, fault);
    assert.deepEqual(
      ["c", "s", ""].map((name) => bench.registry.read(name)?.status),
      Array(3).fill("NOT_SERVING"),
    );
    bench.decide("passing");
    assert.deepEqual(
      ["c", "s", ""].map((name) => bench.registry.read(name)?.status),
      Array(3).fill("SERVING"),
    );
  });

  test("whatever this member has found itself", async () => {
    const bench = new VotingBench();
    bench.probed();
    bench.decide("passing");
    await bench.answer(FAILED);
    assert.deepEqual([bench.shown(), bench.status()], [["passing", undefined], "SERVING"]);
    bench.decide("failing", 32_000, { reason: "timeout" });
    assert.deepEqual([bench.shown(), bench.status()], [["failing", "timeout"], "NOT_SERVING"]);
  });

  test("the same one again is written once, and prolongs it", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000);
    const version = bench.registry.version;
    bench.decide("passing", 9_000);
    assert.equal(bench.registry.version, version);
    await bench.clock.advance(8_999);
    assert.equal(bench.status(), "SERVING");
    await bench.clock.advance(1);
    assert.deepEqual([bench.shown(), bench.status()], [["pending", "stale"], "UNKNOWN"]);
  });

  test("a newer one may end earlier", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 20_000);
    bench.decide("passing", 1_000);
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.shown(), ["pending", "stale"]);
  });

  test("one that stands because no member can look is marked as held", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000, { reason: "prober-isolated" });
    assert.deepEqual([bench.report().held, bench.shown()], [true, ["passing", "prober-isolated"]]);
    bench.decide("passing");
    assert.equal(bench.report().held, false);
  });

  test("the detail of the cause is shown where this member has found the same, and is its newest", async () => {
    const bench = new VotingBench();
    bench.probed({ interval: "2s" });
    await bench.answer(FAILED);
    bench.decide("failing", 32_000, { reason: "timeout" });
    assert.equal(bench.engine.publisher.detailOf("c"), undefined);
    bench.decide("failing", 32_000, { reason: "refused" });
    assert.equal(bench.engine.publisher.detailOf("c"), FAILED.detail);
    await bench.clock.advance(2_000);
    await bench.answer({ ...FAILED, detail: "another text" });
    assert.equal(bench.engine.publisher.detailOf("c"), "another text");
  });
});

describe("a decision ends", () => {
  test("at its time, by a timer, and by a read when the event loop was blocked", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000);
    bench.clock.stall(5_000);
    assert.equal(bench.status(), "UNKNOWN");
    assert.deepEqual(bench.shown(), ["pending", "stale"]);
    await bench.engine.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });

  for (const forMs of [0, -1_000])
    test(`at once when it was over ${-forMs} ms ago`, () => {
      const bench = new VotingBench();
      bench.rested();
      bench.decide("failing", forMs);
      assert.deepEqual([bench.shown(), bench.status()], [["pending", "stale"], "UNKNOWN"]);
    });

  test("with one that is pending: its reason, else `stale`; it comes back with the next one", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000);
    bench.decide("pending", 0, { reason: "descriptors" });
    assert.deepEqual(bench.shown(), ["pending", "descriptors"]);
    await bench.clock.advance(10_000);
    assert.deepEqual(bench.shown(), ["pending", "descriptors"], "the end of the one before says nothing");
    bench.decide("passing", 5_000);
    bench.decide("pending", Number.POSITIVE_INFINITY);
    assert.deepEqual(bench.shown(), ["pending", "stale"]);
    bench.decide("failing", 5_000);
    assert.equal(bench.status(), "NOT_SERVING");
  });

  test("own results do not prolong it", async () => {
    const bench = new VotingBench();
    bench.probed({}, PASSED);
    await bench.clock.advance(0);
    bench.decide("passing", 15_000);
    await bench.clock.advance(15_000);
    assert.deepEqual([bench.shown(), bench.lastCast.vote.state], [["pending", "stale"], "passing"]);
  });

  test("an own result that is stale does not end it", async () => {
    const bench = new VotingBench();
    const prober = bench.probed({ staleAfter: "12s" });
    await bench.answer(PASSED);
    bench.decide("passing", 60_000);
    await bench.clock.advance(10_000);
    prober.last.throw(new ProberError("descriptors", "none"));
    await bench.clock.advance(10_000);
    assert.deepEqual([bench.shown(), bench.lastCast.vote.state], [["passing", undefined], "abstaining"]);
  });
});

describe("before the first decision", () => {
  test("a check is pending, with the reason why no member can look", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("pending");
    assert.deepEqual(bench.shown(), ["pending", "pending"]);
    bench.decide("pending", 0, { reason: "descriptors" });
    assert.deepEqual(bench.shown(), ["pending", "descriptors"]);
  });

  test("it has its initial state, which no vote and no pending decision changes, until staleAfter", async () => {
    const bench = new VotingBench();
    bench.rested({ initialState: "passing", staleAfter: "20s" });
    assert.deepEqual(bench.shown(), ["passing", "initial"]);
    bench.decide("pending", 0, { reason: "descriptors" });
    assert.deepEqual(bench.shown(), ["passing", "initial"]);
    await bench.clock.advance(20_000);
    assert.deepEqual(bench.shown(), ["pending", "pending"]);
    assert.equal(bench.casts.length, 0);
  });

  test("its first decision ends the initial state", async () => {
    const bench = new VotingBench();
    bench.rested({ initialState: "passing", staleAfter: "20s" });
    bench.decide("failing", 60_000, { reason: "refused" });
    await bench.clock.advance(30_000);
    assert.deepEqual(bench.shown(), ["failing", "refused"]);
  });

  test("with another target it keeps what was decided, for its timeout", async () => {
    const bench = new VotingBench();
    bench.probed();
    bench.decide("failing", 32_000, { reason: "refused" });
    await bench.answer(PASSED);
    bench.configure([bench.declaration("c")]);
    assert.deepEqual([bench.shown(), bench.status()], [["failing", "changed"], "NOT_SERVING"]);
    bench.decide("pending");
    assert.deepEqual(bench.shown(), ["failing", "changed"]);
    await bench.clock.advance(2_000);
    assert.deepEqual(bench.shown(), ["pending", "pending"]);
  });

  test("with another target and without a decision it keeps nothing", async () => {
    const bench = new VotingBench();
    bench.probed();
    await bench.answer(PASSED);
    bench.configure([bench.declaration("c")]);
    assert.deepEqual(bench.shown(), ["pending", "pending"]);
  });

  test("the probe of another target comes before the last state ends, among many", async () => {
    const bench = new VotingBench();
    const names = Array.from({ length: 40 }, (_, index) => `c${index}`);
    bench.configure(names.map((name) => bench.declaration(name)));
    for (const name of names) bench.decide("passing", 32_000, {}, name);
    bench.configure(names.map((name) => bench.declaration(name)));
    for (const name of names) bench.voting.probe(name);
    await bench.clock.advance(1_000);
    for (const { looks } of bench.probers.values()) assert.equal(looks.length, 1);
    await bench.engine.stop();
  });
});

describe("the startup view waits for the first decision that is not pending", () => {
  test("of each check, not for results of this member", async () => {
    const bench = new VotingBench();
    bench.configure([bench.declaration("a"), bench.declaration("b")]);
    bench.voting.probe("a");
    await bench.answer(PASSED, "a");
    bench.decide("passing", 32_000, {}, "a");
    bench.decide("pending", 0, { reason: "descriptors" }, "b");
    assert.deepEqual([bench.status("startup"), bench.report("b").lastResultAt], ["UNKNOWN", undefined]);
    bench.decide("failing", 32_000, {}, "b");
    assert.equal(bench.status("startup"), "SERVING");
    assert.notEqual(bench.report("b").lastResultAt, undefined);
  });

  test("a check that begins to count later has its decision already", async () => {
    const bench = new VotingBench();
    const late = bench.declaration("late", { startup: false });
    bench.configure([late, bench.declaration("a")]);
    bench.decide("passing", 32_000, {}, "late");
    bench.configure([{ ...late, options: { startup: true } }, ...bench.declarations.slice(1)]);
    assert.equal(bench.status("startup"), "UNKNOWN");
    bench.decide("passing", 32_000, {}, "a");
    assert.equal(bench.status("startup"), "SERVING");
  });

  test("an own result before the decision is no result yet", async () => {
    const bench = new VotingBench();
    bench.probed();
    await bench.answer(PASSED);
    assert.equal(bench.report().lastResultAt, undefined);
    bench.decide("passing");
    assert.equal(bench.report().lastResultAt, bench.clock.wallTime());
  });
});

describe("measurements", () => {
  test("are those of this member while it probes the check", async () => {
    const bench = new VotingBench();
    bench.probed();
    await bench.clock.advance(70);
    await bench.answer(PASSED);
    bench.decide("passing");
    const at = bench.clock.wallTime();
    assert.deepEqual([bench.report().latencyMs, bench.report().lastResultAt], [70, at]);
    await bench.clock.advance(10_005);
    bench.decide("passing");
    await bench.answer(WARNED);
    assert.deepEqual([bench.report().latencyMs, bench.report().lastResultAt], [75, bench.clock.wallTime()]);
    assert.deepEqual(bench.shown(), ["passing", undefined]);
  });

  test("elsewhere: no latency, and the time that the decision follows from", async () => {
    const bench = new VotingBench();
    bench.rested();
    await bench.clock.advance(5_000);
    bench.decide("passing", 30_000);
    assert.deepEqual(
      [bench.report().latencyMs, bench.report().lastResultAt],
      [undefined, bench.clock.wallTime() - 2_000],
    );
  });

  test("elsewhere: written as often as a result of our own would be, and never back in time", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 32_000);
    const at = bench.clock.wallTime();
    await bench.clock.advance(9_999);
    bench.decide("passing", 32_000);
    assert.equal(bench.report().lastResultAt, at);
    await bench.clock.advance(1);
    bench.decide("passing", 32_000);
    assert.equal(bench.report().lastResultAt, at + 10_000);
    bench.decide("failing", 5_000);
    assert.equal(bench.report().lastResultAt, at + 10_000);
  });

  test("elsewhere: not in the future, with a decision that counts for longer than staleAfter", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 90_000);
    assert.equal(bench.report().lastResultAt, bench.clock.wallTime());
  });

  test("of a check that is probed here no more are replaced by those of others", async () => {
    const bench = new VotingBench();
    bench.probed();
    await bench.clock.advance(70);
    await bench.answer(PASSED);
    bench.decide("passing");
    bench.voting.rest("c");
    await bench.clock.advance(10_000);
    bench.decide("passing");
    assert.deepEqual([bench.report().latencyMs, bench.report().lastResultAt], [undefined, bench.clock.wallTime()]);
  });
});

describe("a heartbeat", () => {
  test("that has reported to another member counts, also when that is stale", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb", {}, "1h")], [{ name: "s", policy: { kind: "all" }, members: ["hb"] }]);
    assert.equal(bench.report("hb").counted, false);
    bench.decide("passing", 60_000, {}, "hb");
    assert.deepEqual([bench.report("hb").counted, bench.status("s")], [true, "SERVING"]);
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.report("hb").counted, bench.status("s")], [true, "UNKNOWN"]);
  });

  test("that has reported here counts from the decision on", () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb")]);
    bench.engine.report("hb", "Bearer t", "pass");
    assert.equal(bench.report("hb").counted, false);
    bench.decide("passing", 10_000, {}, "hb");
    assert.deepEqual([bench.report("hb").counted, bench.report("hb").latencyMs], [true, undefined]);
  });
});

describe("reported services", () => {
  const reported = [
    { name: "w/a", status: "SERVING", reason: undefined },
    { name: "w/b", status: "NOT_SERVING", reason: "offline" },
  ] as const;

  test("are those of the decision; one that is gone from it is cleared", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000, { reported });
    assert.deepEqual([bench.status("w/a"), bench.status("w/b")], ["SERVING", "NOT_SERVING"]);
    assert.deepEqual(bench.report().reported, reported);
    bench.decide("passing", 5_000, { reported: reported.slice(0, 1) });
    assert.deepEqual([bench.status("w/a"), bench.status("w/b")], ["SERVING", undefined]);
  });

  test("a decision without any leaves them until their time is over; then they are unknown", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000, { reported });
    bench.decide("failing", 20_000);
    await bench.clock.advance(4_999);
    assert.equal(bench.status("w/a"), "SERVING");
    await bench.clock.advance(1);
    assert.deepEqual([bench.status("w/a"), bench.status("w/b"), bench.status()], ["UNKNOWN", "UNKNOWN", "NOT_SERVING"]);
    bench.decide("passing", 5_000, { reported });
    assert.equal(bench.status("w/a"), "SERVING");
  });

  test("a name that a check has, and one that is not valid, is not published", () => {
    const bench = new VotingBench();
    bench.configure([bench.declaration("c"), bench.declaration("d")]);
    const taken = ["d", "", "not\nvalid"].map((name) => ({ name, status: "SERVING", reason: undefined }) as const);
    bench.decide("passing", 5_000, { reported: taken });
    assert.deepEqual([bench.status("d"), bench.report().reported ?? []], ["UNKNOWN", []]);
    assert.equal(bench.registry.read("not\nvalid"), undefined);
  });

  test("no more than 1,000 of a check are published", () => {
    const bench = new VotingBench();
    bench.rested();
    const many = Array.from({ length: 1_001 }, (_, index) => ({ ...reported[0], name: `w/${index}` }));
    bench.decide("passing", 5_000, { reported: many });
    assert.deepEqual([bench.report().reported?.length, bench.status("w/1000")], [1_000, undefined]);
  });

  test("one that is offline at a target passes to a target where it is online", () => {
    const bench = new VotingBench();
    bench.configure([bench.declaration("c"), bench.declaration("d")]);
    bench.decide("passing", 5_000, { reported: [reported[1]] });
    bench.decide("passing", 5_000, { reported: [{ ...reported[1], status: "SERVING" }] }, "d");
    assert.equal(bench.status("w/b"), "SERVING");
  });

  test("end with their check", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 5_000, { reported });
    bench.configure([]);
    assert.equal(bench.status("w/a"), undefined);
    assert.equal(bench.clock.pendingTimers, 0);
  });
});

describe("another thread, while this one is blocked,", () => {
  test("applies the ages of the decisions, and not of own votes", async () => {
    const bench = new VotingBench();
    const ages = new Map<string, number | undefined>();
    bench.engine.deps.freshness.observe(({ check, of }, staleAt) => ages.set(`${of} ${check}`, staleAt));
    const discovered = new Map([["w/a", { outcome: "pass" }]] as const);
    bench.probed({}, { outcome: "pass", discovered });
    await bench.clock.advance(10_000);
    assert.deepEqual([...ages], [], "votes");
    const reported = [{ name: "w/a", status: "SERVING", reason: undefined }] as const;
    bench.decide("passing", 4_000, { reported });
    assert.deepEqual(Object.fromEntries(ages), { "state c": 14_000, "reported c": 14_000 });
    bench.configure([]);
    assert.deepEqual(Object.fromEntries(ages), { "state c": undefined, "reported c": undefined });
  });

  test("shows the same as this one would", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.decide("passing", 4_000);
    const { drained, declared } = bench.engine.publisher;
    const reports = new Map([["c", bench.report()]]);
    const stale: AgeOwner[] = [{ check: "c", of: "state" }];
    const there = staleStatuses({ reports, declared, drained }, stale, bench.clock.wallTime() + 4_000);
    await bench.clock.advance(4_000);
    const { state, reason, counted } = there.reports.get("c") ?? assert.fail();
    assert.deepEqual([[state, reason], counted], [bench.shown(), bench.report().counted]);
    assert.equal(there.services.get("c")?.status, bench.status());
  });
});

test("a change of staleAfter moves the end of a decision", async () => {
  const bench = new VotingBench();
  const prober = bench.rested();
  bench.decide("passing", 32_000);
  bench.configure([{ name: "c", source: { kind: "prober", prober }, options: { staleAfter: "12s" } }]);
  await bench.clock.advance(12_000);
  assert.deepEqual(bench.shown(), ["pending", "stale"]);
});

test("an operator's drain covers what was decided", () => {
  const bench = new VotingBench();
  bench.rested();
  bench.engine.publisher.setDrained("c", true);
  bench.decide("passing");
  assert.equal(bench.status(), "NOT_SERVING");
  bench.engine.publisher.setDrained("c", false);
  assert.equal(bench.status(), "SERVING");
});

test("a member that is alone shows what an engine without a fleet would", async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    let state = seed;
    const next = (below: number): number => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * below);
    };
    const [fleet, alone] = [new VotingBench(), new VotingBench()];
    fleet.decideAlone();
    const engine = new CheckEngine({ writer: alone.registry, clock: alone.clock, random: () => 0.5 });
    const settings = { interval: "4s", timeout: "1s", staleAfter: "14s", unhealthyThreshold: 1 + next(3) } as const;
    const both = [fleet.declaration("c", settings), alone.declaration("c", settings)] as const;
    fleet.configure([both[0]]);
    engine.add(both[1]);
    fleet.voting.probe("c");
    for (let step = 0; step < 60; step += 1) {
      const result = [PASSED, PASSED, FAILED, WARNED][next(4)] ?? PASSED;
      const isError = next(6) === 0;
      for (const bench of [fleet, alone]) {
        await bench.clock.advance(0);
        const { looks } = bench.probers.get("c") ?? assert.fail();
        if (isError) looks.at(-1)?.throw(new Error("EMFILE"));
        else looks.at(-1)?.answer(result);
        await settle();
      }
      const stepMs = 100 * next(60);
      for (const bench of [fleet, alone]) await bench.clock.advance(stepMs);
      const { since: _one, ...one } = fleet.report();
      const { since: _other, ...other } = alone.report();
      // the cause of a prober error is in the vote, and not in the end of a decision
      const isPending = other.state === "pending" && other.reason === "prober";
      assert.deepEqual(one, isPending ? { ...other, reason: "stale" } : other, `seed ${seed}, step ${step}`);
      assert.deepEqual(fleet.status(""), alone.status(""));
    }
  }
});
