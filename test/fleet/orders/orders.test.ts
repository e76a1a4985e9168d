/** Orders of operators in a fleet of three: maintenance at all members, and many orders at once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetMaintenance } from "../../../src/fleet/orders/maintenance.js";
import { definitions, type TestMember, World } from "../fleet-world.js";

const CHECKS = definitions(6);
const HOUR = 3_600_000;

async function three() {
  const world = new World();
  const [a, b, c] = await world.grow(3, CHECKS);
  if (a === undefined || b === undefined || c === undefined) throw new Error("there are three");
  return { world, a, b, c };
}

/** As the daemon does: reads the others, orders, and tells. */
async function order(world: World, member: TestMember, scope: string, durationMs: number): Promise<readonly string[]> {
  const { orders } = member.fleet;
  const given = (async () => {
    await orders.catchUp();
    orders.maintenance.merge([orders.maintenance.next({ scope, durationMs, reason: "", member: member.name })]);
    return orders.tell();
  })();
  let unaware: readonly string[] | undefined;
  void given.then((names) => {
    unaware = names;
  });
  for (let step = 0; unaware === undefined; step += 1) {
    if (step > 100) throw new Error("the order is not told within 10 s");
    await world.seconds(0.1);
  }
  return unaware;
}

function holds(...members: readonly TestMember[]): readonly string[] {
  return members.map(({ name, fleet }) => `${name} ${activeOf(fleet.orders.maintenance).join("+")}`);
}

function activeOf(maintenance: FleetMaintenance): readonly string[] {
  return maintenance.scopes.filter((scope) => maintenance.active(scope) !== undefined);
}

describe("maintenance that is ordered at one member", () => {
  it("holds at all members when the operator has the answer, and its end too, wherever it is ordered", async () => {
    const { world, a, b, c } = await three();
    const since = world.clock.now();
    assert.deepEqual(await order(world, b, "=orders", HOUR), []);
    assert.ok(world.clock.now() - since <= 2_500, `${world.clock.now() - since} ms`);
    assert.deepEqual(holds(a, b, c), ["a =orders", "b =orders", "c =orders"]);
    assert.deepEqual(await order(world, c, "=orders", 0), []);
    assert.deepEqual(holds(a, b, c), ["a ", "b ", "c "]);
  });

  it("is held by the others when that member dies at once after the answer of the store", async () => {
    const { world, a, b, c } = await three();
    const { orders } = a.fleet;
    orders.maintenance.merge([orders.maintenance.next({ scope: "all", durationMs: HOUR, reason: "", member: "a" })]);
    void orders.tell();
    await world.seconds(0.05);
    a.kill();
    await world.seconds(60);
    assert.deepEqual(holds(b, c), ["b all", "c all"]);
  });

  it("is known to a member that joins, before it decides anything", async () => {
    const { world, a } = await three();
    await order(world, a, "all", HOUR);
    await world.seconds(10);
    const late = world.add("d", CHECKS);
    while (late.decisions.length === 0) {
      await world.seconds(0.1);
      if (late.decisions.length > 0) assert.deepEqual(holds(late), ["d all"]);
      assert.ok(world.clock.now() < 120_000);
    }
  });

  it("survives a store that loses everything", async () => {
    const { world, a, b, c } = await three();
    await order(world, a, "all", HOUR);
    for (let flush = 0; flush < 3; flush += 1) {
      world.store.beats.clear();
      world.store.cells.clear();
      await world.seconds(3);
    }
    const late = world.add("d", CHECKS);
    await world.seconds(10);
    assert.deepEqual(holds(a, b, c, late), ["a all", "b all", "c all", "d all"]);
  });

  it("by a member that is detached holds there, and at the others as soon as the store answers it", async () => {
    const { world, a, b, c } = await three();
    c.connection.faults.isAway = true;
    await world.seconds(8);
    assert.equal(c.fleet.readings.isDetached, true);
    assert.deepEqual(await order(world, c, "=x", HOUR), ["a", "b"]);
    assert.deepEqual(holds(a, b, c), ["a ", "b ", "c =x"]);
    c.connection.faults.isAway = false;
    await world.seconds(4);
    assert.deepEqual(holds(a, b, c), ["a =x", "b =x", "c =x"]);
  });

  it("costs no more than a digest in each beat when all know it", async () => {
    const { world, a, b } = await three();
    const lengths = async () => {
      await world.seconds(5);
      return [a, b].map(({ fleet }) => world.store.beats.get(fleet.run)?.length ?? 0);
    };
    const before = await lengths();
    for (let index = 0; index < 30; index += 1) await order(world, a, `=service-${index}`, HOUR);
    const after = await lengths();
    for (const [index, length] of after.entries()) assert.ok(length < (before[index] ?? 0) + 40, `${before} ${after}`);
  });

  it("is not known to a member with another format: the operator is told its name, as long as it lives", async () => {
    const { world, a, b, c } = await three();
    const other = world.add("x", CHECKS, { format: 2 });
    await world.seconds(10);
    assert.deepEqual(await order(world, a, "all", HOUR), ["x"]);
    assert.deepEqual(holds(a, b, c, other), ["a all", "b all", "c all", "x "]);
    other.kill();
    await world.seconds(30);
    assert.deepEqual(await order(world, a, "all", 0), []);
  });
});

describe("many orders one after the other", () => {
  it("change no status, and let no member seem dead: beats in between do not age what others have heard", async () => {
    const { world, a, b, c } = await three();
    for (let index = 0; index < 150; index += 1) {
      await a.fleet.orders.catchUp();
      await world.seconds(0.1);
    }
    for (const { events } of [a, b, c])
      assert.deepEqual(
        events.filter(({ kind }) => kind === "member-dead"),
        [],
      );
    assert.deepEqual([...a.decisions, ...b.decisions, ...c.decisions], []);
  });
});
