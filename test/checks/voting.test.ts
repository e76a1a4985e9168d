/** The checks of a member of a fleet: who probes, and what is voted. What is shown is in `decisions.test`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunningCheck } from "../../src/checks/running-check.js";
import { subscribe } from "../../src/core/channels.js";
import type { Report } from "../../src/probers/heartbeat.js";
import { type ProbeResult, ProberError } from "../../src/probers/prober.js";
import { collectFaults } from "../support/faults.js";
import { settle } from "../support/virtual-clock.js";
import { FAILED, PASSED, WARNED } from "./scripted-prober.js";
import { VotingBench } from "./voting-fixture.js";

const REFUSED = ["failing", "refused"];

const workers = (states: Readonly<Record<string, boolean>>): ProbeResult => ({
  outcome: "pass",
  discovered: new Map(
    Object.entries(states).map(([name, isOnline]) => [name, { outcome: isOnline ? "pass" : "fail" } as const]),
  ),
});

describe("a check rests until it is probed here", () => {
  test("without a timer, a probe and a vote", async () => {
    const bench = new VotingBench();
    const prober = bench.rested();
    await bench.clock.advance(100_000);
    assert.deepEqual([prober.looks.length, bench.casts.length, bench.status()], [0, 0, "UNKNOWN"]);
    assert.equal(bench.voting.probedCount, 0);
    await bench.engine.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });

  test("a change of its settings starts nothing", async () => {
    const bench = new VotingBench();
    const prober = bench.rested();
    bench.configure([{ name: "c", source: { kind: "prober", prober }, options: { interval: "5s" } }]);
    await bench.clock.advance(100_000);
    assert.equal(prober.looks.length, 0);
    bench.voting.probe("c");
    bench.voting.rest("c");
    bench.configure([{ name: "c", source: { kind: "prober", prober }, options: { interval: "6s" } }]);
    await bench.clock.advance(100_000);
    assert.deepEqual([prober.looks.length, bench.casts.length], [0, 0]);
  });

  test("a call that names no check changes nothing", () => {
    const bench = new VotingBench();
    bench.rested();
    bench.voting.probe("other");
    bench.voting.rest("other");
    bench.decide("passing", 1_000, {}, "other");
    assert.deepEqual([bench.voting.probedCount, bench.registry.check("other")], [0, undefined]);
  });
});

describe("a vote is the state after the thresholds", () => {
  const rows: readonly (readonly [
    string,
    readonly ProbeResult[],
    readonly (readonly [string, string | undefined])[],
  ])[] = [
    ["a pass", [PASSED], [["passing", undefined]]],
    ["a warning", [WARNED], [["warning", "status"]]],
    ["the first failure", [FAILED], [["failing", "refused"]]],
    [
      "three failures in a row",
      [PASSED, FAILED, FAILED, FAILED],
      [...Array<readonly [string, undefined]>(3).fill(["passing", undefined]), ["failing", "refused"]],
    ],
    [
      "two passes in a row",
      [FAILED, PASSED, PASSED],
      [
        ["failing", "refused"],
        ["failing", "refused"],
        ["passing", undefined],
      ],
    ],
  ];
  for (const [title, results, votes] of rows)
    test(title, async () => {
      const bench = new VotingBench();
      bench.probed({ edgeInterval: "2s", interval: "2s" });
      await bench.results(results);
      assert.deepEqual(bench.votes, votes);
      assert.deepEqual(bench.shown(), ["pending", "pending"], "nothing is decided");
      await bench.engine.stop();
    });

  test("each result is cast with the time until which it counts, as the same object while nothing else changes", async () => {
    const bench = new VotingBench();
    bench.probed({}, PASSED);
    await bench.clock.advance(20_000);
    assert.deepEqual(
      bench.casts.map(({ at, validUntil }) => [at, validUntil]),
      [0, 10_000, 20_000].map((at) => [at, at + 32_000]),
    );
    assert.equal(new Set(bench.casts.map(({ vote }) => vote)).size, 1);
    assert.deepEqual(bench.lastCast.vote, {
      state: "passing",
      reason: undefined,
      ageMs: undefined,
      reported: undefined,
    });
  });

  test("it is another one when its state or its reason changes alone", async () => {
    const bench = new VotingBench();
    bench.probed({ unhealthyThreshold: 1, interval: "2s" });
    const slow = { reason: "slow" } as const;
    await bench.results([
      { outcome: "warn", ...slow },
      { outcome: "fail", ...slow },
      { outcome: "fail", reason: "timeout" },
    ]);
    assert.deepEqual(bench.votes, [
      ["warning", "slow"],
      ["failing", "slow"],
      ["failing", "timeout"],
    ]);
  });

  test("the detail of a failure is not in it", async () => {
    const bench = new VotingBench();
    bench.probed();
    await bench.answer(FAILED);
    assert.ok(!JSON.stringify(bench.lastCast.vote).includes("secret.internal"));
  });

  test("probes are told to the log and the metrics as ever", async () => {
    const bench = new VotingBench("voting-probe-test");
    const seen: string[] = [];
    const unsubscribe = subscribe("probe", ({ instance, check, outcome }) => {
      if (instance === "voting-probe-test") seen.push(`${check} ${outcome}`);
    });
    bench.probed();
    await bench.answer(FAILED);
    unsubscribe();
    assert.deepEqual(seen, ["c fail"]);
  });
});

describe("a member abstains while it cannot look", () => {
  test("its prober fails, until the next result", async () => {
    const bench = new VotingBench();
    const prober = bench.probed({ interval: "2s" });
    await bench.results([PASSED]);
    prober.last.throw(new ProberError("descriptors", "none is free"));
    await settle();
    assert.deepEqual(bench.votes.at(-1), ["abstaining", "descriptors"]);
    assert.equal(bench.lastCast.validUntil, bench.clock.now());
    await bench.clock.advance(2_000);
    await bench.answer(PASSED);
    assert.deepEqual(bench.votes.at(-1), ["passing", undefined]);
  });

  test("its last result is stale", async () => {
    const bench = new VotingBench();
    const prober = bench.probed({ interval: "10s", timeout: "9s", staleAfter: "15s" });
    await bench.answer(PASSED);
    await bench.clock.advance(10_000);
    prober.last.throw(new Error("EMFILE"));
    await bench.clock.advance(4_999);
    assert.deepEqual(bench.votes.at(-1), ["abstaining", "prober"]);
    await bench.clock.advance(1);
    assert.deepEqual(bench.votes.slice(-2), [
      ["abstaining", "prober"],
      ["abstaining", "prober"],
    ]);
    assert.equal(bench.lastCast.at, 15_000);
  });

  test("the isolation rule holds its state; when the hold ends, it fails", async () => {
    const bench = new VotingBench();
    const selfCheck = bench.prober("self");
    const names = ["a", "b", "c", "d"];
    const checks = names.map((name) => bench.declaration(name, { unhealthyThreshold: 1, interval: "10s" }));
    bench.configure(checks, [], { selfCheck: { kind: "prober", prober: selfCheck }, maxHold: "30s" });
    for (const name of names) bench.voting.probe(name);
    await bench.clock.advance(0);
    assert.equal(selfCheck.looks.length, 1, "the self-check runs, although all checks rest");
    for (const name of names) bench.probers.get(name)?.last.answer(PASSED);
    selfCheck.last.answer(PASSED);
    await bench.clock.advance(10_000);
    for (const name of names) bench.probers.get(name)?.last.answer(FAILED);
    await bench.clock.advance(300);
    selfCheck.last.answer(FAILED);
    await settle();
    const last = new Map(bench.casts.map(({ check, vote }) => [check, vote]));
    assert.deepEqual(
      [...last.values()].map(({ state, reason }) => `${state} ${reason}`),
      Array(4).fill("abstaining prober-isolated"),
    );
    await bench.clock.advance(31_000);
    assert.deepEqual(new Map(bench.casts.map(({ check, vote }) => [check, vote.state])).get("c"), "failing");
    await bench.engine.stop();
  });

  test("isolation counts the checks that are probed here: of fewer than four, none is held", async () => {
    const bench = new VotingBench();
    const selfCheck = bench.prober("self", FAILED);
    const names = ["a", "b", "c", "d"];
    const checks = names.map((name) => bench.declaration(name, { unhealthyThreshold: 1, interval: "10s" }));
    bench.configure(checks, [], { selfCheck: { kind: "prober", prober: selfCheck } });
    for (const name of names) bench.voting.probe(name);
    bench.voting.rest("d");
    assert.equal(bench.voting.probedCount, 3);
    for (const result of [PASSED, FAILED]) {
      await bench.clock.advance(0);
      for (const name of ["a", "b", "c"]) bench.probers.get(name)?.last.answer(result);
      await bench.clock.advance(10_000);
    }
    assert.deepEqual(new Map(bench.casts.map(({ check, vote }) => [check, vote.state])).get("a"), "failing");
  });
});

describe("a check that was probed elsewhere starts from the state that was agreed", () => {
  const ONE_FAILURE: readonly (readonly [string, string | undefined, string])[] = [
    ["passing", undefined, "passing"],
    ["warning", "slow", "warning"],
    ["failing", "timeout", "failing"],
  ];
  for (const [state, reason, vote] of ONE_FAILURE)
    test(`${state}: one lost packet is not an outage`, async () => {
      const bench = new VotingBench();
      bench.rested();
      bench.voting.probe("c", bench.agreed(state as "passing", 20_000, { reason }));
      assert.equal(bench.casts.length, 0, "it votes after its first result");
      await bench.answer(FAILED);
      assert.equal(bench.lastCast.vote.state, vote);
    });

  test("its thresholds count from zero", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.voting.probe("c", bench.agreed("passing", 20_000));
    await bench.results([FAILED, FAILED, FAILED]);
    assert.deepEqual(
      bench.votes.map(([state]) => state),
      ["passing", "passing", "failing"],
    );
    const failing = new VotingBench();
    failing.rested();
    failing.voting.probe("c", failing.agreed("failing", 20_000, { reason: "refused" }));
    await failing.results([PASSED, PASSED]);
    assert.deepEqual(failing.votes, [REFUSED, ["passing", undefined]]);
  });

  test("a failure that decides nothing does not prolong it; a pass does", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.voting.probe("c", bench.agreed("passing", 20_000));
    await bench.results([FAILED]);
    assert.equal(bench.lastCast.validUntil, 20_000);
    await bench.results([PASSED], 10_000);
    assert.equal(bench.lastCast.validUntil, 2_000 + 32_000);
    await bench.answer(FAILED);
    assert.equal(bench.lastCast.validUntil, 12_000 + 32_000, "it has a result of its own now");
  });

  test("the failure that decides counts for as long as any other", async () => {
    const bench = new VotingBench();
    bench.rested({ unhealthyThreshold: 2 });
    bench.voting.probe("c", bench.agreed("passing", 20_000));
    await bench.results([FAILED, FAILED]);
    assert.deepEqual([bench.lastCast.vote.state, bench.lastCast.validUntil], ["failing", 34_000]);
  });

  test("without a result, it ends when the agreement does", async () => {
    const bench = new VotingBench();
    bench.rested({ interval: "1m", timeout: "50s" });
    bench.voting.probe("c", bench.agreed("passing", 20_000));
    await bench.clock.advance(19_999);
    assert.equal(bench.casts.length, 0);
    await bench.clock.advance(1);
    assert.deepEqual(bench.votes, [["abstaining", "stale"]]);
    await bench.answer(FAILED);
    assert.deepEqual(bench.votes.at(-1), REFUSED, "the first result decides");
  });

  test("other members' dissent is not inherited: a warning `partial` starts as passing", async () => {
    const bench = new VotingBench();
    bench.rested();
    bench.voting.probe("c", bench.agreed("warning", 20_000, { reason: "partial" }));
    await bench.answer(FAILED);
    assert.deepEqual(bench.votes, [["passing", undefined]]);
  });

  for (const [title, forMs] of [
    ["one that has run out", 0],
    ["one that ran out long ago", -5_000],
  ] as const)
    test(`${title} is not inherited, and its first result decides`, async () => {
      const bench = new VotingBench();
      bench.rested();
      await bench.clock.advance(60_000);
      bench.voting.probe("c", bench.agreed("passing", forMs));
      await bench.answer(FAILED);
      assert.deepEqual(bench.votes, [REFUSED]);
    });
});

describe("first probes are spread", () => {
  const startsOf = (bench: VotingBench): readonly number[] =>
    [...bench.probers.values()].map(({ startedAt }) => startedAt[0] ?? Number.NaN).sort((one, other) => one - other);

  async function startMany(count: number, from: (bench: VotingBench) => ReturnType<VotingBench["agreed"]> | undefined) {
    const bench = new VotingBench();
    const names = Array.from({ length: count }, (_, index) => `c${index}`);
    bench.configure(names.map((name) => bench.declaration(name, { initialDelay: "3s" }, PASSED)));
    for (const name of names) bench.voting.probe(name, from(bench));
    await bench.clock.advance(15_000);
    await bench.engine.stop();
    return startsOf(bench);
  }

  test("those of new checks over their interval, after the initial delay", async () => {
    const starts = await startMany(100, () => undefined);
    assert.ok(
      (starts[0] ?? 0) >= 3_000 && (starts.at(-1) ?? 0) > 12_000 && (starts.at(-1) ?? 0) < 13_000,
      starts.join(),
    );
  });

  test("those of a takeover over their edge interval, without the initial delay [F1]", async () => {
    const starts = await startMany(100, (bench) => bench.agreed("passing", 20_000));
    assert.ok(starts[0] === 0 && (starts.at(-1) ?? 0) > 1_900 && (starts.at(-1) ?? 0) < 2_000, starts.join());
  });

  test("and before half of the time that the agreed state has left", async () => {
    const starts = await startMany(100, (bench) => bench.agreed("passing", 1_000));
    assert.ok((starts.at(-1) ?? 0) < 500 && (starts.at(-1) ?? 0) > 450, starts.join());
  });

  test("those of states that have run out too", async () => {
    const starts = await startMany(100, (bench) => bench.agreed("passing", -1));
    assert.ok((starts.at(-1) ?? 0) > 1_900 && (starts.at(-1) ?? 0) < 2_000, starts.join());
  });

  test("a check without a decision is a new one", async () => {
    const starts = await startMany(1, (bench) => bench.agreed("pending"));
    assert.deepEqual(starts, [3_000]);
  });
});

describe("a check that is probed here no more", () => {
  test("has no timer, no probe, no slot and no connection, and its result is ignored", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    await bench.answer(PASSED);
    await bench.clock.advance(10_000);
    assert.equal(prober.running, 1);
    bench.voting.rest("c");
    assert.deepEqual([prober.last.signal.aborted, prober.closed, bench.voting.probedCount], [true, true, 0]);
    prober.last.answer(FAILED);
    await bench.clock.advance(60_000);
    assert.deepEqual([prober.looks.length, bench.casts.length], [2, 1]);
    await bench.engine.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });

  test("frees its slot at once", async () => {
    const bench = new VotingBench();
    const names = Array.from({ length: 257 }, (_, index) => `c${index}`);
    bench.configure(names.map((name) => bench.declaration(name)));
    for (const name of names) bench.voting.probe(name, bench.agreed("passing", 100));
    await bench.clock.advance(60);
    const waiting = [...bench.probers].filter(([, { looks }]) => looks.length === 0).map(([name]) => name);
    assert.equal(waiting.length, 1);
    bench.voting.rest(names.find((name) => !waiting.includes(name)) ?? "");
    await bench.clock.advance(1);
    assert.equal(bench.probers.get(waiting[0] ?? "")?.looks.length, 1);
  });

  test("does not take a slot that it was waiting for", async () => {
    const bench = new VotingBench();
    const names = Array.from({ length: 257 }, (_, index) => `c${index}`);
    bench.configure(names.map((name) => bench.declaration(name)));
    for (const name of names) bench.voting.probe(name, bench.agreed("passing", 100));
    await bench.clock.advance(60);
    const isWaiting = (name: string) => bench.probers.get(name)?.looks.length === 0;
    const [waiting = ""] = names.filter(isWaiting);
    bench.voting.rest(waiting);
    for (const name of names) if (!isWaiting(name)) bench.probers.get(name)?.last.answer(PASSED);
    await bench.clock.advance(1_000);
    assert.equal(isWaiting(waiting), true);
    bench.voting.probe(waiting);
    await bench.clock.advance(1_000);
    assert.equal(bench.probers.get(waiting)?.looks.length, 1, "and can be probed again");
  });

  test("is not probed for the first time", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    bench.voting.rest("c");
    await bench.clock.advance(60_000);
    assert.equal(prober.looks.length, 0);
  });

  test("can be probed again, from another state, and remembers nothing", async () => {
    const bench = new VotingBench();
    const prober = bench.probed({ interval: "2s" });
    await bench.results([PASSED, FAILED, FAILED]);
    bench.voting.rest("c");
    await bench.clock.advance(5_000);
    bench.voting.probe("c", bench.agreed("failing", 20_000, { reason: "timeout" }));
    const count = prober.looks.length;
    await bench.answer(PASSED);
    assert.equal(prober.looks.length, count + 1);
    assert.deepEqual(bench.votes.at(-1), ["failing", "timeout"]);
    assert.equal(bench.voting.probedCount, 1);
  });

  test("has no result of a probe that never ends, and is probed beside it", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    await bench.clock.advance(0);
    const hanging = prober.last;
    bench.voting.rest("c");
    bench.voting.probe("c");
    await bench.answer(PASSED);
    hanging.answer(FAILED);
    await settle();
    assert.deepEqual(bench.votes, [["passing", undefined]]);
  });

  test("is held no more by the isolation rule", async () => {
    const bench = new VotingBench("voting-held-test");
    const held: number[] = [];
    const unsubscribe = subscribe("isolation", (message) => {
      if (message.instance === "voting-held-test") held.push(message.held);
    });
    const selfCheck = bench.prober("self", FAILED);
    const names = ["a", "b", "c", "d"];
    const checks = names.map((name) => bench.declaration(name, { unhealthyThreshold: 1 }));
    bench.configure(checks, [], { selfCheck: { kind: "prober", prober: selfCheck } });
    for (const name of names) bench.voting.probe(name);
    for (const result of [PASSED, FAILED]) {
      await bench.clock.advance(0);
      for (const name of names) bench.probers.get(name)?.last.answer(result);
      await bench.clock.advance(10_000);
    }
    assert.ok((held.at(-1) ?? 0) > 0);
    for (const name of names) bench.voting.rest(name);
    unsubscribe();
    assert.equal(held.at(-1), 0);
    const count = bench.casts.length;
    await bench.clock.advance(120_000);
    assert.equal(bench.casts.length, count, "no hold ends later");
  });

  test("twice the same call is one", async () => {
    const bench = new VotingBench();
    const prober = bench.rested();
    bench.voting.probe("c");
    bench.voting.probe("c", bench.agreed("failing"));
    await bench.answer(PASSED);
    assert.deepEqual([prober.looks.length, bench.voting.probedCount, bench.votes], [1, 1, [["passing", undefined]]]);
    bench.voting.rest("c");
    bench.voting.rest("c");
    assert.equal(bench.voting.probedCount, 0);
  });
});

describe("a heartbeat", () => {
  test("takes reports without being asked to, and never rests", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb")]);
    bench.voting.rest("hb");
    assert.equal(bench.engine.report("hb", "Bearer t", "pass"), true);
    assert.deepEqual(bench.votes, [["passing", undefined]]);
    assert.equal(bench.voting.probedCount, 1);
    bench.voting.probe("hb", bench.agreed("failing"));
    await bench.clock.advance(9_999);
    assert.deepEqual(bench.votes, [["passing", undefined], ["passing", undefined]]); // biome-ignore format: one line
  });

  test("votes with the age of its report; each report is another vote, and a miss has no age", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb", { unhealthyThreshold: 2 })]);
    bench.engine.report("hb", "Bearer t", "pass");
    bench.engine.report("hb", "Bearer t", "pass");
    assert.notEqual(bench.casts[0]?.vote, bench.casts[1]?.vote);
    await bench.clock.advance(20_000);
    assert.deepEqual(
      bench.casts.map(({ vote: { state, reason, ageMs } }) => [state, reason, ageMs]),
      [
        ["passing", undefined, 0],
        ["passing", undefined, 0],
        ["passing", undefined, 10_000],
        ["failing", "missed", undefined],
      ],
    );
    bench.engine.report("hb", "Bearer t", "fail");
    assert.deepEqual(bench.lastCast.vote, { state: "failing", reason: "reported", ageMs: 0, reported: undefined });
    await bench.engine.stop();
  });

  test("votes with the age of a report that was stored before a restart", async () => {
    const bench = new VotingBench();
    const stored = { report: "pass", at: bench.clock.wallTime() - 4_000 } as const;
    bench.engine.keepReports({ read: () => stored, write: () => {}, remove: () => {} });
    bench.configure([bench.heartbeat("hb")]);
    assert.equal(bench.lastCast.vote.ageMs, 4_000);
  });

  /** What is voted on reports, each after a time without one. */
  const turns = async (reports: readonly Report[]) => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb")]);
    for (const report of reports) {
      bench.engine.report("hb", "Bearer t", report);
      await bench.clock.advance(13_000);
    }
    await bench.engine.stop();
    return bench.votes;
  };

  test("that is missed here between reports, as others come to other members, is not flapping [F24]", async () => {
    const votes = await turns(new Array<Report>(12).fill("pass"));
    const [passing, missed] = [
      ["passing", undefined],
      ["failing", "missed"],
    ] as const;
    assert.deepEqual(votes, new Array(12).fill([passing, missed]).flat());
  });

  test("whose reports alternate is flapping, with and without misses between them", async () => {
    const alternating = new Array<readonly Report[]>(5).fill(["pass", "fail"]).flat();
    assert.ok((await turns(alternating)).some(([, reason]) => reason === "flapping"));
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb")]);
    for (const report of alternating) bench.engine.report("hb", "Bearer t", report);
    bench.engine.report("hb", "Bearer t", "pass");
    assert.deepEqual(bench.votes.at(-1), ["failing", "flapping"]);
    await bench.engine.stop();
  });

  test("that was missed counts its next report at once, and is missed for as long as there is none", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb", { unhealthyThreshold: 3, healthyThreshold: 2 })]);
    bench.engine.report("hb", "Bearer t", "pass");
    await bench.clock.advance(50_000);
    bench.engine.report("hb", "Bearer t", "pass");
    const [passing, missed] = ["passing", "failing"];
    assert.deepEqual(
      bench.votes.map(([state]) => state),
      [passing, passing, passing, missed, missed, missed, passing],
    );
    await bench.engine.stop();
  });

  test("that has never reported votes when its time is over", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb")]);
    await bench.clock.advance(9_999);
    assert.equal(bench.casts.length, 0);
    await bench.clock.advance(1);
    assert.deepEqual(bench.lastCast.vote, {
      state: "failing",
      reason: "missed",
      ageMs: undefined,
      reported: undefined,
    });
  });
});

