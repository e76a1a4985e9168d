/** The oracle finds what it must find: each broken promise is planted in a history without a fleet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckState } from "../../../src/registry/ports.js";
import { type CheckOptions, Facts, isGood, MemberFacts, type Told } from "./facts.js";
import { Oracle, type StoreUse } from "./oracle.js";

const CHECK: CheckOptions = {
  ...{ name: "check-0", index: 0, scope: "shared", copies: 2, agree: 2, intervalMs: 10_000, isVaried: false },
};

const NO_USE: StoreUse = { beats: 0, writes: 0, rewrites: 0, resyncs: 0, writtenCells: 0 };

/** Three members; a and b probe the check, and it passes; all serve it. */
class History {
  readonly facts: Facts;
  readonly oracle: Oracle;
  readonly members: readonly [MemberFacts, MemberFacts, MemberFacts];
  readonly #probesAll: boolean;
  readonly #served = new Map<MemberFacts, CheckState>();
  readonly #voters = new Map<MemberFacts, Told>();

  constructor({ probesAll = true, ...options }: Partial<CheckOptions> & { readonly probesAll?: boolean } = {}) {
    this.#probesAll = probesAll;
    this.facts = new Facts([{ ...CHECK, ...options }]);
    const state = (member: MemberFacts) => this.#served.get(member) ?? "pending";
    const troubled = (member: MemberFacts) => (isGood(state(member)) ? [] : this.facts.checks);
    this.oracle = new Oracle(this.facts, { state, troubled });
    this.members = [this.#member("a"), this.#member("b"), this.#member("c")];
    for (const member of this.members) {
      this.facts.join(member);
      this.#served.set(member, "passing");
    }
    for (const member of this.members.slice(0, 2)) this.probe(member);
    this.pass(60);
  }

  get check() {
    const [check] = this.facts.checks;
    if (check === undefined) throw new Error("there is no check");
    return check;
  }

  join(): MemberFacts {
    const member = this.#member("d");
    this.facts.join(member);
    return member;
  }

  probe(member: MemberFacts, state: Told = "passing"): void {
    this.facts.probe(member, this.check);
    this.#voters.set(member, state);
    this.facts.result(member, this.check, state);
  }

  vote(member: MemberFacts, state: Told): void {
    this.#voters.set(member, state);
    this.facts.result(member, this.check, state);
  }

  serve(member: MemberFacts, state: CheckState): void {
    const before = this.#served.get(member) ?? "pending";
    this.#served.set(member, state);
    this.oracle.onStatus(member, this.check, before);
  }

  serveAll(state: CheckState): void {
    for (const member of this.members) if (member.isAwake) this.serve(member, state);
  }

  silence(member: MemberFacts): void {
    this.#voters.delete(member);
  }

  /** Seconds: who votes has a result each half second. */
  pass(seconds: number): void {
    for (let step = 0; step < 2 * seconds; step += 1) {
      this.facts.now += 500;
      for (const [member, state] of this.#voters)
        if (member.isProbing && state !== "abstaining") this.facts.result(member, this.check, state);
      this.facts.sweep();
      this.oracle.sweep();
    }
  }

  #member(name: string): MemberFacts {
    return new MemberFacts({
      name,
      run: `run-${name}`,
      variant: 0,
      format: 1,
      probesAll: this.#probesAll,
      now: this.facts.now,
      hears: true,
    });
  }
}

/** The kinds of faults that are found. */
function found({ oracle }: History): readonly string[] {
  return oracle.faults.map((fault) => / s: ([a-zA-Z ]+)[,:]/.exec(fault)?.[1] ?? fault);
}

test("a fleet that holds its promises has no faults: at rest, when a target falls, and when a member dies", () => {
  const history = new History();
  const [a, b, c] = history.members;
  history.facts.turn(history.check, "down");
  history.vote(a, "failing");
  history.vote(b, "failing");
  history.serveAll("failing");
  history.pass(30);
  history.facts.turn(history.check, "up");
  history.vote(a, "passing");
  history.vote(b, "passing");
  history.serveAll("passing");
  history.pass(30);
  history.facts.end(a, "is killed");
  history.pass(8);
  history.oracle.onProbe(c, history.check, "passing");
  history.probe(c);
  history.pass(60);
  assert.deepEqual(history.oracle.faults, []);
});

test("SERVING without a pass of any voter within staleAfter is found", () => {
  const history = new History();
  for (const member of history.members) history.silence(member);
  history.pass(30);
  assert.deepEqual(found(history), []);
  history.pass(2);
  assert.ok(found(history).includes("false OK"));
});

test("SERVING at a member that hears nothing and sees no pass is found, though others see passes", () => {
  const history = new History();
  history.facts.cut(history.members[2], true);
  history.pass(40);
  assert.deepEqual(found(history), ["false OK"]);
});

test("a member whose votes are refused keeps its seat, and hears the others", () => {
  const history = new History();
  history.facts.mute(history.members[0], true);
  history.pass(120);
  assert.deepEqual(history.oracle.faults, []);
  history.facts.mute(history.members[0], false);
  history.pass(60);
  assert.deepEqual(history.oracle.faults, []);
});

for (const [isMute, afterS, isFound] of [
  [true, 20, false],
  [false, 3, false],
  [false, 5, true],
] as const)
  test(`a status that stays failing beside an owner whose votes are ${isMute ? "refused" : `taken for ${afterS} s`} is ${isFound ? "found" : "excused"}`, () => {
    const history = new History({ copies: 3, agree: 2 });
    const [a, b, c] = history.members;
    history.probe(c);
    history.pass(20);
    history.facts.mute(c, true);
    history.facts.turn(history.check, "down");
    history.vote(a, "failing");
    history.vote(b, "failing");
    history.serve(a, "failing");
    history.pass(5);
    history.facts.turn(history.check, "up");
    history.vote(b, "passing");
    if (!isMute) history.facts.mute(c, false);
    history.pass(afterS);
    assert.equal(found(history).includes("false down"), isFound, history.oracle.faults[0]);
  });

test("SERVING by what a member said before its votes were refused is found", () => {
  const history = new History();
  const [a, b] = history.members;
  history.silence(b);
  history.facts.end(b, "is killed");
  history.facts.mute(a, true);
  history.facts.turn(history.check, "down");
  history.vote(a, "failing");
  history.serve(a, "failing");
  history.pass(30);
  assert.deepEqual(history.oracle.faults, []);
  history.pass(2);
  assert.deepEqual(found(history), ["false OK"]);
  assert.match(history.oracle.faults[0] ?? "", /at c, .*: no voter has seen it pass/);
});

test("a dead target that stays SERVING for longer than detection takes is found before it is stale", () => {
  const history = new History();
  const [a, b] = history.members;
  history.facts.turn(history.check, "down");
  history.vote(a, "failing");
  history.vote(b, "failing");
  history.pass(1);
  history.serve(a, "failing");
  history.serve(b, "failing");
  history.pass(20);
  assert.ok(found(history).includes("false OK"));
});

test("a failing status with fewer failing votes than must agree is found", () => {
  const history = new History();
  history.vote(history.members[0], "failing");
  history.serve(history.members[2], "failing");
  assert.deepEqual(found(history), ["false down"]);
});

for (const [title, alsoDies, settledS] of [
  ["when the list of members has settled", false, 5.5],
  ["later when the list keeps changing", true, 9.5],
] as const)
  test(`the vote of a voter that comes back after a lease counts ${title}`, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.facts.pause(b);
    history.pass(20);
    history.facts.turn(history.check, "down");
    history.vote(a, "failing");
    history.serve(c, "failing");
    history.pass(2);
    history.facts.turn(history.check, "up");
    history.facts.resume(b);
    history.pass(0.5);
    if (alsoDies) history.facts.disturb("another member is killed");
    history.pass(settledS - 1);
    assert.ok(!found(history).includes("false down"));
    history.pass(1);
    assert.ok(found(history).includes("false down"));
  });

