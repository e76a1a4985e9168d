/** A member that has heard nothing for a while, and then serves what is true by now. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { StoreError } from "../../src/fleet/store/store.js";
import { definitions, type TestMember, World } from "./fleet-world.js";

/** How another member goes meanwhile: its vote is older than those of its successors. */
const ENDS: Readonly<Record<string, (member: TestMember) => void>> = {
  left: (member) => void member.fleet.leave(),
  died: (member) => member.kill(),
  "stood still": (member) => member.clock.stop(),
};

/** How the member itself is gone. */
const ABSENCES: Readonly<Record<string, (member: TestMember, isOver: boolean) => void>> = {
  "had no store": ({ connection }, isOver) => {
    connection.faults.isAway = !isOver;
  },
  "stood still too": ({ clock }, isOver) => (isOver ? clock.continue() : clock.stop()),
};

for (const [absence, absent] of Object.entries(ABSENCES))
  for (const [end, ends] of Object.entries(ENDS))
    for (const [before, after] of [
      ["fail", "pass"],
      ["pass", "fail"],
    ] as const)
      it(`a member that ${absence} tells within four seconds that targets ${after}, though their owner told otherwise before it ${end}`, async () => {
        const world = new World(3);
        const checks = definitions(12, { copies: 1, agree: 1, staleAfterMs: 91_000 });
        world.sight = () => before;
        const [a, b] = await world.grow(2, checks);
        const c = world.add("c", checks, { whenStoreIsGone: "share" });
        await world.seconds(20);
        if (a === undefined || b === undefined) throw new Error("they are there");
        absent(c, false);
        await world.seconds(1);
        ends(a);
        world.sight = () => after;
        await world.seconds(40);
        absent(c, true);
        await world.seconds(4);
        const told = (member: TestMember) => checks.map(({ check }) => member.state(check));
        assert.deepEqual(new Set(told(b)), new Set([after === "pass" ? "passing" : "failing"]));
        const others = checks.filter(({ check }) => !c.probed().includes(check)).map(({ check }) => c.state(check));
        assert.deepEqual([...new Set(others)], [after === "pass" ? "passing" : "failing"]);
      });

/** Members that have no vote of an owner that counts, because the owners cannot look. */
const WAITING: readonly (readonly [title: string, isNew: boolean, copies: number])[] = [
  ["has joined meanwhile, with three owners that cannot look", true, 3],
  ["has joined meanwhile, with two owners that cannot look", true, 2],
  ["knows nothing of the targets any more", false, 1],
];
for (const [title, isNew, copies] of WAITING)
  it(`the votes of a member that is back count at one that ${title}`, async () => {
    const world = new World(3);
    const checks = definitions(12, { copies, agree: 1, staleAfterMs: 20_000 });
    world.sight = (member) => (member === "a" ? "pass" : "blind");
    const [a, b] = await world.grow(4, checks);
    if (a === undefined || b === undefined) throw new Error("they are there");
    const late = isNew ? world.add("x", checks) : b;
    await world.seconds(0.5);
    a.connection.faults.isAway = true;
    await world.seconds(30);
    a.connection.faults.isAway = false;
    await world.seconds(4);
    const told = checks.filter(({ check }) => late.state(check) !== "passing").map(({ check }) => check);
    assert.deepEqual(told, []);
  });

/** What a member that was cut off does of the failures that it has heard, and what becomes of those that told them. */
const CUTS = (["all", "share"] as const).flatMap((choice) =>
  ([1, "majority"] as const).flatMap((agree) => [true, false].map((isEnd) => [choice, agree, isEnd] as const)),
);
for (const [choice, agree, isEnd] of CUTS)
  it(`failures that came in the midst of an outage do not outlive it, nor come back after it: ${choice}, ${agree}, their members ${isEnd ? "end" : "go on"}`, async () => {
    const world = new World(3);
    const checks = definitions(8, { copies: 3, agree, staleAfterMs: 600_000 });
    const [a, b, c] = await world.grow(3, checks, { whenStoreIsGone: choice });
    if (a === undefined || b === undefined || c === undefined) throw new Error("they are there");
    let isFailing = false;
    let results = 0;
    // its votes change, so that there is something to write
    world.sight = (member) => {
      results += 1;
      if (member === "a") return results % 2 === 0 ? "pass" : "warn";
      return isFailing ? "fail" : "pass";
    };
    const { connection } = a;
    const { write } = connection;
    connection.write = () => Promise.reject(new StoreError("refused", "the store takes no votes"));
    await world.seconds(20);
    assert.ok(a.events.some(({ kind }) => kind === "detached"));
    isFailing = true;
    await world.seconds(16);
    const failing = () => checks.filter(({ check }) => a.state(check) === "failing").length;
    assert.equal(failing(), checks.length, "it has heard them");
    world.store.faults.isAway = true;
    await world.seconds(2);
    isFailing = false;
    if (isEnd) for (const member of [b, c]) member.kill();
    await world.seconds(20);
    assert.equal(failing(), 0, "it has seen passes since");
    a.decisions.length = 0;
    connection.write = write;
    world.store.faults.isAway = false;
    await world.seconds(30);
    assert.deepEqual(a.decisions.filter(({ state }) => state === "failing"), []); // biome-ignore format: one line
  });
