/** A rollout of another way to share checks: one member has it already. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Definition } from "../../src/fleet/records/vote.js";
import { definition, definitions, type TestMember, World } from "./fleet-world.js";

it("a rollout of more copies is seen, and a target that fails is told in time by those that have it and those that have not", async () => {
  const world = new World(3);
  const [a, b] = await world.grow(2, definitions(10, { copies: 1, agree: 1 }));
  if (a === undefined || b === undefined) throw new Error("two members");
  a.fleet.define(definitions(10));
  await world.seconds(30);
  assert.deepEqual([a.fleet.readings.configDigests, b.fleet.readings.configDigests], [2, 2]);
  const at = world.clock.now();
  world.sight = () => "fail";
  await world.seconds(60);
  for (const { decisions } of [a, b]) {
    const failing = decisions.filter(({ state }) => state === "failing");
    assert.equal(failing.length, 10);
    for (const each of failing) assert.ok(each.at - at <= 15_000, `${each.check} after ${each.at - at} ms`);
  }
});

it("during it, what one of two members does not reach is partial", async () => {
  const world = new World(3);
  const [a, b] = await world.grow(2, definitions(10, { copies: 1, agree: 1 }));
  if (a === undefined || b === undefined) throw new Error("two members");
  a.fleet.define(definitions(10));
  await world.seconds(30);
  a.decisions.length = 0;
  world.sight = (member) => (member === "a" ? "fail" : "pass");
  await world.seconds(60);
  assert.equal(a.decisions.filter(({ state }) => state === "failing").length, 0);
});

for (const text of [undefined, "", "forged"])
  it(`a member joins without delay also when the configuration of another one is ${text === undefined ? "lost" : JSON.stringify(text)}`, async () => {
    const world = new World(3);
    await world.grow(2, definitions(10, { copies: 1, agree: 1 }));
    const spoil = () => {
      for (const name of world.store.texts.keys())
        if (text === undefined) world.store.texts.delete(name);
        else world.store.texts.set(name, text);
    };
    spoil();
    const joiner = world.add("c", definitions(10));
    for (let second = 0; second < 4; second += 1) {
      await world.seconds(1);
      spoil();
    }
    assert.equal(joiner.decisions.length, 10, "it decides");
    for (let second = 0; second < 4; second += 1) {
      await world.seconds(1);
      spoil();
    }
    assert.ok(joiner.probed().length > 0, "it probes");
  });

/** Configurations of those that are there, when a member joins with the first one. */
const JOINED: Readonly<Record<string, readonly (readonly Definition[])[]>> = {
  "that others have too": [definitions(10), definitions(10)],
  "that is another one than that of the others": [definitions(9), definitions(9)],
  "when the others have two other ones": [definitions(9), definitions(8)],
  "when that of one other one is lost": [definitions(9), definitions(9)],
};
for (const [title, configs] of Object.entries(JOINED))
  it(`a member with a configuration ${title} decides two beats after its start`, async () => {
    const world = new World(3);
    for (const [index, checks] of configs.entries()) world.add("ab"[index] ?? "", checks);
    await world.seconds(20);
    if (title.includes("lost")) world.store.texts.clear();
    const joiner = world.add("c", definitions(10));
    await world.seconds(2.5);
    assert.ok(joiner.decisions.length >= 8, `it has decided ${joiner.decisions.length} checks`);
  });

/** The store loses the configuration of those that are there, and they do not see it by their own records. */
const LOSSES: Readonly<Record<string, (world: World) => void>> = {
  "evicts it": ({ store }) => store.texts.clear(),
  "spoils it": ({ store }) => {
    for (const name of store.texts.keys()) store.texts.set(name, "forged");
  },
  "is flushed before they have a vote": ({ store }) => store.flush(),
};
for (const [title, lose] of Object.entries(LOSSES))
  it(`a member of another configuration knows who owns a check within a lease, also when the store ${title}`, async () => {
    const world = new World(3);
    world.isSilent = title.includes("vote");
    const [a] = await world.grow(2, definitions(10, { copies: 1, agree: 1 }));
    if (a === undefined) throw new Error("it is there");
    lose(world);
    const c = world.add("c", [...definitions(10, { copies: 1, agree: 1 }), definition("check-c")]);
    await world.seconds(12);
    const ownersAt = (member: TestMember, check: string) =>
      member.fleet.readings.owners(check)?.owners.flatMap(({ member, isOwner }) => (isOwner ? [member] : []));
    const checks = definitions(10).map(({ check }) => check);
    for (const check of checks) assert.deepEqual(ownersAt(c, check), ownersAt(a, check), check);
    assert.ok(checks.some((check) => ownersAt(a, check)?.includes("c")));
    assert.ok(checks.some((check) => !ownersAt(a, check)?.includes("c")));
  });

/** Texts of configurations that a member cannot read: those of the others at once, or all of them for long. */
for (const [title, hide] of [
  ["has not read those of the others yet", () => {}],
  ["cannot be read by the others", (world: World) => world.store.texts.clear()],
] as const)
  describe(`a member whose new configuration has one check more, and that ${title}`, () => {
    async function reloaded(sight: (member: string) => "pass" | "fail") {
      const world = new World(3);
      const scope = (index: number) => (index % 2 === 0 ? "each" : "shared");
      const checks = Array.from({ length: 20 }, (_, index) => definition(`check-${index}`, { scope: scope(index) }));
      const members = await world.grow(4, checks);
      world.sight = sight;
      await world.seconds(30);
      const probed = members.map((member) => member.probed());
      for (const { decisions, events } of members) {
        decisions.length = 0;
        events.length = 0;
      }
      members[0]?.fleet.define([...checks, definition("check-new")]);
      for (let second = 0; second < 12; second += 0.5) {
        await world.seconds(0.5);
        hide(world);
        const known = members.map((member) => member.probed().filter((check) => check !== "check-new"));
        assert.deepEqual(known, probed, `after ${second} s`);
      }
      return members;
    }

    it("moves no other check", async () => {
      for (const { events } of await reloaded(() => "pass"))
        assert.deepEqual(
          events.filter(({ kind }) => kind === "takeover"),
          [],
        );
    });

    for (const [two, others] of [
      ["ab", "cd"],
      ["cd", "ab"],
    ] as const)
      it(`turns no check that ${two} see fail and ${others} see pass`, async () => {
        for (const { decisions } of await reloaded((member) => (two.includes(member) ? "fail" : "pass")))
          assert.deepEqual(
            decisions.filter(({ check }) => check !== "check-new"),
            [],
          );
      });
  });

it("members that each have a configuration of their own read each of the others once, however many they are", async () => {
  const world = new World();
  const shared = definitions(10);
  let reads = 0;
  for (let index = 0; index < 19; index += 1) {
    const { connection } = world.add(`m${index}`, [...shared, definition(`host-${index}`, { scope: "local" })]);
    const text = connection.text.bind(connection);
    connection.text = (name) => {
      reads += 1;
      return text(name);
    };
  }
  await world.seconds(15);
  assert.ok(reads >= 19 * 18, `${reads}`);
  reads = 0;
  await world.seconds(10);
  assert.equal(reads, 0);
});