test("a member that hears nothing may not tell a failure for long while it sees the target pass", () => {
  const history = new History();
  const [a, b, c] = history.members;
  history.facts.turn(history.check, "down");
  for (const voter of [a, b]) history.vote(voter, "failing");
  history.serveAll("failing");
  history.facts.cut(c, true);
  history.facts.turn(history.check, "up");
  history.probe(c);
  history.pass(23);
  assert.deepEqual(found(history), []);
  history.pass(2);
  assert.deepEqual(found(history), ["false down"]);
});

for (const [title, hasLeft, isFound] of [
  ["a voter that has left does not see in place of one that cannot look", true, false],
  ["one that was killed a moment ago does", false, true],
] as const)
  test(title, () => {
    const history = new History({ agree: 2 });
    const [a, b, c] = history.members;
    history.facts.rest(b, history.check);
    history.silence(b);
    b.isIsolated = true;
    history.facts.probe(b, history.check);
    history.probe(c);
    history.pass(20);
    history.vote(a, "failing");
    history.pass(2);
    history.facts.end(c, hasLeft ? "has left" : "is killed");
    history.pass(2);
    history.serve(a, "failing");
    assert.equal(found(history).includes("false down"), isFound);
  });

for (const [title, isNew, goneS, isFound] of [
  ["decides without a voter that died before it was seen to beat, a lease after that", true, 4, false],
  ["waits for it for a lease", true, 3, true],
  ["counts the vote of one that it has seen", false, 4, true],
] as const)
  test(`a member that joins ${title}`, () => {
    const history = new History();
    const [a, b] = history.members;
    history.facts.end(b, "is killed");
    history.pass(6);
    const d = history.join();
    history.pass(isNew ? 0.5 : 4);
    history.facts.end(a, "is killed");
    history.probe(d, "failing");
    history.pass(goneS);
    history.serve(d, "failing");
    assert.equal(found(history).includes("false down"), isFound);
  });

