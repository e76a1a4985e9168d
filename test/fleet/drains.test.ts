/** Members that operators drain: what the others see of them, and what is true when too many are drained. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetEvent } from "../../src/fleet/fleet-deps.js";
import { definitions, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(12);

async function three() {
  const world = new World();
  const [a, b, c] = await world.grow(3, CHECKS);
  if (a === undefined || b === undefined || c === undefined) throw new Error("there are three");
  return { world, a, b, c };
}

function stateOf({ name }: TestMember, at: TestMember): string {
  return at.fleet.readings.members().find(({ member }) => member === name)?.state ?? "none";
}

function told({ events }: TestMember, ...kinds: readonly FleetEvent["kind"][]): readonly string[] {
  return events.flatMap((event) => {
    if (!kinds.includes(event.kind)) return [];
    if (event.kind === "order-sent") return [`order to ${event.member} ${event.isDraining}`];
    if (event.kind === "drain") return [`drain ${event.isDraining} by ${event.by}`];
    return [`${event.kind} ${"member" in event ? event.member : ""}`];
  });
}

function probed(members: readonly TestMember[], check: string): readonly string[] {
  return members.filter((member) => member.probed().includes(check)).map(({ name }) => name);
}

describe("an order to drain, and to resume", () => {
  it("is told once by the member at which it was given, and by the one that does it, with the name of the first", async () => {
    const { world, a, b, c } = await three();
    for (const isDraining of [true, false]) {
      a.fleet.orders.ask("c", isDraining);
      await world.seconds(20);
    }
    const kinds = ["order-sent", "drain"] as const;
    assert.deepEqual(told(a, ...kinds), ["order to c true", "order to c false"]);
    assert.deepEqual(told(c, ...kinds), ["drain true by a", "drain false by a"]);
    assert.deepEqual(told(b, ...kinds), []);
  });

  it("to the member itself is one line of that member", async () => {
    const { a } = await three();
    for (const isDraining of [true, true, false, false]) a.fleet.orders.ask("a", isDraining);
    assert.deepEqual(told(a, "order-sent", "drain"), ["drain true by a", "drain false by a"]);
  });

  it("is not told when the member does so already", async () => {
    const { world, a, c } = await three();
    for (let index = 0; index < 3; index += 1) {
      a.fleet.orders.ask("c", true);
      await world.seconds(3);
    }
    assert.deepEqual(told(c, "drain"), ["drain true by a"]);
  });
});

describe("a drained member", () => {
  it("is `drained` at all members, `leaving` when it ends, and then none", async () => {
    const { world, a, b, c } = await three();
    c.fleet.drain(true);
    await world.seconds(1.5);
    assert.deepEqual(
      [a, b, c].map((at) => stateOf(c, at)),
      ["drained", "drained", "drained"],
    );
    assert.equal(c.fleet.readings.isLeaving, true);
    void c.fleet.leave();
    assert.equal(stateOf(c, c), "leaving");
    await world.seconds(8);
    assert.deepEqual([stateOf(c, a), told(a, "member-left", "member-dead")], ["none", ["member-left c"]]);
  });

  it("that ends without a goodbye is dead, as any other one", async () => {
    const { world, a, c } = await three();
    c.fleet.drain(true);
    await world.seconds(12);
    c.kill();
    await world.seconds(8);
    assert.deepEqual([stateOf(c, a), told(a, "member-left", "member-dead")], ["dead", ["member-dead c"]]);
  });

  it("is no candidate again by an order to resume that comes while it ends", async () => {
    const { world, a, b, c } = await three();
    c.fleet.drain(true);
    await world.seconds(10);
    void c.fleet.leave();
    c.fleet.orders.drain(false, "a");
    assert.deepEqual([stateOf(c, c), c.fleet.readings.isLeaving], ["leaving", true]);
    await world.seconds(8);
    assert.deepEqual([c.probed(), told(c, "drain")], [[], ["drain true by c"]]);
    for (const { decisions } of [a, b]) assert.deepEqual(decisions, []);
  });
});

describe("a member that ends", () => {
  for (const isDraining of [true, false])
    it(`takes no order to ${isDraining ? "drain" : "resume"}: it is leaving, and hands all its checks over`, async () => {
      const { world, a, b, c } = await three();
      let hasLeft = false;
      void c.fleet.leave().then(() => {
        hasLeft = true;
      });
      a.fleet.orders.ask("c", isDraining);
      c.fleet.orders.drain(isDraining, "b");
      assert.deepEqual([stateOf(c, c), told(c, "drain")], ["leaving", []]);
      await world.seconds(14);
      assert.deepEqual([hasLeft, stateOf(c, a)], [true, "none"]);
      for (const { check } of CHECKS) assert.deepEqual(probed([a, b], check), ["a", "b"]);
    });
});

describe("when no member would be left", () => {
  it("a drain is refused, of this member and of another one", async () => {
    const { world, a, b, c } = await three();
    assert.equal(a.fleet.orders.ask("c", true), "asked");
    await world.seconds(3);
    assert.equal(a.fleet.orders.ask("b", true), "asked");
    await world.seconds(3);
    for (const at of [a, b, c]) assert.equal(at.fleet.orders.ask("a", true), "last", at.name);
    assert.equal(b.fleet.orders.ask("c", false), "asked");
    await world.seconds(3);
    assert.equal(b.fleet.orders.ask("a", true), "asked");
    assert.equal(stateOf(a, a), "alive");
    await world.seconds(3);
    assert.equal(stateOf(a, a), "drained");
  });

  it("in a fleet of one too; and a name that does not exist is unknown", async () => {
    const world = new World();
    const [a] = await world.grow(1, CHECKS);
    assert.equal(a?.fleet.orders.ask("a", true), "last");
    assert.equal(a?.fleet.orders.ask("b", true), "unknown");
  });

  it("because all were drained at once, the drained ones probe, also a new check, and tell the outside", async () => {
    const { world, a, b, c } = await three();
    for (const member of [a, b, c]) member.fleet.drain(true);
    await world.seconds(10);
    for (const member of [a, b, c]) {
      assert.equal(stateOf(member, a), "drained");
      assert.equal(member.fleet.readings.isLeaving, false, "webhooks and recovery go on");
      member.fleet.define(definitions(13));
    }
    await world.seconds(20);
    assert.equal(probed([a, b, c], "check-12").length, 2);
    for (const { state } of [a, b, c].map((member) => ({ state: member.state("check-12") })))
      assert.equal(state, "passing");
    const known = [a, b, c].flatMap(({ decisions }) => decisions.filter(({ check }) => check !== "check-12"));
    assert.deepEqual(known, []);
  });

  it("because the last one dies or ends, a drained one takes its checks, and gives them up when there is another one", async () => {
    for (const end of ["kill", "leave"] as const) {
      const world = new World();
      const [a, b] = await world.grow(2, CHECKS);
      if (a === undefined || b === undefined) throw new Error("there are two");
      a.fleet.drain(true);
      await world.seconds(10);
      assert.deepEqual([a.probed().length, b.probed().length], [0, 12]);
      if (end === "kill") b.kill();
      else void b.fleet.leave().then(() => assert.equal(a.probed().length, 12, "before the other one has left"));
      await world.seconds(15);
      assert.deepEqual([a.probed().length, stateOf(a, a)], [12, "drained"], end);
      const next = world.add("c", CHECKS);
      await world.seconds(30);
      assert.deepEqual([a.probed().length, next.probed().length], [0, 12], end);
      assert.equal(a.fleet.readings.isLeaving, true);
      assert.deepEqual(a.decisions, [], end);
    }
  });
});
