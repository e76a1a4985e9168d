/** Records that were signed once, and are in the store again later: left by a process that has died, or played back by a client that has no secret. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Vote } from "../../src/fleet/records/vote.js";
import { definition, definitions, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(30);

/** Three members that have voted on all checks. */
async function three(checks = CHECKS) {
  const world = new World();
  const [a, b, c] = await world.grow(3, checks);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  return { world, a, b, c };
}

const stateOf = (at: TestMember, name: string) =>
  at.fleet.readings.members().find(({ member }) => member === name)?.state;

describe("beats and votes that are played back", () => {
  for (const [title, deadSeconds] of [
    ["of a member that has died a moment ago", 10],
    ["of a member that is forgotten", 70],
  ] as const)
    it(`${title} do not make it alive, and no target that is down is SERVING because of them`, async () => {
      const { world, a, b, c } = await three();
      const beats: string[] = [];
      for (let second = 0; second < 30; second += 1) {
        beats.push(world.store.beats.get(c.fleet.run) ?? "");
        await world.seconds(1);
      }
      const cells = world.store.cells.get(c.fleet.run);
      assert.ok(cells !== undefined);
      const copy = { head: cells.head, cells: new Map(cells.cells) };
      c.kill();
      await world.seconds(deadSeconds);
      world.sight = () => "fail";
      for (const beat of beats) {
        world.store.beats.set(c.fleet.run, beat);
        world.store.cells.set(c.fleet.run, { head: copy.head, cells: new Map(copy.cells) });
        await world.seconds(1);
        for (const member of [a, b]) assert.notEqual(stateOf(member, "c"), "alive");
      }
      for (const { check } of CHECKS) {
        assert.equal(a.state(check), "failing", check);
        assert.equal(b.state(check), "failing", check);
      }
    });

  it("do not make a member alive at one that has never heard it", async () => {
    const { world, c } = await three();
    const beats: string[] = [];
    for (let second = 0; second < 20; second += 1) {
      beats.push(world.store.beats.get(c.fleet.run) ?? "");
      await world.seconds(1);
    }
    for (const member of world.members.values()) member.kill();
    world.store.flush();
    const d = world.add("d", CHECKS);
    for (const beat of beats) {
      await world.seconds(1);
      world.store.beats.set(c.fleet.run, beat);
      assert.equal(stateOf(d, "c"), undefined);
    }
    assert.equal(d.probed().length, CHECKS.length);
  });
});

describe("an order to drain a member", () => {
  it("is not done by a later process, from the last beat of a member that has died", async () => {
    const { world, a, c } = await three();
    assert.equal(a.fleet.orders.ask("c", true), "asked");
    await world.seconds(3);
    const last = world.store.beats.get(a.fleet.run) ?? "";
    a.kill();
    c.kill();
    world.store.beats.set(a.fleet.run, last);
    const again = world.add("c", CHECKS);
    await world.seconds(20);
    assert.equal(stateOf(again, "c"), "alive");
    assert.equal(again.fleet.readings.members().filter(({ isSelf }) => isSelf)[0]?.state, "alive");
  });
});

describe("the report of a heartbeat", () => {
  it("that a dead process has left does not count at one that starts later: its age is not known", async () => {
    const report: Vote = { state: "passing", reason: undefined, ageMs: 0 };
    const checks = [
      definition("nightly", { scope: "each", copies: 1, staleAfterMs: 600_000, isHeartbeat: true, rate: 0 }),
    ];
    for (const awaySeconds of [1, 60, 1_800]) {
      const world = new World();
      world.isSilent = true;
      const [a, b] = await world.grow(2, checks);
      assert.ok(a !== undefined && b !== undefined);
      a.vote("nightly", report, world.clock.now() + 600_000);
      await world.seconds(5);
      assert.equal(b.state("nightly"), "passing");
      a.kill();
      b.kill();
      await world.seconds(awaySeconds);
      const d = world.add("d", checks);
      await world.seconds(15);
      assert.equal(d.state("nightly"), "pending", `${awaySeconds} s`);
    }
  });
});
