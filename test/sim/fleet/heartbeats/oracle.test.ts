/** The oracle of heartbeats finds what it must find, and no more: each case is planted in a history without a fleet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckState } from "../../../../src/registry/ports.js";
import { Facts, MemberFacts } from "../facts.js";
import { Hearing } from "../hearing.js";
import { HeartbeatFacts, type Report } from "./facts.js";
import { HeartbeatOracle } from "./oracle.js";

const TTL_MS = 60_000;

/** Three members that hear each other, and a heartbeat that all serve as unknown. */
class History {
  readonly facts = new Facts([]);
  readonly heartbeat = new HeartbeatFacts({ name: "nightly", ttlMs: TTL_MS });
  readonly oracle: HeartbeatOracle;
  readonly a = this.join("a");
  readonly b = this.join("b");
  readonly c = this.join("c");
  readonly #served = new Map<MemberFacts, CheckState>();

  constructor() {
    this.oracle = new HeartbeatOracle(this.facts, new Hearing(this.facts), [this.heartbeat], {
      state: (member) => this.#served.get(member) ?? "pending",
    });
    this.pass(20);
  }

  join(name: string, format: 1 | 2 = 1): MemberFacts {
    const options = { name, run: `run-${name}`, variant: 0, format, probesAll: true, hears: true } as const;
    const member = new MemberFacts({ ...options, now: this.facts.now });
    this.facts.join(member);
    this.heartbeat.hold(member, this.heartbeat.ttlMs, this.facts.now);
    return member;
  }

  /** A report that all serve at once. */
  report(member: MemberFacts, report: Report): void {
    this.heartbeat.report(member, report, this.facts.now);
    this.serveAll(report === "pass" ? "passing" : "failing");
  }

  serve(member: MemberFacts, state: CheckState): void {
    this.#served.set(member, state);
    this.oracle.onStatus(member, this.heartbeat);
  }

  serveAll(state: CheckState): void {
    for (const member of this.facts.members) this.#served.set(member, state);
  }

  pass(seconds: number): void {
    for (let step = 0; step < 2 * seconds; step += 1) {
      this.facts.now += 500;
      this.oracle.sweep();
    }
  }

  get found(): readonly string[] {
    return this.oracle.faults.map((fault) => / s: ([a-zA-Z ]+) of a heartbeat/.exec(fault)?.[1] ?? fault);
  }
}

test("a heartbeat that is told as it is has no faults: passing, failing, missed, and when its member has died", () => {
  const history = new History();
  history.report(history.a, "pass");
  history.pass(40);
  history.report(history.b, "fail");
  history.pass(30);
  history.report(history.c, "pass");
  history.pass(60);
  history.serveAll("failing");
  history.pass(30);
  history.report(history.a, "pass");
  history.pass(10);
  history.facts.end(history.a, "is killed");
  history.pass(52);
  history.serveAll("failing");
  history.pass(60);
  assert.deepEqual(history.oracle.faults, []);
});

for (const [title, at] of [
  ["at the member that has a report", "a"],
  ["at another one", "b"],
] as const)
  test(`a false miss is found ${title}`, () => {
    const history = new History();
    history.report(history.a, "pass");
    history.pass(30);
    history.serve(history[at], "failing");
    history.pass(1);
    assert.deepEqual(history.found, ["false down"]);
  });

test("a miss is none before the ttl is over, by the ttl of the member that has the report", () => {
  for (const [ttlMs, isFound] of [
    [TTL_MS, true],
    [TTL_MS / 2, false],
  ] as const) {
    const history = new History();
    history.heartbeat.hold(history.a, ttlMs, history.facts.now);
    history.report(history.a, "pass");
    history.pass(35);
    history.serve(history.b, "failing");
    history.pass(1);
    assert.equal(history.found.includes("false down"), isFound);
  }
});

for (const [title, receiver, seconds, isFound] of [
  ["within the ttl", "a", 59, false],
  ["after it", "a", 65, true],
] as const)
  test(`a good state ${title} is ${isFound ? "found" : "right"}`, () => {
    const history = new History();
    history.report(history[receiver], "pass");
    history.pass(seconds);
    assert.equal(history.found.includes("false OK"), isFound);
  });

test("a report of a member that has died counts for a tenth longer, and no more", () => {
  const history = new History();
  history.report(history.a, "pass");
  history.pass(10);
  history.facts.end(history.a, "is killed");
  history.pass(60);
  assert.equal(history.found.includes("false OK"), false);
  history.pass(3);
  assert.equal(history.found.includes("false OK"), true);
});

