import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CatchUp } from "../../../src/fleet/members/catch-up.js";
import { type HeardBeat, Members } from "../../../src/fleet/members/members.js";

const BEAT_MS = 1_000;
const LEASE_MS = 5_000;

/** A member that starts at 0, and reads beats each second: the counters of the runs by name. `?`: of another format. */
class Joiner {
  readonly members = new Members({ run: "self", beatMs: BEAT_MS, leaseMs: LEASE_MS });
  readonly catchUp = new CatchUp({ beatMs: BEAT_MS, leaseMs: LEASE_MS });
  now = 0;

  /** @param current the runs whose cells were read */
  round(counters: Readonly<Record<string, number>>, current: readonly string[]): boolean {
    this.now += BEAT_MS;
    const beats = Object.entries(counters).map(([name, counter]) => beatOf(name, counter));
    this.members.hear(beats, this.now, this.now);
    return this.review(current);
  }

  review(current: readonly string[]): boolean {
    return this.catchUp.review(this.members, (run) => current.includes(run), this.now);
  }
}

function beatOf(name: string, counter: number): HeardBeat {
  if (name.startsWith("?")) return { format: 99, run: name, member: name, counter };
  return {
    ...{ format: 1, run: name, member: name, zone: undefined, version: "1", counter, uptimeMs: counter * BEAT_MS },
    ...{
      head: `${counter}`,
      config: "",
      capacity: 1,
      stalest: 0,
      isLeaving: false,
      asks: [],
      heard: new Map([["self", 1]]),
    },
  };
}

describe("a member that starts has caught up", () => {
  it("when it has read the cells of each run that lives", () => {
    const joiner = new Joiner();
    assert.equal(joiner.round({ a: 1, b: 1 }, ["a", "b"]), false, "it does not yet know which of them live");
    assert.equal(joiner.round({ a: 2, b: 2 }, ["a"]), false);
    assert.equal(joiner.review(["b"]), false);
    assert.equal(joiner.review(["a", "b"]), true);
    assert.equal(joiner.catchUp.isOver, true);
    assert.equal(joiner.review(["a", "b"]), false, "it is told once");
  });

  it("with its second round, when there is no other run", () => {
    const joiner = new Joiner();
    assert.equal(joiner.round({}, []), false);
    assert.equal(joiner.round({}, []), true);
  });

  it("without a run that is silent", () => {
    const joiner = new Joiner();
    assert.equal(joiner.round({ a: 1 }, []), false);
    assert.equal(joiner.round({ a: 1 }, []), false);
    assert.equal(joiner.round({ a: 1 }, []), true);
  });

  it("without a run whose votes it does not understand", () => {
    const joiner = new Joiner();
    joiner.round({ "?a": 1 }, []);
    assert.equal(joiner.round({ "?a": 2 }, []), true);
  });

  it("after a lease, whatever is missing", () => {
    const joiner = new Joiner();
    for (let counter = 1; counter <= 5; counter += 1) assert.equal(joiner.round({ a: counter }, []), false);
    assert.equal(joiner.round({ a: 6 }, []), true);
  });

  it("at once, when the store is gone", () => {
    const joiner = new Joiner();
    joiner.catchUp.giveUp();
    assert.equal(joiner.catchUp.isOver, true);
  });
});

