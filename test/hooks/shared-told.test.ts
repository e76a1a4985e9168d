/** What one webhook of a fleet has told, without a store. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SharedTold } from "../../src/hooks/shared-told.js";

const MAX_ENDED = 2_000;

/** Long enough for a loaded machine: where each change looks at all others, it takes more than ten seconds. */
const MAX_MS = 2_000;

function told(): SharedTold {
  return new SharedTold("ops", async () => {});
}

function change(service: string, isOutage: boolean) {
  const outage = { id: "1", service, status: "NOT_SERVING", reason: "refused", since: 1, at: 1 };
  return { type: "webhook-told", key: `ops ${service}`, value: isOutage ? outage : undefined };
}

function commit(shared: SharedTold, count: number, isOutage: boolean, from = 0): void {
  void shared.commit(Array.from({ length: count }, (_, index) => change(`s${from + index}`, isOutage)));
}

function inTime(action: () => void): void {
  const startedAt = performance.now();
  action();
  assert.ok(performance.now() - startedAt < MAX_MS, `${Math.round(performance.now() - startedAt)} ms`);
}

describe("what a webhook of a fleet has told of 20,000 services", () => {
  const COUNT = 20_000;

  it("is noted in one turn, and so are the ends", () => {
    const shared = told();
    inTime(() => commit(shared, COUNT, true));
    inTime(() => commit(shared, COUNT, false));
  });

  it("is read by another member in one turn", () => {
    const shared = told();
    for (let from = 0; from < COUNT; from += MAX_ENDED) commit(shared, MAX_ENDED, true, from);
    const other = told();
    inTime(() => assert.equal(other.merge(shared.text, true), true));
    assert.equal(other.text, shared.text);
  });
});

describe("an outage that has ended", () => {
  it("is remembered as one of the last 2,000, and the numbers of those before go on", () => {
    const shared = told();
    commit(shared, 1, true);
    const first = shared.idOf("s0", "SERVING");
    commit(shared, 1, false);
    commit(shared, MAX_ENDED, true, 1);
    commit(shared, MAX_ENDED - 1, false, 1);
    assert.match(shared.text, /"s0"/);
    commit(shared, 1, false, MAX_ENDED);
    assert.doesNotMatch(shared.text, /"s0"/);
    assert.notEqual(shared.idOf("s0", "SERVING"), first);
    assert.match(shared.text, /"floor":2,/);
  });

  it("is the newest one when it ends again", () => {
    const shared = told();
    commit(shared, MAX_ENDED, false);
    commit(shared, 1, true);
    commit(shared, 1, false);
    commit(shared, 1, false, MAX_ENDED);
    assert.match(shared.text, /"s0"/);
    assert.doesNotMatch(shared.text, /"s1",/);
  });
});
