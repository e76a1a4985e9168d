/** Checks whose results are too old before the next beat comes: what a member probes itself counts with its result. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Definition, Vote } from "../../src/fleet/records/vote.js";
import { definition, type TestMember, World } from "./fleet-world.js";

const BEAT_MS = 5_000;
const STEPS_A_SECOND = 5;

const PASS: Vote = { state: "passing", reason: undefined };
const SLOW: Vote = { state: "warning", reason: "slow" };
const REFUSED: Vote = { state: "failing", reason: "refused" };

async function grown(count: number, change: Partial<Definition>, beatMs = BEAT_MS) {
  const world = new World();
  world.isSilent = true;
  const members = await world.grow(count, [definition("x", change)], { beatMs, leaseMs: 3 * beatMs });
  return { world, members };
}

/** Each of them has a result each second, or more rarely. Returns what they served that is something else, once they know of each other. */
async function others(world: World, probers: readonly TestMember[], vote: Vote, seconds = 60, resultS = 1) {
  const served: string[] = [];
  for (let step = 0; step < seconds * STEPS_A_SECOND; step += 1) {
    const isDue = step % (resultS * STEPS_A_SECOND) === 0;
    if (isDue) for (const member of probers) member.vote("x", vote);
    for (const member of probers) {
      const state = member.state("x");
      const isBegun = step > 2 * STEPS_A_SECOND;
      if (isBegun && state !== vote.state) served.push(`${member.name} ${step / STEPS_A_SECOND} s ${state}`);
    }
    await world.seconds(1 / STEPS_A_SECOND);
  }
  return served;
}

describe("a check whose own probe is repeated in time", () => {
  for (const [title, count, change] of [
    ["that is local", 1, { scope: "local", copies: 1 }],
    ["of a fleet of one", 1, { copies: 1 }],
    ["that two of two members probe", 2, {}],
    ["that each of three members probes", 3, { scope: "each", copies: 3 }],
    ["that is a heartbeat", 2, { scope: "each", isHeartbeat: true }],
  ] as const)
    for (const staleAfterMs of [1_500, 4_000])
      for (const vote of [PASS, SLOW, REFUSED])
        it(`${title} stays ${vote.state}, with a staleAfter of ${staleAfterMs} ms and a beat of 5 s`, async () => {
          const { world, members } = await grown(count, { ...change, staleAfterMs });
          assert.deepEqual(await others(world, members, vote), []);
        });

  it("stays passing with a result just before the last one is too old, and a beat just after it", async () => {
    const { world, members } = await grown(1, { copies: 1, staleAfterMs: 5_100 }, 1_300);
    assert.deepEqual(await others(world, members, PASS, 120, 5), []);
  });

  it("stays passing at the member that has taken it over", async () => {
    const { world, members } = await grown(2, { copies: 1, staleAfterMs: 4_000 });
    const owner = members.find((member) => member.probed().includes("x"));
    const next = members.find((member) => member !== owner);
    assert.ok(owner !== undefined && next !== undefined);
    assert.deepEqual(await others(world, [owner], PASS, 20), []);
    owner.kill();
    await world.seconds(40);
    assert.deepEqual(next.probed(), ["x"]);
    assert.deepEqual(await others(world, [next], PASS), []);
  });

  it("stays passing while the store hangs, and while it is away", async () => {
    for (const fault of ["delayMs", "isAway"] as const) {
      const { world, members } = await grown(1, { copies: 1, staleAfterMs: 4_000 });
      assert.deepEqual(await others(world, members, PASS, 10), []);
      for (const { connection } of members) Object.assign(connection.faults, { [fault]: fault === "isAway" || 7_000 });
      assert.deepEqual(await others(world, members, PASS), [], fault);
    }
  });

  it("is UNKNOWN when its results stop, after staleAfter", async () => {
    const { world, members } = await grown(1, { copies: 1, staleAfterMs: 4_000 });
    await others(world, members, PASS, 10);
    assert.deepEqual(members.map((member) => member.state("x")), ["passing"]); // biome-ignore format: one line
    await world.seconds(3.1);
    assert.deepEqual(members.map((member) => member.state("x")), ["pending"]); // biome-ignore format: one line
  });
});

describe("a check whose votes of others end before the next beat", () => {
  for (const [title, agree, own, others, states] of [
    ["that two of three see fail", "majority", PASS, REFUSED, ["failing", "pending"]],
    ["that one of three must see fail", 1, PASS, REFUSED, ["failing", "pending"]],
    ["that two of three find slow", "majority", PASS, SLOW, ["warning", "pending"]],
  ] as const)
    it(`${title} is nothing else between beats at the third one, though its own results go on`, async () => {
      const { world, members } = await grown(3, { copies: 3, agree, staleAfterMs: 9_000 });
      const served = new Set<string>();
      for (let step = 0; step < 60 * STEPS_A_SECOND; step += 1) {
        for (const member of members) {
          if (step % STEPS_A_SECOND === 0) member.vote("x", member === members[0] ? own : others);
          if (step > 20 * STEPS_A_SECOND && member === members[0]) served.add(member.state("x"));
        }
        await world.seconds(1 / STEPS_A_SECOND);
      }
      assert.deepEqual([...served].filter((state) => !(states as readonly string[]).includes(state)), []); // biome-ignore format: one line
      assert.ok(served.has(states[0]));
    });
});
