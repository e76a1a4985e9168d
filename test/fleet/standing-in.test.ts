/** Members that stand in for one that is heard, and whose votes the store does not take. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StoreError } from "../../src/fleet/store/store.js";
import { definition, definitions, type TestMember, World } from "./fleet-world.js";

/** The store takes its beats, and no votes any more. It has one that it cannot tell. */
function refuseVotes(member: TestMember, check: string): void {
  member.connection.write = () => Promise.reject(new StoreError("refused", "NOPERM"));
  member.vote(check, { state: "warning", reason: "slow" });
}

describe("a member whose votes the store refuses for long", () => {
  it("is stood in for by one member for each of its checks, until it is heard again", async () => {
    const checks = definitions(12, { copies: 1 });
    const world = new World();
    const members = await world.grow(3, checks);
    const [a, b, c] = members;
    assert.ok(a && b && c);
    const ofC = c.probed();
    const { write } = c.connection;
    refuseVotes(c, ofC[0] ?? "");
    await world.seconds(30);
    for (let second = 0; second < 150; second += 1) {
      await world.seconds(1);
      for (const check of ofC) {
        const probers: readonly TestMember[] = [a, b].filter((member) => member.probed().includes(check));
        assert.equal(probers.length, 1, `${check} after ${second} s`);
        for (const member of [a, b]) assert.notEqual(member.state(check), "pending", `${check} at ${member.name}`);
      }
    }
    c.connection.write = write;
    await world.seconds(40);
    assert.deepEqual(
      members.flatMap((member) => member.probed()).toSorted(),
      checks.map(({ check }) => check).toSorted(),
    );
  });

  it("is stood in for by members that hold its checks", async () => {
    const [common, special] = [
      definitions(2),
      Array.from({ length: 12 }, (_, index) => definition(`special-${index}`, { copies: 1 })),
    ];
    const world = new World();
    const [a, b, c] = [
      world.add("a", [...common, ...special]),
      world.add("b", common),
      world.add("c", [...common, ...special]),
    ];
    await world.seconds(20);
    const ofC = c.probed().filter((check) => check.startsWith("special"));
    assert.ok(ofC.length > 3);
    refuseVotes(c, ofC[0] ?? "");
    for (let second = 0; second < 60; second += 1) {
      await world.seconds(1);
      for (const check of ofC) assert.notEqual(a.state(check), "pending", `${check} after ${second} s`);
    }
    assert.deepEqual(
      ofC.filter((check) => !a.probed().includes(check)),
      [],
    );
    assert.equal(
      b.probed().some((check) => check.startsWith("special")),
      false,
    );
  });
});