for (const [title, isDeaf, probesAgain, deafS, isFound] of [
  ["a member that hears nothing may follow failing votes that were removed", true, false, 28, false],
  ["it may also when their voters have voted again since", true, true, 28, false],
  ["it may not for longer than such votes count", true, false, 40, true],
  ["one that hears the others may not", false, false, 28, true],
] as const)
  test(title, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.serve(c, "pending");
    history.facts.turn(history.check, "down");
    for (const voter of [a, b]) history.vote(voter, "failing");
    history.pass(1);
    if (isDeaf) history.facts.pause(c);
    history.facts.turn(history.check, "up");
    for (const voter of [a, b]) {
      history.silence(voter);
      history.facts.rest(voter, history.check);
    }
    history.pass(deafS / 2);
    if (probesAgain) for (const voter of [a, b]) history.probe(voter);
    history.pass(deafS / 2);
    if (isDeaf) history.facts.resume(c);
    history.serve(c, "failing");
    assert.equal(found(history).includes("false down"), isFound);
  });

for (const [title, isDeaf, deafS, isFound] of [
  ["a member that hears nothing may follow failing votes of before a reload of their voters", true, 28, false],
  ["it may not for longer than such votes count", true, 40, true],
  ["one that hears the others may not follow votes of before a reload", false, 28, true],
] as const)
  for (const index of [0, 1])
    test(`${title}: ${index === 0 ? "another target" : "other settings"}`, () => {
      const history = new History({ isVaried: true, index });
      const [a, b, c] = history.members;
      history.serve(c, "pending");
      history.facts.turn(history.check, "down");
      for (const voter of [a, b]) history.vote(voter, "failing");
      history.pass(1);
      if (isDeaf) history.facts.pause(c);
      history.facts.turn(history.check, "up");
      for (const voter of [a, b]) {
        history.silence(voter);
        history.facts.reload(voter, 1);
        history.probe(voter);
      }
      history.pass(deafS);
      if (isDeaf) history.facts.resume(c);
      history.serve(c, "failing");
      assert.equal(found(history).includes("false down"), isFound);
    });

test("a failing vote that was removed a moment ago counts once", () => {
  const history = new History();
  const [a, , c] = history.members;
  history.vote(a, "failing");
  history.silence(a);
  history.facts.rest(a, history.check);
  history.pass(1);
  history.serve(c, "failing");
  assert.equal(found(history).includes("false down"), true);
});

test("a member that follows its own vote of before its reload is found, also when it hears nothing", () => {
  const history = new History({ isVaried: true });
  const [, , c] = history.members;
  history.facts.reload(c, 1);
  history.probe(c, "failing");
  history.facts.cut(c, true);
  history.pass(5);
  for (const variant of [0, 1] as const) history.facts.reload(c, variant);
  history.silence(c);
  history.serve(c, "pending");
  history.serve(c, "failing");
  assert.equal(found(history).includes("false down"), true);
});

for (const [seconds, isFound] of [
  [1, false],
  [8, true],
] as const)
  test(`a vote of before a reload is known as one of the new definition ${seconds} s after it: ${isFound}`, () => {
    const history = new History({ isVaried: true, index: 1 });
    const [a, b, c] = history.members;
    history.facts.reload(c, 1);
    history.pass(20);
    history.serve(c, "pending");
    history.facts.reload(a, 1);
    history.silence(b);
    history.pass(seconds);
    assert.equal(found(history).includes("false unknown"), isFound);
  });

test("a check whose definition a reload changes must be probed anew", () => {
  const history = new History({ isVaried: true });
  const [a, b, c] = history.members;
  history.facts.reload(c, 0);
  history.pass(20);
  assert.deepEqual(found(history), [], "with the same definition, nothing begins anew");
  history.facts.reload(c, 1);
  for (const voter of [a, b]) assert.equal(history.check.votes.get(voter)?.state, "passing");
  history.pass(40);
  assert.deepEqual(found(history), ["gap", "false OK"], "no member of the new definition probes it");
});

