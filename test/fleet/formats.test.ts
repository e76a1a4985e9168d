/** Members whose records have another format: a rolling upgrade, in both directions. Numbers are rows of docs/fleet.md. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definitions, type TestMember, World } from "./fleet-world.js";

const CHECKS = definitions(20);

const NAMES = ["a", "b", "c", "d", "e"];

function states(member: TestMember): readonly string[] {
  return member.fleet.readings.members().map(({ member: name, state }) => `${name} ${state}`);
}

function kinds(members: readonly TestMember[], kind: string): number {
  return members.flatMap(({ events }) => events.filter((event) => event.kind === kind)).length;
}

function probers(members: Iterable<TestMember>, check: string): number {
  return [...members].filter(({ runners }) => (runners.get(check)?.votes ?? 0) > 0).length;
}

for (const [title, own, other] of [
  ["the old version", 1, 2],
  ["the new version", 2, 1],
] as const)
  describe(`a member of ${title}, beside one of another format`, () => {
    async function mixed() {
      const world = new World();
      const [a, b] = await world.grow(2, CHECKS, { format: own });
      assert.ok(a !== undefined && b !== undefined);
      const x = world.add("x", CHECKS, { format: other });
      await world.seconds(20);
      return { world, a, b, x };
    }

    it("sees it alive and not understood, and counts no record of it as refused", async () => {
      const { a, b, x } = await mixed();
      assert.deepEqual(states(a), ["a alive", "b alive", "x other-format"]);
      assert.deepEqual(states(x), ["a other-format", "b other-format", "x alive"]);
      for (const member of [a, b, x]) {
        assert.equal(member.fleet.readings.refusedRecords, 0, member.name);
        assert.equal(member.fleet.readings.configDigests, 1, member.name);
        assert.deepEqual(
          member.decisions.filter(({ state }) => state !== "passing"),
          [],
          member.name,
        );
      }
      assert.deepEqual([...a.decisions, ...b.decisions], []);
    });

    it("gives it no check and takes none from it: both sides probe each check", async () => {
      const { a, b, x } = await mixed();
      assert.deepEqual(
        [a, b, x].map((member) => member.probed().length),
        [20, 20, 20],
      );
      for (const { check } of CHECKS)
        for (const [member, names] of [
          [a, ["a", "b"]],
          [x, ["x"]],
        ] as const)
          assert.deepEqual(
            member.fleet.readings
              .owners(check)
              ?.owners.map((owner) => owner.member)
              .sort(),
            names,
          );
    });

    it("does not count its votes", async () => {
      const { world, a, b, x } = await mixed();
      world.sight = (member) => (member === "x" ? "fail" : "pass");
      await world.seconds(20);
      assert.deepEqual([a.state("check-0"), b.state("check-0"), x.state("check-0")], ["passing", "passing", "failing"]);
    });

    it("has its own definitions in the store, and reads none of it", async () => {
      const { world, a } = await mixed();
      const names = [...world.store.texts.keys()].filter((name) => name.startsWith("config:"));
      assert.equal(names.length, 2);
      const differing = CHECKS.map((each) => (each.check === "check-3" ? { ...each, digest: "d2" } : each));
      const y = world.add("y", differing, { format: own });
      world.add("z", CHECKS, { format: other });
      await world.seconds(20);
      assert.equal(a.fleet.readings.configDigests, 2);
      const ownersOf = (check: string) => a.fleet.readings.owners(check)?.owners.map(({ member }) => member) ?? [];
      assert.ok(
        CHECKS.some(({ check }) => ownersOf(check).includes("y")),
        "y shares the other checks",
      );
      assert.ok(!ownersOf("check-3").includes("y"));
      assert.ok(y.runners.has("check-3"));
    });

    it("takes it for dead, or for gone, as one that it understands", async () => {
      const { world, a, b, x } = await mixed();
      x.kill();
      await world.seconds(6);
      assert.deepEqual(states(a), ["a alive", "b alive", "x dead"]);
      const y = world.add("y", CHECKS, { format: other });
      await world.seconds(10);
      void y.fleet.leave();
      await world.seconds(3);
      assert.deepEqual(states(b), ["a alive", "b alive", "x dead"]);
      assert.deepEqual([kinds([a, b], "member-dead"), kinds([a, b], "member-left")], [2, 2]);
      await world.seconds(60);
      assert.deepEqual(states(a), ["a alive", "b alive"]);
      assert.equal(world.store.beats.has(x.fleet.run) || world.store.beats.has(y.fleet.run), false);
    });

    it("cannot give it an operator's order, and tells that it has its name", async () => {
      const { world, a } = await mixed();
      assert.equal(a.fleet.orders.ask("x", true), "unknown");
      assert.equal(a.fleet.orders.ask("b", false), "asked");
      const twin = world.add("a", CHECKS, { format: other });
      await world.seconds(20);
      assert.equal(kinds([a], "duplicate"), 1);
      assert.equal(kinds([twin], "duplicate"), 1);
      assert.equal(a.probed().length, 20, "they share no checks");
    });
  });

describe("a rolling upgrade of five members", () => {
  for (const [title, from, to, end] of [
    ["that leave in order", 1, 2, "leave"],
    ["back to the old version", 2, 1, "leave"],
    ["that are killed", 1, 2, "kill"],
  ] as const)
    it(`${title} changes no status, and leaves no check without a prober (F6)`, async () => {
      const world = new World();
      const old = await world.grow(5, CHECKS, { format: from });
      const served = new Map(old.map((member) => [member.name, member]));
      const watch = async (seconds: number) => {
        for (let left = seconds; left > 0; left -= 0.2) {
          await world.seconds(0.2);
          for (const { check } of CHECKS) assert.ok(probers(served.values(), check) > 0, `${check} has a prober`);
        }
      };
      const upgraded: TestMember[] = [];
      for (const name of NAMES) {
        const before = served.get(name);
        let hasLeft = end === "kill";
        if (!hasLeft)
          void before?.fleet.leave().then(() => {
            hasLeft = true;
          });
        while (!hasLeft) await watch(0.2);
        before?.kill();
        served.delete(name);
        const after = world.add(name, CHECKS, { format: to });
        upgraded.push(after);
        served.set(name, after);
        await watch(12);
      }
      for (const { name, decisions } of [...old, ...upgraded])
        assert.deepEqual(
          decisions.filter(({ state }) => state !== "passing"),
          [],
          name,
        );
      for (const { decisions } of old) assert.deepEqual(decisions, []);
      assert.equal(
        upgraded.reduce((sum, member) => sum + member.probed().length, 0),
        40,
        "two probe each check again",
      );
      assert.equal(kinds([...old, ...upgraded], "member-dead") > 0, end === "kill");
      for (const member of upgraded) assert.equal(member.fleet.readings.refusedRecords, 0);
    });
});