describe("the services that a target reports", () => {
  test("are in the vote, with their own thresholds, and are not published", async () => {
    const bench = new VotingBench();
    bench.probed({ interval: "2s" });
    await bench.results([workers({ "w/a": true, "w/b": false }), workers({ "w/b": false })]);
    assert.deepEqual(bench.lastCast.vote.reported, [
      { name: "w/a", status: "SERVING", reason: undefined },
      { name: "w/b", status: "NOT_SERVING", reason: undefined },
    ]);
    assert.equal(bench.lastCast.vote, bench.casts.at(-2)?.vote, "the same object while nothing changes");
    await bench.results([workers({}), workers({})]);
    assert.equal(bench.lastCast.vote.reported?.[0]?.status, "NOT_SERVING", "absent from three answers");
    assert.equal(bench.status("w/a"), undefined);
  });

  test("two targets may report the same one: each votes for itself", async () => {
    const bench = new VotingBench();
    bench.probed({}, workers({ "w/a": true }), "one");
    bench.probed({}, workers({ "w/a": false }), "other");
    await bench.clock.advance(0);
    const reported = bench.casts.map(({ check, vote }) => [check, vote.reported?.[0]?.status]);
    assert.deepEqual(reported, [
      ["one", "SERVING"],
      ["other", "NOT_SERVING"],
    ]);
  });

  test("start from those that were agreed: one that is absent from the first answer is not forgotten", async () => {
    const bench = new VotingBench();
    bench.rested();
    const reported = [{ name: "w/a", status: "SERVING", reason: undefined }] as const;
    bench.voting.probe("c", bench.agreed("passing", 20_000, { reported }));
    await bench.answer(workers({ "w/b": true }));
    assert.deepEqual(
      bench.lastCast.vote.reported?.map(({ name, status }) => [name, status]),
      [
        ["w/a", "SERVING"],
        ["w/b", "SERVING"],
      ],
    );
  });

  test("are unknown in the vote without an answer for staleAfter", async () => {
    const bench = new VotingBench();
    bench.probed({ interval: "10s", staleAfter: "15s" });
    await bench.results([workers({ "w/a": true })], 10_000);
    await bench.answer(PASSED);
    await bench.clock.advance(5_000);
    assert.deepEqual(bench.lastCast.vote.reported, [{ name: "w/a", status: "UNKNOWN", reason: "stale" }]);
    assert.equal(bench.lastCast.vote.state, "passing");
    await bench.engine.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });
});