for (const [index, seconds, isFound, title] of [
  [1, 28, false, "a check with other settings stays what it was while a pass from before its reload counts"],
  [1, 34, true, "and no longer"],
  [0, 2, true, "one with another target does not"],
] as const)
  test(title, () => {
    const history = new History({ isVaried: true, index });
    history.facts.reload(history.members[2], 1);
    history.pass(seconds);
    history.serve(history.members[2], "warning");
    assert.equal(found(history).includes("false OK"), isFound);
  });

for (const isVaried of [true, false])
  test(`reloads ${isVaried ? "excuse a check that they change" : "excuse nothing of another check"}`, () => {
    const history = new History({ isVaried });
    history.probe(history.members[2]);
    for (let reload = 0; reload < 12; reload += 1) {
      history.facts.reload(history.members[2], 0);
      history.pass(5);
    }
    assert.deepEqual(found(history), isVaried ? [] : ["copies"]);
  });

for (const [title, end, expected] of [
  ["a drained member that takes no check when all others have died is found", "isDrained", ["gap"]],
  ["one that leaves takes none", "isCandidate", []],
] as const)
  test(title, () => {
    const history = new History();
    const [a, b, c] = history.members;
    c[end] = end === "isDrained";
    for (const owner of [a, b]) history.facts.end(owner, "is killed");
    history.pass(20);
    assert.deepEqual(found(history), expected);
  });

test("a failing status with no failing vote is found when all voters have died", () => {
  const history = new History();
  const [a, b, c] = history.members;
  history.facts.end(a, "is killed");
  history.facts.end(b, "is killed");
  history.pass(2);
  history.serve(c, "failing");
  assert.deepEqual(found(history), ["false down"]);
});

test("a member that is alone may see a target fail by its own eyes, and no other one may", () => {
  const history = new History();
  const [a, b] = history.members;
  history.facts.cut(a, true);
  history.pass(8);
  history.vote(a, "failing");
  history.serve(a, "failing");
  assert.deepEqual(found(history), []);
  history.serve(b, "failing");
  assert.deepEqual(found(history), ["false down"]);
});

test("a status that becomes unknown is found while a voter sees the target pass, also when that voter has just died", () => {
  const history = new History();
  const [a, b, c] = history.members;
  history.facts.end(a, "is killed");
  history.silence(b);
  history.facts.pause(b);
  history.pass(5);
  history.serve(c, "pending");
  assert.deepEqual(found(history), ["false unknown"]);
});

test("a status that stays unknown at a member that has joined is found", () => {
  const history = new History();
  history.join();
  history.pass(8);
  assert.deepEqual(found(history), []);
  history.pass(4);
  assert.ok(found(history).includes("false unknown"));
});

test("a status that stays unknown at a member that has joined is found also when the voter was cut off, as soon as it is back", () => {
  const history = new History();
  const [a, b] = history.members;
  history.silence(b);
  history.facts.end(b, "is killed");
  history.pass(20);
  history.join();
  history.pass(0.5);
  history.facts.cut(a, true);
  history.pass(8);
  history.facts.cut(a, false);
  history.pass(3);
  assert.ok(!found(history).includes("false unknown"), "it was not yet seen to beat");
  history.pass(2);
  assert.ok(found(history).includes("false unknown"));
});

for (const isForged of [false, true])
  test(`a status that stays unknown at a member that has returned is ${isForged ? "excused while the last beat of the dead voter is forged" : "found"}`, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.silence(b);
    history.facts.end(b, "is killed");
    history.facts.cut(c, true);
    history.pass(12);
    history.facts.end(a, "is killed");
    if (isForged) a.beatForgedAt = history.facts.now;
    history.pass(1);
    history.facts.cut(c, false);
    history.serve(c, "pending");
    history.pass(5);
    assert.equal(found(history).includes("false unknown"), !isForged, history.oracle.faults[0]);
  });

for (const [title, cutS, silentS, isFound] of [
  ["has forgotten it, and fell silent at once", 51, 1, false],
  ["has forgotten it, and fell silent when it was heard again", 51, 4, true],
  ["knows it, and fell silent at once", 45, 1, true],
] as const)
  test(`a status that stays unknown at a member that has returned after ${cutS} s is ${isFound ? "found" : "excused"}: the voter ${title}`, () => {
    const history = new History({ probesAll: false });
    const [a, b, c] = history.members;
    history.silence(b);
    history.facts.end(b, "is killed");
    history.facts.cut(c, true);
    history.pass(29);
    history.serve(c, "pending");
    history.pass(cutS - 29);
    history.facts.cut(c, false);
    history.pass(silentS);
    history.silence(a);
    history.facts.end(a, "is killed");
    history.pass(5);
    assert.equal(found(history).includes("false unknown"), isFound, history.oracle.faults[0]);
  });

