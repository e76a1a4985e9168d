/**
 * A store with two primaries, each with members, that is healed while a target fails (F13).
 *
 *     before     a b c  on one store, all passing
 *     split      a      on the old primary        the target fails on both sides: all of them tell it
 *                  b c  on the new primary
 *     healed     a b c  on one of them            those who meet again have each other's votes of before the split
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MemoryStore } from "../support/fleet-memory-store.js";
import { definition, type TestMember, World } from "./fleet-world.js";

const CHECKS = Array.from({ length: 12 }, (_, index) => definition(`t${index}`, { copies: index % 3 === 0 ? 1 : 2 }));

/** How long after its change a member's vote is read by the others: a slow store. */
const DELAY_MS = 400;

/** Times within a beat at which the network is healed. */
const OFFSETS_MS = [0, 250, 500, 750];

interface Split {
  readonly a: TestMember;
  readonly others: readonly TestMember[];
  readonly old: MemoryStore;
  readonly new: MemoryStore;
  /** The first beats of the others after the split. */
  readonly firstBeats: ReadonlyMap<string, string>;
}

/** What members told after the network was healed: nothing has changed for any target. */
async function toldAfter(
  seed: number,
  heal: (split: Split, world: World) => void | Promise<void>,
): Promise<readonly string[]> {
  const world = new World(seed);
  const [a, ...others] = await world.grow(3, CHECKS);
  assert.ok(a);
  const all = [a, ...others];
  world.store.faults.delayMs = DELAY_MS;
  const fork = world.store.fork();
  fork.faults.delayMs = DELAY_MS;
  for (const { connection } of others) connection.store = fork;
  await world.seconds(2);
  const firstBeats = new Map(fork.beats);
  firstBeats.delete(a.fleet.run);
  const sick = CHECKS.filter((_, index) => index % 2 === 0).map(({ check }) => check);
  world.sight = (_, check) => (sick.includes(check) ? "fail" : "pass");
  const isKnown = () => all.every((member) => sick.every((check) => member.state(check) === "failing"));
  for (let step = 0; step < 200 && !isKnown(); step += 1) await world.seconds(0.1);
  assert.ok(isKnown(), "all of them tell it");
  await world.seconds(3 + (OFFSETS_MS[seed % OFFSETS_MS.length] ?? 0) / 1_000);
  for (const { decisions } of all) decisions.length = 0;
  await heal({ a, others, old: world.store, new: fork, firstBeats }, world);
  await world.seconds(25);
  for (const member of all)
    for (const { check } of CHECKS) assert.equal(member.state(check), sick.includes(check) ? "failing" : "passing");
  return all.flatMap(({ name, decisions }) =>
    decisions.map(({ check, state }) => `${seed}: ${name} ${check} ${state}`),
  );
}

async function toldAtAnyTime(heal: Parameters<typeof toldAfter>[1]): Promise<readonly string[]> {
  const told: string[] = [];
  for (let seed = 1; seed <= OFFSETS_MS.length; seed += 1) told.push(...(await toldAfter(seed, heal)));
  return told;
}

describe("a failure that both sides of two primaries know is told on after the heal", () => {
  it("when the one member goes to the store of the others", async () => {
    const told = await toldAtAnyTime(({ a, new: store }) => {
      a.connection.store = store;
    });
    assert.deepEqual(told, []);
  });

  it("when the others go back to the store of the one", async () => {
    const told = await toldAtAnyTime(({ others, old }) => {
      for (const { connection } of others) connection.store = old;
    });
    assert.deepEqual(told, []);
  });

  it("when the one had no store at all for a moment", async () => {
    const told = await toldAtAnyTime(async ({ a, new: store }, world) => {
      a.connection.store = store;
      a.connection.faults.isAway = true;
      await world.seconds(4);
      assert.equal(a.fleet.readings.isDetached, false, "this is less than a lease");
      a.connection.faults.isAway = false;
    });
    assert.deepEqual(told, []);
  });

  it("when the store of the others has lost all that the one has said", async () => {
    const told = await toldAtAnyTime(({ a, new: store }) => {
      store.cells.delete(a.fleet.run);
      store.beats.delete(a.fleet.run);
      a.connection.store = store;
    });
    assert.deepEqual(told, []);
  });

  it("when beats of the split arrive at the store of the one: they were on their way in a connection that was cut", async () => {
    const told = await toldAtAnyTime(({ old, firstBeats }) => {
      for (const [run, beat] of firstBeats) old.beats.set(run, beat);
    });
    assert.deepEqual(told, []);
  });
});