describe("the fleet learns of each change of the checks", () => {
  test("in the step in which it takes effect: all names, and the settings of each", () => {
    const bench = new VotingBench();
    const [a, b] = [bench.declaration("a"), bench.declaration("b")];
    bench.configure([a, b]);
    bench.onDefined = (checks) => {
      assert.deepEqual(
        checks.map(({ settings }) => settings.intervalMs),
        [5_000, 10_000],
      );
      assert.notEqual(bench.registry.check("c"), undefined, "the new check is there");
      assert.equal(bench.registry.check("a") === undefined || bench.engine.running("a") === undefined, true);
    };
    bench.configure([{ ...b, options: { interval: "5s", jitter: 0 } }, bench.declaration("c")]);
    bench.onDefined = () => {};
    bench.engine.remove("b");
    bench.engine.add(bench.declaration("d"));
    assert.deepEqual(bench.defined, [["a", "b"], ["b", "c"], ["c"], ["c", "d"]]);
  });

  test("a check that has not changed has the same declaration", () => {
    const bench = new VotingBench();
    const seen: unknown[][] = [];
    bench.onDefined = (checks) => seen.push(checks.map(({ declaration }) => declaration));
    const [a, b] = [bench.declaration("a"), bench.declaration("b")];
    bench.configure([a, b]);
    bench.configure([{ ...a }, { ...b, options: { interval: "5s" } }]);
    assert.equal(seen[0]?.[0], seen[1]?.[0]);
    assert.notEqual(seen[0]?.[1], seen[1]?.[1]);
  });

  test("it may have a new check probed from within", async () => {
    const bench = new VotingBench();
    bench.onDefined = (checks) => {
      for (const { declaration } of checks) bench.voting.probe(declaration.name);
    };
    bench.configure([bench.declaration("a", {}, PASSED), bench.heartbeat("hb")]);
    await bench.clock.advance(0);
    assert.deepEqual([bench.probers.get("a")?.looks.length, bench.voting.probedCount], [1, 2]);
  });

  test("in turns too, before another turn", async () => {
    const bench = new VotingBench();
    const config = { checks: [bench.declaration("a"), bench.heartbeat("hb")], services: [], isolation: undefined };
    const change = bench.engine.configureInTurns({ ...config, allowLinkLocal: false });
    await bench.clock.advance(1_000);
    await change;
    assert.deepEqual(bench.defined, [["a", "hb"]]);
    bench.voting.probe("a");
    await bench.answer(PASSED, "a");
    assert.equal(bench.casts.length, 1);
  });

  test("a check that is removed ends: no vote, no decision, no timer", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    await bench.answer(PASSED);
    bench.decide("passing");
    bench.engine.remove("c");
    bench.decide("failing");
    bench.voting.probe("c");
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.casts.length, prober.looks.length, prober.closed], [1, 1, true]);
    assert.deepEqual([bench.registry.check("c"), bench.voting.probedCount], [undefined, 0]);
    assert.equal(bench.clock.pendingTimers, 0);
  });

  test("a check with another target rests, and its old probe says nothing", async () => {
    const bench = new VotingBench();
    const before = bench.probed();
    await bench.clock.advance(0);
    bench.configure([bench.declaration("c")]);
    before.last.answer(FAILED);
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.casts.length, bench.probers.get("c")?.looks.length, bench.voting.probedCount], [0, 0, 0]);
  });

  test("a check with another target starts from nothing: what was decided is about the old one", async () => {
    const bench = new VotingBench();
    bench.decideAlone();
    bench.probed();
    await bench.answer(PASSED);
    bench.configure([bench.declaration("c")]);
    const from = { state: "passing", reason: undefined, validUntil: bench.clock.now() + 30_000 } as const;
    bench.voting.probe("c", from);
    await bench.clock.advance(0);
    bench.probers.get("c")?.last.answer(FAILED);
    await settle();
    assert.deepEqual(bench.lastCast.vote.state, "failing");
  });

  test("a check with other settings goes on with its counts", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    await bench.results([PASSED], 10_000);
    await bench.results([FAILED]);
    const source = { kind: "prober", prober } as const;
    bench.configure([{ name: "c", source, options: { jitter: 0, unhealthyThreshold: 2 } }]);
    await bench.results([FAILED]);
    assert.deepEqual(bench.votes.at(-1), REFUSED);
  });
});