for (const [diedS, isFound] of [
  [2, false],
  [4, true],
] as const)
  test(`a member does not know a voter that has died ${diedS} s after its start, when it is cut off after that: ${!isFound}`, () => {
    const history = new History();
    const [a, b] = history.members;
    history.silence(b);
    history.facts.end(b, "is killed");
    history.pass(20);
    const d = history.join();
    history.serve(d, "passing");
    history.pass(diedS);
    history.silence(a);
    history.facts.end(a, "is killed");
    history.pass(5 - diedS);
    history.facts.cut(d, true);
    history.pass(0.5);
    history.facts.cut(d, false);
    history.pass(3);
    history.serve(d, "pending");
    assert.equal(found(history).includes("false unknown"), isFound);
  });

type Silence = (history: History, member: MemberFacts) => void;

const KILLED: Silence = ({ facts }, member) => facts.end(member, "is killed");
const LEFT: Silence = ({ facts }, member) => facts.end(member, "has left");
const PAUSED: Silence = ({ facts }, member) => facts.pause(member);
const STALLED: Silence = ({ facts }, member) => facts.stall(member, true);

for (const [title, silence, silentS, foundS] of [
  ["without a silent member", undefined, 0, 3.5],
  ["a beat later when one is paused", PAUSED, 1, 4.5],
  ["a beat later when one does not probe", STALLED, 1, 4.5],
  ["a beat later when one was killed", KILLED, 1, 4.5],
  ["when one has left", LEFT, 1, 3.5],
  ["when one was silent for a lease before", PAUSED, 10, 3.5],
  ["when one was killed a lease before", KILLED, 10, 3.5],
] as const)
  test(`a status that stays unknown at a member that has returned is found ${title}`, () => {
    const history = new History();
    const [, b, c] = history.members;
    silence?.(history, b);
    history.pass(silentS);
    history.facts.cut(c, true);
    history.pass(12);
    history.facts.cut(c, false);
    history.serve(c, "pending");
    history.pass(foundS - 0.5);
    assert.ok(!found(history).includes("false unknown"));
    history.pass(0.5);
    assert.ok(found(history).includes("false unknown"));
  });

for (const [title, change, seconds, isFound] of [
  ["while one that has joined may have no result yet", "joins", 12, false],
  ["while one that is back may have none", "returns", 12, false],
  ["no longer than one that has joined may take", "joins", 13, true],
  ["no longer than one that is back may take", "returns", 13, true],
  ["not when one that has joined has voted", "votes", 2, true],
  ["not when none has joined", "nothing", 2, true],
] as const)
  test(`a check that all probe may stay failing ${title}: ${isFound ? "found after" : "also after"} ${seconds} s`, () => {
    const history = new History({ scope: "each", copies: 1, agree: "majority" });
    const [a, b, c] = history.members;
    history.facts.turn(history.check, "down");
    history.probe(c);
    for (const voter of [a, b, c]) history.vote(voter, "failing");
    const d = change === "returns" ? history.join() : undefined;
    if (d !== undefined) history.facts.cut(d, true);
    history.serveAll("failing");
    history.pass(20);
    history.facts.turn(history.check, "up");
    for (const voter of [a, b]) history.vote(voter, "passing");
    if (d !== undefined) history.facts.cut(d, false);
    if (change === "joins") history.join();
    if (change === "votes") history.probe(history.join());
    history.pass(seconds);
    assert.equal(found(history).includes("false down"), isFound, history.oracle.faults[0]);
  });

test("a shared check that was never probed is found, and one that no later member takes", () => {
  for (const format of [1, 2] as const) {
    const facts = new Facts([CHECK]);
    const oracle = new Oracle(facts, { state: () => "pending", troubled: () => facts.checks });
    facts.now = 2_000;
    facts.join(
      new MemberFacts({ ...{ name: "a", run: "a", variant: 0, probesAll: true, hears: true }, format, now: 2_000 }),
    );
    for (; facts.now < 30_000; facts.now += 500) oracle.sweep();
    assert.equal(oracle.faults.length, 1);
    assert.match(oracle.faults[0] ?? "", /gap/);
  }
});

