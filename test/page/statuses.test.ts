import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Statuses } from "../../src/page/statuses.js";

const SINCE = "2026-11-27T14:00:00.000Z";
const AT = "2026-11-27T14:03:10.512Z";

function snapshot(services: readonly object[], more: object = {}) {
  return { type: "snapshot", id: "e-1", data: JSON.stringify({ draining: false, services, checks: [], ...more }) };
}

function transition(fields: object) {
  const data = { subject: "service", from: "SERVING", degraded: false, at: AT, ...fields };
  return { type: "transition", id: "e-2", data: JSON.stringify(data) };
}

const serving = (name: string) => ({ name, status: "SERVING", degraded: false, since: SINCE });

describe("the statuses of the page", () => {
  test("a snapshot replaces everything, and removes services that it does not have", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("a"), serving("b")]));
    assert.ok(statuses.isKnown);
    assert.deepEqual(statuses.takeChanges(), {
      names: new Set(["a", "b"]),
      isListChanged: true,
      hasSnapshot: true,
    });
    statuses.take(snapshot([serving("b"), { ...serving("c"), status: "UNKNOWN" }]));
    assert.deepEqual(statuses.takeChanges().names, new Set(["a", "c"]));
    assert.deepEqual([...statuses.services.keys()], ["b", "c"]);
  });

  test("a transition changes one service, and is taken once", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("a"), serving("b")]));
    statuses.takeChanges();
    statuses.take(transition({ name: "b", to: "NOT_SERVING", reason: "timeout" }));
    assert.deepEqual(statuses.services.get("b"), {
      status: "NOT_SERVING",
      degraded: false,
      reason: "timeout",
      since: AT,
    });
    assert.deepEqual(statuses.takeChanges(), { names: new Set(["b"]), isListChanged: false, hasSnapshot: false });
    assert.equal(statuses.takeChanges().names.size, 0);
  });

  test("a service that appears or disappears changes the list", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("a")]));
    statuses.takeChanges();
    statuses.take(transition({ name: "new", from: "SERVICE_UNKNOWN", to: "SERVING" }));
    assert.equal(statuses.takeChanges().isListChanged, true);
    statuses.take(transition({ name: "new", to: "SERVICE_UNKNOWN" }));
    assert.equal(statuses.takeChanges().isListChanged, true);
    assert.deepEqual([...statuses.services.keys()], ["a"]);
  });

  test("degraded is a change of its own", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("a")]));
    statuses.takeChanges();
    statuses.take(transition({ name: "a", to: "SERVING", degraded: true, reason: "slow" }));
    assert.equal(statuses.services.get("a")?.degraded, true);
    assert.deepEqual(statuses.takeChanges().names, new Set(["a"]));
  });

  test("a drain begins and ends with the transition of the server as a whole", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("")]));
    statuses.take(transition({ name: "", to: "NOT_SERVING", reason: "draining" }));
    assert.equal(statuses.isDraining, true);
    statuses.take(transition({ name: "", from: "NOT_SERVING", to: "SERVING" }));
    assert.equal(statuses.isDraining, false);
    statuses.take(snapshot([], { draining: true, stalled: true }));
    assert.deepEqual([statuses.isDraining, statuses.isStalled], [true, true]);
  });

  test("transitions of checks and unknown events change nothing", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([serving("a")]));
    statuses.takeChanges();
    statuses.take(transition({ subject: "check", name: "a", to: "failing" }));
    statuses.take({ type: "other", id: "e-3", data: "7" });
    assert.equal(statuses.takeChanges().names.size, 0);
    assert.equal(statuses.services.get("a")?.status, "SERVING");
  });

  test("fields of other types are read as empty", () => {
    const statuses = new Statuses();
    statuses.take(snapshot([{ name: 1, status: {}, degraded: "yes", since: null }, serving("a")]));
    statuses.take({ type: "snapshot", id: undefined, data: "null" });
    assert.deepEqual([...statuses.services.keys()], []);
  });
});