test("an abstention and a heartbeat have no age: a beat vouches for the other votes", async () => {
  const bench = new VotingBench();
  bench.configure([bench.heartbeat("hb", {}, "60s")]);
  bench.engine.report("hb", "Bearer t", "pass");
  const prober = bench.probed({ interval: "10s" });
  await bench.answer(PASSED);
  await bench.clock.advance(10_000);
  assert.ok(bench.voting.stalest() > 0.3);
  prober.last.throw(new ProberError("descriptors", "none is free"));
  await settle();
  assert.equal(bench.lastCast.vote.state, "abstaining");
  await bench.clock.advance(5_000);
  assert.equal(bench.voting.stalest(), 0);
  await bench.engine.stop();
});

describe("a check that is probed already, and is to be probed, votes again", () => {
  test("with the same vote, for the same time, and goes on", async () => {
    const bench = new VotingBench();
    const prober = bench.probed();
    bench.voting.probe("c");
    assert.equal(bench.casts.length, 0, "there is no vote yet");
    await bench.answer(PASSED);
    await bench.clock.advance(1_000);
    const { vote, validUntil } = bench.lastCast;
    bench.voting.probe("c");
    assert.deepEqual([bench.casts.length, bench.lastCast.vote, bench.lastCast.validUntil], [2, vote, validUntil]);
    assert.deepEqual([prober.looks.length, bench.voting.probedCount], [1, 1]);
  });

  test("with the report of a heartbeat, which is as old as it is", async () => {
    const bench = new VotingBench();
    bench.configure([bench.heartbeat("hb", {}, "60s")]);
    bench.engine.report("hb", "Bearer t", "pass");
    await bench.clock.advance(7_000);
    bench.voting.probe("hb");
    assert.deepEqual([bench.casts.length, bench.lastCast.vote.state, bench.lastCast.vote.ageMs], [2, "passing", 7_000]);
  });
});