test("a check without a prober is found, at once without a crash and after lease, settle and beat with one", () => {
  const rested = new History();
  for (const member of rested.members) rested.facts.rest(member, rested.check);
  for (const member of rested.members) rested.silence(member);
  rested.pass(1);
  assert.ok(found(rested).includes("gap"));

  const crashed = new History();
  const [a, b] = crashed.members;
  crashed.facts.end(a, "is killed");
  crashed.facts.end(b, "is killed");
  crashed.pass(8);
  assert.deepEqual(found(crashed), []);
  crashed.pass(6);
  assert.ok(found(crashed).includes("gap"));
});

test("gaps that are longer than lease, settle and beat together are found, also when each one is within its tolerance", () => {
  const gapOf = (seconds: number) => {
    const history = new History();
    const [a, b, c] = history.members;
    for (const owner of [a, b]) history.facts.end(owner, "is killed");
    history.pass(seconds);
    history.probe(c);
    history.pass(60);
    history.oracle.onEnd(NO_USE, 0);
    return found(history);
  };
  assert.deepEqual(gapOf(8), []);
  assert.deepEqual(gapOf(8.5), ["gaps"]);
});

test("hand-overs that take longer than the first result of the successor are found, and so is one copy more", () => {
  const handedOverIn = (seconds: number) => {
    const history = new History();
    const [a, , c] = history.members;
    history.facts.disturb("the owners are others");
    history.probe(c);
    history.pass(seconds);
    history.facts.rest(a, history.check);
    history.silence(a);
    history.pass(60);
    history.oracle.onEnd(NO_USE, 0);
    return found(history);
  };
  assert.deepEqual(handedOverIn(3), []);
  assert.deepEqual(handedOverIn(4), ["duplicates"]);
  assert.deepEqual(handedOverIn(30), ["copies", "duplicates"]);
});

test("a member that is taken for dead while it beats is found", () => {
  const history = new History();
  const [a, b, c] = history.members;
  history.facts.pause(b);
  history.pass(6);
  history.oracle.onDeath(a, b);
  assert.deepEqual(found(history), []);
  history.oracle.onDeath(a, c);
  assert.deepEqual(found(history), ["false death"]);
});

test("a runner that starts from another state than the one that is served is found", () => {
  const history = new History();
  history.oracle.onProbe(history.members[2], history.check, undefined);
  assert.deepEqual(found(history), ["takeover"]);
});

test("without faults, unequal tables, a wrong number of probers and a state that was not voted are found", () => {
  const unequal = new History();
  unequal.serve(unequal.members[2], "warning");
  unequal.pass(2);
  assert.deepEqual(found(unequal), ["unequal"]);

  const double = new History();
  double.probe(double.members[2]);
  double.pass(60);
  assert.deepEqual(found(double), ["copies"]);

  const wrong = new History();
  wrong.serveAll("warning");
  wrong.pass(2);
  assert.deepEqual(found(wrong), ["disagreed"]);
});

test("more writes than votes, members and faults ask for are found", () => {
  const history = new History();
  history.pass(600);
  const use = { beats: 1_980, writes: 2, rewrites: 3, resyncs: 6, writtenCells: 2 };
  history.oracle.onEnd(use, 0);
  assert.deepEqual(found(history), []);
  history.oracle.onEnd({ ...use, writes: 1_200 }, 0);
  assert.ok(found(history).includes("writes"));
});

for (const [title, cutS, end, isFound] of [
  ["that was over before", 60, "passes", true],
  ["of a member that has died meanwhile", 60, "dies", true],
  ["that goes on, as one of the votes that count", 60, "fails", false],
  ["of a member that is not back yet", 60, "is cut", false],
  ["that was over, after an outage in which it had no time to look", 12, "passes", false],
] as const)
  test(`a member that saw the target pass while it heard nothing ${isFound ? "may not" : "may"} turn by a failure ${title}`, () => {
    const history = new History({ agree: 1 });
    const [a, b] = history.members;
    history.facts.cut(a, true);
    history.vote(b, "failing");
    history.pass(cutS - 9);
    if (end === "passes") history.vote(b, "passing");
    if (end === "dies") history.facts.end(b, "is killed");
    if (end === "is cut") history.facts.cut(b, true);
    history.pass(9);
    history.facts.cut(a, false);
    history.pass(2);
    assert.ok(!found(history).includes("false down"));
    history.serve(a, "failing");
    assert.equal(found(history).includes("false down"), isFound);
  });

