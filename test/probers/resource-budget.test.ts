/** The budget of descriptors and programs: first come first served, and kept connections give way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BudgetedProber } from "../../src/probers/budgeted-prober.js";
import { PASS, type Prober, ProberError } from "../../src/probers/prober.js";
import { ResourceBudget } from "../../src/probers/resource-budget.js";
import { contextOf } from "./probing.js";

class Fixture {
  readonly log: string[] = [];
  readonly budget: ResourceBudget;

  constructor(max: number) {
    this.budget = new ResourceBudget(max);
  }

  claim(name: string, cost = 1) {
    return { cost, close: () => void this.log.push(`close ${name}`), name };
  }

  reserve(claim: ReturnType<Fixture["claim"]>): void {
    this.budget.reserve(claim, () => void this.log.push(`start ${claim.name}`));
  }

  /** What has happened since the last call. */
  get events(): string {
    return this.log.splice(0).join(", ");
  }
}

test("a probe starts at once while there is room; the others wait, and start in their order", () => {
  const fixture = new Fixture(2);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => fixture.claim(name));
  for (const claim of [a, b, c, d]) if (claim !== undefined) fixture.reserve(claim);
  assert.equal(fixture.events, "start a, start b");
  if (a === undefined || b === undefined) return;
  fixture.budget.end(b);
  assert.equal(fixture.events, "close b, start c");
  fixture.budget.release(a);
  assert.equal(fixture.events, "start d");
});

test("what is idle keeps its place until another needs it, the least recently used one gives way first", () => {
  const fixture = new Fixture(3);
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => fixture.claim(name));
  assert.ok(a && b && c && d && e);
  for (const claim of [a, b, c]) fixture.reserve(claim);
  for (const claim of [a, b, c]) fixture.budget.end(claim);
  fixture.reserve(a);
  fixture.budget.end(a);
  assert.equal(fixture.events, "start a, start b, start c, start a");
  fixture.reserve(d);
  fixture.reserve(e);
  assert.equal(fixture.events, "close b, start d, close c, start e");
  fixture.reserve(b);
  assert.equal(fixture.events, "close a, start b");
});

test("a claim that costs more waits until all of it is there, and later ones do not overtake it", () => {
  const fixture = new Fixture(3);
  const [a, program, b] = [fixture.claim("a"), fixture.claim("program", 3), fixture.claim("b")];
  fixture.reserve(a);
  fixture.reserve(program);
  fixture.reserve(b);
  assert.equal(fixture.events, "start a");
  fixture.budget.release(a);
  assert.equal(fixture.events, "start program");
  fixture.budget.release(program);
  assert.equal(fixture.events, "start b");
});

test("a claim that costs more than there is takes all of it", () => {
  const fixture = new Fixture(2);
  fixture.reserve(fixture.claim("program", 8));
  assert.equal(fixture.events, "start program");
});

test("a claim that is released while it waits never starts, and releasing twice frees one place", () => {
  const fixture = new Fixture(1);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => fixture.claim(name));
  assert.ok(a && b && c && d);
  for (const claim of [a, b, c, d]) fixture.reserve(claim);
  fixture.budget.release(b);
  fixture.budget.release(a);
  fixture.budget.release(a);
  fixture.budget.end(a);
  assert.equal(fixture.events, "start a, start c");
});

test("a prober error about descriptors closes half of the kept connections", async () => {
  const budget = new ResourceBudget(100);
  const closed: number[] = [];
  const open = (index: number, probe: Prober["probe"]) =>
    new BudgetedProber({ probe, close: () => void closed.push(index) }, budget);
  const context = contextOf(100, new AbortController().signal);
  const kept = Array.from({ length: 8 }, (_, index) => open(index, async () => PASS));
  for (const prober of kept) {
    prober.reserve(() => {});
    await prober.probe(context);
  }
  const starved = open(8, () => Promise.reject(new ProberError("descriptors", "EMFILE")));
  starved.reserve(() => {});
  await assert.rejects(starved.probe(context), ProberError);
  assert.deepEqual(closed, [0, 1, 2, 3]);
});

test("a probe beside an abandoned one of the same check does not wait, and others wait until their places are free", async () => {
  const budget = new ResourceBudget(2);
  const ends: (() => void)[] = [];
  const probe = () => new Promise<typeof PASS>((resolve) => void ends.push(() => resolve(PASS)));
  const context = contextOf(100, new AbortController().signal);
  const prober = new BudgetedProber({ probe, close() {} }, budget);
  const other = new BudgetedProber({ probe, close() {} }, budget);
  const large = new BudgetedProber({ probe, close() {} }, budget, 2);
  const running: Promise<unknown>[] = [];
  for (let round = 0; round < 2; round += 1) prober.reserve(() => void running.push(prober.probe(context)));
  let [isStarted, isLargeStarted] = [false, false];
  other.reserve(() => {
    isStarted = true;
  });
  assert.deepEqual([running.length, isStarted], [2, false], "both places are taken");
  ends[0]?.();
  await running[0];
  assert.equal(isStarted, true, "one place is free");
  large.reserve(() => {
    isLargeStarted = true;
  });
  other.close();
  assert.equal(isLargeStarted, false);
  ends[1]?.();
  await running[1];
  assert.equal(isLargeStarted, true, "all places are free");
});