test("a check that is removed while it rests is not one that was probed", () => {
  const bench = new VotingBench();
  bench.rested({}, undefined, "a");
  bench.probed({}, undefined, "b");
  bench.engine.remove("a");
  assert.equal(bench.voting.probedCount, 1);
  bench.engine.remove("b");
  assert.equal(bench.voting.probedCount, 0);
});

test("the age of the oldest result is a share of its staleAfter, of the votes that do not abstain", async () => {
  const bench = new VotingBench();
  const shares: number[] = [];
  const note = () => shares.push(Math.round(bench.voting.stalest() * 1_000) / 1_000);
  note();
  const slow = bench.probed({ interval: "20s", staleAfter: "40s", timeout: "10s" }, undefined, "slow");
  bench.probed({ interval: "1s", staleAfter: "40s" }, PASSED, "fast");
  bench.configure([...bench.declarations, bench.heartbeat("hb")]);
  bench.engine.report("hb", "Bearer t", "pass");
  await bench.answer(PASSED, "slow");
  note();
  await bench.clock.advance(10_000);
  note();
  await bench.clock.advance(10_000);
  slow.last.throw(new Error("EMFILE"));
  await settle();
  note();
  bench.voting.rest("slow");
  note();
  assert.deepEqual(shares, [0, 0, 0.25, 0, 0]);
  bench.rested({ interval: "1s", staleAfter: "40s" }, undefined, "taken");
  bench.voting.probe("taken", bench.agreed("passing", 10_000));
  await bench.clock.advance(400);
  assert.equal(bench.voting.stalest() < 0.1, true, "what was decided elsewhere is no vote of this member");
  await bench.answer(FAILED, "taken");
  assert.equal(bench.voting.stalest(), 1 - 9.6 / 40, "a vote that follows from a result of others is as old as that");
});