for (const [title, joinS, unknownS, isFound] of [
  ["while one that has joined meanwhile tells its votes", [2], 5, false],
  ["no longer than that one takes", [2], 5.5, true],
  ["while others join", [1, 2, 3, 4, 5], 5.5, false],
  ["no longer than a lease and a beat, also while others join", [1, 2, 3, 4, 5], 6, true],
  ["not for one that has joined before", [-5], 3.5, true],
] as const)
  test(`a status may stay unknown at a member that has returned, ${title}: ${isFound ? "found after" : "also after"} ${unknownS} s`, () => {
    const history = new History();
    const [, , c] = history.members;
    const joins: readonly number[] = joinS;
    history.facts.cut(c, true);
    for (let second = -12; second < 0; second += 0.5) {
      if (joins.includes(second)) history.join();
      history.pass(0.5);
    }
    history.facts.cut(c, false);
    history.serve(c, "pending");
    for (let second = 0; second < unknownS; second += 0.5) {
      if (joins.includes(second)) history.join();
      history.pass(0.5);
    }
    assert.equal(found(history).includes("false unknown"), isFound, history.oracle.faults[0]);
  });

for (const [title, blind, goneS, isFound] of [
  ["an owner that cannot look, until it may be taken for dead", true, 3, true],
  ["an owner that cannot look, and is taken for dead", true, 4, false],
  ["an owner that sees it fail too, for a lease", false, 4, true],
] as const)
  test(`a voter that is gone for ${goneS} s counts beside ${title}: ${isFound}`, () => {
    const history = new History({ copies: 3, agree: 2 });
    const [a, b, c] = history.members;
    history.probe(c);
    if (blind) history.vote(b, "abstaining");
    history.pass(20);
    history.facts.cut(c, true);
    history.silence(c);
    history.pass(goneS);
    history.vote(a, "failing");
    history.serve(a, "failing");
    assert.equal(found(history).includes("false down"), isFound, history.oracle.faults[0]);
  });

for (const scope of ["each", "shared"] as const)
  test(`a voter that has died before a member's start ${scope === "each" ? "does not count for it" : "may hold a seat"}: ${scope}`, () => {
    const history = new History({ scope, copies: 2, agree: 2 });
    const [a, b] = history.members;
    history.silence(a);
    history.facts.end(a, "is killed");
    const d = history.join();
    history.pass(2);
    history.vote(b, "failing");
    history.serve(d, "failing");
    assert.equal(found(history).includes("false down"), scope === "shared", history.oracle.faults[0]);
  });

for (const [title, state, end, afterS, isFound] of [
  ["has left, and an owner cannot look", "abstaining", "has left", 2, false],
  ["was killed a moment ago, and an owner cannot look", "abstaining", "is killed", 3, true],
  ["was killed, and an owner cannot look", "abstaining", "is killed", 4, false],
  ["has left, and the owners look", "passing", "has left", 2, true],
] as const)
  test(`what a voter saw that ${title} is unknown after ${afterS} s: ${isFound ? "found" : "excused"}`, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.vote(b, state);
    history.silence(b);
    history.pass(20);
    history.silence(a);
    history.facts.end(a, end);
    history.pass(afterS);
    history.serve(c, "pending");
    assert.equal(found(history).includes("false unknown"), isFound, history.oracle.faults[0]);
  });

for (const [title, copies, isBack, seconds, isFound] of [
  ["while one that is back may see it fail too", 3, true, 4, false],
  ["no longer than that one may take", 3, true, 13, true],
  ["not when none is back", 3, false, 4, true],
  ["not when its copies are there", 1, true, 4, true],
] as const)
  test(`a check may stay failing beside a pass, ${title}: ${isFound ? "found after" : "also after"} ${seconds} s`, () => {
    const history = new History({ copies, agree: Math.min(copies, 2) });
    const [a, b, c] = history.members;
    history.facts.cut(c, true);
    history.facts.turn(history.check, "down");
    for (const voter of [a, b]) history.vote(voter, "failing");
    for (const member of [a, b]) history.serve(member, "failing");
    history.pass(20);
    history.facts.turn(history.check, "up");
    history.vote(a, "passing");
    if (copies === 1) history.vote(b, "passing");
    else history.facts.cut(b, true);
    history.silence(b);
    if (isBack) history.facts.cut(c, false);
    history.pass(seconds);
    const down = history.oracle.faults.find((fault) => fault.includes("false down, at a"));
    assert.equal(down !== undefined, isFound, history.oracle.faults[0]);
  });