test("a good state that no report allows is found, and one after a failure that is known", () => {
  const none = new History();
  none.serve(none.b, "passing");
  assert.deepEqual(none.found, ["false OK"]);

  const failed = new History();
  failed.report(failed.a, "pass");
  failed.pass(10);
  failed.report(failed.b, "fail");
  failed.pass(1);
  failed.serve(failed.c, "passing");
  failed.pass(3.5);
  assert.equal(failed.found.includes("false OK"), false, "c may not know it yet");
  failed.pass(2);
  assert.equal(failed.found.includes("false OK"), true);
});

test("an older failure is no reason after a pass that is known", () => {
  const history = new History();
  history.report(history.a, "fail");
  history.pass(10);
  history.report(history.b, "pass");
  history.pass(10);
  history.serve(history.c, "failing");
  history.pass(1);
  assert.deepEqual(history.found, ["false down"]);
});

test("of reports of members that were apart, either may be told", () => {
  for (const state of ["passing", "failing"] as const) {
    const history = new History();
    history.facts.cut(history.a, true);
    history.pass(20);
    history.heartbeat.report(history.b, "fail", history.facts.now);
    for (const member of [history.b, history.c]) history.serve(member, "failing");
    history.heartbeat.report(history.a, "pass", history.facts.now);
    history.serve(history.a, "passing");
    history.pass(1);
    history.facts.cut(history.a, false);
    history.pass(3);
    history.serveAll(state);
    history.pass(10);
    assert.deepEqual(history.found, []);
  }
});

for (const [title, diesS, isFound] of [
  ["a report that is lost with its member is found when the others have heard of it", 10, true],
  ["one that they have not heard of may be lost", 1, false],
] as const)
  test(title, () => {
    const history = new History();
    history.report(history.a, "pass");
    history.pass(diesS);
    history.facts.end(history.a, "is killed");
    history.pass(20);
    history.serveAll("failing");
    history.pass(1);
    assert.equal(history.found.includes("false down"), isFound);
  });

test("a report that is unknown again is found, at its own member at once and at others when they must have it", () => {
  const history = new History();
  history.report(history.a, "pass");
  history.serve(history.b, "pending");
  history.pass(4);
  assert.equal(history.found.includes("false unknown"), false);
  history.pass(2);
  assert.equal(history.found.includes("false unknown"), true);

  const own = new History();
  own.report(own.a, "pass");
  own.serve(own.a, "pending");
  assert.deepEqual(own.found, ["false unknown"]);
});

for (const [title, isBack, seconds, isFound] of [
  ["a member that hears the others again may hold what it serves", true, 2, false],
  ["it may not when it has caught up", true, 5, true],
  ["one that hears nothing for long may not", false, 1, true],
] as const)
  test(title, () => {
    const history = new History();
    history.facts.cut(history.a, true);
    history.pass(20);
    if (isBack) history.facts.cut(history.a, false);
    history.heartbeat.report(history.a, "pass", history.facts.now);
    history.serve(history.a, "failing");
    for (const member of [history.b, history.c]) history.serve(member, "passing");
    history.pass(seconds);
    assert.equal(history.found.includes("false down"), isFound);
  });

for (const isRestored of [true, false])
  test(`a member of another version tells a report ${isRestored ? "of its state folder" : "that only others have: that is found"}`, () => {
    const history = new History();
    history.report(history.a, "pass");
    history.pass(5);
    const next = history.join("d", 2);
    const [last] = history.heartbeat.reports;
    if (isRestored && last !== undefined) history.heartbeat.restore(last, next);
    history.serve(next, "passing");
    history.pass(2);
    assert.equal(history.found.includes("false OK"), !isRestored);
  });

for (const isDisturbed of [false, true])
  test(`two members that disagree are ${isDisturbed ? "right after a fault" : "found in a calm time"}`, () => {
    const history = new History();
    history.facts.cut(history.b, true);
    history.heartbeat.report(history.a, "pass", history.facts.now);
    history.heartbeat.report(history.b, "fail", history.facts.now);
    for (const member of [history.a, history.c]) history.serve(member, "passing");
    history.serve(history.b, "failing");
    history.facts.cut(history.b, false);
    history.pass(10);
    if (isDisturbed) history.facts.disturb("another member starts");
    history.pass(5);
    assert.deepEqual(history.found, []);
    history.pass(2);
    assert.deepEqual(history.found, isDisturbed ? [] : ["unequal"]);
  });

test("a heartbeat that stays unknown when no report has come for longer than the ttl is found", () => {
  const history = new History();
  history.pass(40);
  assert.deepEqual(history.found, []);
  history.pass(10);
  assert.deepEqual(history.found, ["untold"]);
});