test("probes start when they are due, unless the scheduler stands still; checks that rest do not count", async () => {
  const bench = new VotingBench();
  assert.equal(bench.voting.isScheduling(), true);
  bench.rested({ interval: "10m", timeout: "5m" }, undefined, "resting");
  bench.probed({}, undefined, "c");
  await bench.answer(PASSED);
  assert.equal(bench.voting.isScheduling(), true);
  bench.clock.stall(25_999);
  assert.equal(bench.voting.isScheduling(), true, "due for three timeouts and 10 s");
  bench.clock.stall(2);
  assert.equal(bench.voting.isScheduling(), false);
  bench.voting.rest("c");
  assert.equal(bench.voting.isScheduling(), true);
});

test("a fault of the fleet is told, and ends no probe", async (t) => {
  const bench = new VotingBench("voting-fault-test");
  const faults = collectFaults(t, "voting-fault-test");
  bench.onCast = () => {
    throw new Error("a vote");
  };
  bench.onDefined = () => {
    throw new Error("a definition");
  };
  bench.configure([]);
  const prober = bench.probed({}, PASSED);
  await bench.clock.advance(20_000);
  assert.equal(prober.looks.length, 3);
  assert.deepEqual(
    faults.map(({ where }) => where),
    Array(5).fill("the fleet"),
    "two changes of the checks, three votes",
  );
  await bench.engine.stop();
});

test("when the engine stops, nothing is voted any more", async () => {
  const bench = new VotingBench();
  const prober = bench.probed({}, workers({ "w/a": true }));
  await bench.clock.advance(0);
  bench.decide("passing", 600_000);
  const count = bench.casts.length;
  const stopped = bench.engine.stop();
  bench.voting.probe("c");
  await bench.clock.advance(60_000);
  await stopped;
  assert.deepEqual([prober.closed, bench.casts.length, bench.clock.pendingTimers], [true, count, 0]);
});

test("a check of the engine shows its own runner after it was probed again", async () => {
  const bench = new VotingBench();
  bench.probed();
  bench.voting.rest("c");
  bench.voting.probe("c");
  await bench.clock.advance(0);
  const running: RunningCheck = bench.engine.running("c") ?? assert.fail();
  assert.equal(running.runner.lastProbeAt, 0);
});