test("a member of many checks takes longer to catch up", () => {
  for (const [checks, ms] of [
    [1, 3_500],
    [100_000, 5_500],
  ] as const) {
    const facts = new Facts(Array.from({ length: checks }, (_, index) => ({ ...CHECK, index })));
    const member = new MemberFacts({
      ...{ name: "a", run: "run-a", variant: 0, format: 1, probesAll: true, now: 0, hears: true },
    });
    facts.join(member);
    facts.now = ms - 1;
    assert.equal(facts.hasCaughtUp(member), false);
    facts.now = ms;
    assert.equal(facts.hasCaughtUp(member), true);
  }
});

for (const [lateMs, gapS, isFound] of [
  [0, 8, false],
  [0, 9, true],
  [2_500, 10.5, false],
  [2_500, 11.5, true],
] as const)
  test(`a gap of ${gapS} s since the return of the only member is ${isFound ? "found" : "not"}, when its calls are late for ${lateMs} ms`, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.facts.cut(c, true);
    for (const member of [a, b]) {
      history.silence(member);
      history.facts.end(member, "is killed");
    }
    history.pass(30);
    history.facts.cut(c, false, lateMs);
    history.pass(gapS);
    assert.equal(found(history).includes("gap"), isFound);
  });

// a fleet is not calm while one of its members has so much to write
for (const [title, whose, changes, seconds, isFound] of [
  ["behind 30,000 others is not known", 0, 30_000, 4, false],
  ["behind 30,000 others is known when they are written", 0, 30_000, 6, true],
  ["behind 1,000 others is known", 0, 1_000, 4, true],
  ["beside 30,000 of another member is known", 2, 30_000, 4, true],
] as const)
  for (const kind of whose === 2 ? ["false down"] : ["false down", "disagreed"])
    test(`a vote ${title} after ${seconds} s: ${kind} ${isFound}`, () => {
      const history = new History();
      const [a, b] = history.members;
      history.facts.turn(history.check, "down");
      for (const voter of [a, b]) history.vote(voter, "failing");
      history.serveAll("failing");
      history.pass(40);
      history.facts.turn(history.check, kind === "disagreed" ? "down" : "up");
      for (let change = 0; change < changes; change += 1) history.members[whose].backlog.add(history.facts.now);
      history.vote(a, "passing");
      history.pass(seconds);
      assert.equal(found(history).includes(kind), isFound, history.oracle.faults[0]);
    });

for (const [title, isReloaded, changes, seconds, isFound] of [
  ["one whose voters have another definition since", true, 0, 6, false],
  ["one whose voters have another definition since", true, 0, 8, true],
  ["one that has 50,000 votes to write", true, 50_000, 13, false],
  ["one that has 50,000 votes to write", true, 50_000, 15, true],
  ["one whose voters have the same definition as before", false, 0, 6.5, true],
] as const)
  test(`a member that is back may follow its own vote alone for a lease: ${title}, ${seconds} s: ${isFound ? "found" : "excused"}`, () => {
    const history = new History({ isVaried: true, index: 1, scope: "each", agree: "majority" });
    const [a, b, c] = history.members;
    history.probe(c);
    history.pass(20);
    history.facts.turn(history.check, "down");
    for (const voter of [a, b, c]) history.vote(voter, "failing");
    history.serveAll("failing");
    history.facts.cut(c, true);
    for (const variant of [1, 0] as const)
      if (isReloaded) for (const voter of [a, b]) history.facts.reload(voter, variant);
    history.pass(20);
    for (let change = 0; change < changes; change += 1) c.backlog.add(history.facts.now);
    history.facts.turn(history.check, "up");
    for (const voter of [a, b]) history.vote(voter, "passing");
    for (const member of [a, b]) history.serve(member, "warning");
    history.facts.cut(c, false);
    history.pass(seconds);
    const down = history.oracle.faults.some((fault) => fault.includes("false down, at c"));
    assert.equal(down, isFound, history.oracle.faults[0]);
  });

for (const [title, changes, seconds, isFound] of [
  ["at once", 0, 5.5, true],
  ["not while it has 50,000 votes of that time to write", 50_000, 5.5, false],
  ["when they are written", 50_000, 9, true],
] as const)
  test(`a voter that is back after an outage counts ${title}`, () => {
    const history = new History();
    const [a, b, c] = history.members;
    history.silence(b);
    history.facts.end(b, "has left");
    history.facts.cut(a, true);
    for (let change = 0; change < changes; change += 1) a.backlog.add(history.facts.now);
    history.pass(20);
    history.serve(c, "pending");
    history.facts.cut(a, false);
    history.pass(seconds);
    assert.equal(found(history).includes("false unknown"), isFound, history.oracle.faults[0]);
  });