describe("a member whose store is back has caught up", () => {
  function attached(): Joiner {
    const joiner = new Joiner();
    joiner.round({ a: 1, b: 1 }, []);
    assert.equal(joiner.round({ a: 2, b: 2 }, ["a", "b"]), true);
    joiner.now += 20_000;
    joiner.catchUp.begin();
    return joiner;
  }

  it("when each of the others has been heard again", () => {
    const joiner = attached();
    for (const [counters, current] of [
      [{ a: 3, b: 2 }, ["a", "b"]],
      [{ a: 4, b: 2 }, ["a", "b"]],
      [{ a: 5, b: 3 }, ["a"]],
    ] as const) {
      joiner.round(counters, current);
      assert.equal(joiner.catchUp.isOver, false);
    }
    assert.equal(joiner.review(["a", "b"]), true);
    assert.equal(joiner.catchUp.isOver, true);
  });

  it("without a run that is silent for two beats: the store has been away for all", () => {
    const joiner = attached();
    for (const counter of [3, 4]) {
      joiner.round({ a: counter, b: 2 }, ["a", "b"]);
      assert.equal(joiner.catchUp.isOver, false);
    }
    assert.equal(joiner.round({ a: 5, b: 2 }, ["a", "b"]), true);
    assert.equal(joiner.catchUp.isOver, true);
  });

  it("without a run that was heard once: its last beat was still in the store, and what it told may be lost", () => {
    const joiner = attached();
    for (const counter of [3, 4]) {
      joiner.round({ a: counter, b: 3 }, ["a"]);
      assert.equal(joiner.catchUp.isOver, false);
    }
    assert.equal(joiner.round({ a: 5, b: 3 }, ["a"]), true);
    assert.deepEqual([joiner.catchUp.isOver, joiner.catchUp.isBehind], [true, false]);
  });

  it("without one that has told more and is silent, but not without one that is heard", () => {
    for (const beats of [
      [3, 4, 4, 4],
      [3, 4, 5, 6],
    ]) {
      const joiner = attached();
      for (const [index, counter] of beats.entries()) joiner.round({ a: index + 3, b: counter }, ["a"]);
      assert.equal(joiner.catchUp.isOver, beats.at(-1) === 4);
    }
  });

  for (const [title, rounds, lateMs] of [
    ["it was gone again after the first round", 1, LEASE_MS],
    ["it was gone again after some rounds", 3, 3_000],
    ["it answered a read alone", 0, 6_000],
  ] as const)
    it(`a lease later, when the store is gone again and no round succeeds: ${title}`, () => {
      const joiner = attached();
      for (let round = 0; round < rounds; round += 1) joiner.round({ a: 3 + round, b: 3 + round }, ["a"]);
      let failedMs = 0;
      for (let isOver = false; !isOver; failedMs += BEAT_MS) {
        assert.ok(failedMs < 10_000, "it is waited for");
        assert.equal(joiner.catchUp.isOver, false);
        joiner.now += BEAT_MS;
        isOver = joiner.catchUp.failed(joiner.now);
      }
      assert.deepEqual([failedMs, joiner.catchUp.isOver, joiner.catchUp.isBehind], [lateMs, true, false]);
      assert.equal(joiner.catchUp.failed(joiner.now + LEASE_MS), false, "it is told once");
    });

  it("without a run that has left", () => {
    const joiner = attached();
    const left = { ...beatOf("b", 3), hasLeft: true };
    joiner.now += BEAT_MS;
    joiner.members.hear([beatOf("a", 3), left], joiner.now, joiner.now);
    joiner.review(["a"]);
    assert.equal(joiner.catchUp.isOver, false, "the first round");
    joiner.now += BEAT_MS;
    joiner.members.hear([beatOf("a", 4), left], joiner.now, joiner.now);
    assert.equal(joiner.review(["a"]), true);
    assert.equal(joiner.catchUp.isOver, true);
  });

  it("and is behind no more when it has read what those have told that it hears", () => {
    const joiner = attached();
    assert.equal(joiner.catchUp.isBehind, true);
    assert.equal(joiner.round({ a: 3, b: 2 }, ["a"]), false);
    assert.equal(joiner.catchUp.isBehind, true, "the first round tells who lives, and not what they say");
    joiner.round({ a: 4, b: 2 }, []);
    assert.equal(joiner.catchUp.isBehind, true);
    assert.equal(joiner.review(["a"]), true, "b is silent");
    assert.deepEqual([joiner.catchUp.isBehind, joiner.catchUp.isOver], [false, false]);
    joiner.round({ a: 5, b: 3 }, ["a"]);
    assert.deepEqual([joiner.catchUp.isBehind, joiner.catchUp.isOver], [true, false], "b was heard");
    joiner.review(["a", "b"]);
    assert.deepEqual([joiner.catchUp.isBehind, joiner.catchUp.isOver], [false, true]);
  });
});
