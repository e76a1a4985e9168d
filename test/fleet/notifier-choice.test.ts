/** Which member of a fleet sends to webhooks: one at a time, and always one, whatever a program writes to the store. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HeardMember } from "../../src/fleet/members/members.js";
import { NotifierChoice } from "../../src/fleet/notifier-choice.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { definitions, type TestMember, World } from "./fleet-world.js";
import { heardMember } from "./records.js";

const CHECKS = definitions(3);

/** Members that have webhooks. */
async function fleet(count: number) {
  const world = new World();
  const members = Array.from({ length: count }, (_, index) => world.add("abcde"[index] ?? "", CHECKS));
  for (const member of members) member.fleet.notifier.isWilling = true;
  await world.seconds(20);
  return { world, members };
}

function senders(members: Iterable<TestMember>): readonly TestMember[] {
  return [...members].filter(({ isEnded, fleet: { notifier } }) => !isEnded && notifier.isAgreed);
}

/** Looks each 100 ms. Returns how long none of them was the notifier, and that there were never two. */
async function watch(world: World, seconds: number): Promise<number> {
  let gapMs = 0;
  let longestMs = 0;
  for (let step = 0; step < seconds * 10; step += 1) {
    await world.seconds(0.1);
    const found = senders(world.members.values());
    assert.ok(found.length <= 1, `two at ${world.clock.now()}: ${found.map(({ name }) => name)}`);
    gapMs = found.length === 0 ? gapMs + 100 : 0;
    longestMs = Math.max(longestMs, gapMs);
  }
  return longestMs;
}

describe("one member of a fleet sends", () => {
  it("and stays it, while others join, die and leave", async () => {
    const { world, members } = await fleet(3);
    const [notifier] = senders(members);
    assert.ok(notifier);
    const late = world.add("d", CHECKS);
    late.fleet.notifier.isWilling = true;
    assert.equal(await watch(world, 30), 0);
    const [other, leaving] = members.filter((member) => member !== notifier);
    other?.kill();
    assert.equal(await watch(world, 30), 0);
    void leaving?.fleet.leave();
    assert.equal(await watch(world, 30), 0);
    assert.deepEqual(senders(members), [notifier]);
  });

  it("and another one within two leases after its death, and within a lease after it leaves", async () => {
    for (const [end, withinMs] of [
      ["kill", 8_000],
      ["drain", 4_500],
    ] as const) {
      const { world, members } = await fleet(3);
      const [notifier] = senders(members);
      if (end === "kill") notifier?.kill();
      else if (notifier !== undefined) notifier.fleet.notifier.isWilling = false;
      const gapMs = await watch(world, 30);
      assert.ok(gapMs <= withinMs, `${end}: ${gapMs} ms`);
      assert.equal(senders(members).length, 1);
    }
  });

  it("and not after it has not been heard for a lease: it stops before another one begins", async () => {
    const { world, members } = await fleet(3);
    const [notifier] = senders(members);
    assert.ok(notifier);
    notifier.connection.faults.isAway = true;
    await watch(world, 20);
    assert.equal(senders(members).includes(notifier), false);
    notifier.connection.faults.isAway = false;
    await watch(world, 30);
    assert.equal(senders(members).length, 1);
  });

  it("and not one that stood still while another one began", async () => {
    const { world, members } = await fleet(3);
    const [notifier] = senders(members);
    assert.ok(notifier);
    for (const stopSeconds of [2, 4, 5, 7, 40]) {
      notifier.clock.stop();
      await watch(world, stopSeconds).catch(() => {}); // what it would do is not seen while it stands still
      notifier.clock.continue();
      await watch(world, 20);
      assert.equal(senders(members).length, 1);
    }
  });

  it("and never one that has no webhooks, however many others have none", async () => {
    const { world, members } = await fleet(3);
    for (const member of members) member.fleet.notifier.isWilling = member.name === "c";
    await watch(world, 20);
    assert.deepEqual(
      senders(members).map(({ name }) => name),
      ["c"],
    );
  });

  it("and both sides of an upgrade to another format agree on one", async () => {
    const { world, members } = await fleet(2);
    const other = world.add("x", CHECKS, { format: 2 });
    other.fleet.notifier.isWilling = true;
    assert.equal(await watch(world, 30), 0);
    senders(members)[0]?.kill();
    await watch(world, 30);
    assert.equal(senders([...members, other]).length, 1);
  });
});

describe("a program that can write to the store silences no member", () => {
  const FORGED: Readonly<Record<string, (world: World) => void>> = {
    "names a run that does not exist": ({ store, clock }) =>
      void store.leases.set("notifier", { run: "f".repeat(24), until: clock.now() + 1e9 }),
    "names each run in turn": ({ store, clock, members }) => {
      const runs = [...members.values()].map(({ fleet: { run } }) => run);
      const run = runs[Math.floor(clock.now() / 1_000) % runs.length] ?? "";
      store.leases.set("notifier", { run, until: clock.now() + 1e9 });
    },
    "puts beats of a run that does not exist": ({ store, members }) => {
      const [text] = [...members.values()].map(({ fleet: { run } }) => store.beats.get(run));
      store.beats.set("0".repeat(24), text ?? "");
    },
  };
  for (const [what, forge] of Object.entries(FORGED))
    it(`which ${what}`, async () => {
      const { world, members } = await fleet(3);
      for (let second = 0; second < 30; second += 1) {
        forge(world);
        assert.equal(await watch(world, 1), 0);
      }
      const [notifier] = senders(members);
      notifier?.kill();
      for (let second = 0; second < 30; second += 1) {
        forge(world);
        await watch(world, 1);
      }
      assert.equal(senders(members).length, 1);
    });
});

describe("by the beats of the others", () => {
  const BEATS = { beatMs: 1_000, leaseMs: 5_000 };
  const other = (run: string, notifier: string | undefined, change: Partial<HeardMember> = {}) =>
    heardMember(run, { run, notifier, ...change });
  const rows: readonly [
    title: string,
    others: readonly HeardMember[],
    isAgreed: boolean,
    choice: string | undefined,
  ][] = [
    ["alone, it is the notifier", [], true, "m"],
    ["all name it", [other("p", "m"), other("q", "m")], true, "m"],
    ["one does not name it yet", [other("p", "m"), other("q", "p")], false, "m"],
    ["another one names itself", [other("a", "a"), other("q", "a")], false, "a"],
    ["another one with a higher run names itself, and this one has not yet", [other("z", "z")], false, "z"],
    ["one with a smaller run is there, and none names itself", [other("a", undefined), other("b", "x")], false, "b"],
    ["one takes no part", [other("a", undefined)], true, "m"],
    ["what one has said is old", [other("p", "m", { silenceMs: 2_001 })], false, "m"],
    ["what one has said is two beats old", [other("p", "m", { silenceMs: 2_000 })], true, "m"],
  ];
  for (const [title, others, isAgreed, choice] of rows)
    it(title, () => {
      const made = new NotifierChoice({ clock: new VirtualClock(), run: "m", ...BEATS });
      made.isWilling = true;
      made.hear(0, others, false);
      assert.deepEqual([made.isAgreed, made.choice], [isAgreed, choice]);
    });

  it("it keeps what was agreed while one is silent, and loses it by another word, or by its own deafness", async () => {
    const clock = new VirtualClock();
    const made = new NotifierChoice({ clock, run: "m", ...BEATS });
    made.isWilling = true;
    made.hear(0, [other("p", "m")], false);
    await clock.advance(1_000);
    made.hear(1_000, [other("p", "m", { silenceMs: 4_000 })], false);
    assert.equal(made.isAgreed, true);
    await clock.advance(3_999);
    assert.equal(made.isAgreed, true);
    await clock.advance(1);
    assert.equal(made.isAgreed, false);
    made.hear(5_000, [other("a", "a")], false);
    assert.equal(made.choice, "a", "its own claim is over");
    made.hear(6_000, [], true);
    assert.deepEqual([made.choice, made.isAgreed], [undefined, false], "it does not know who lives");
    made.hear(7_000, [], false);
    assert.equal(made.choice, "m");
    made.hear(8_000, [other("z", "z")], false);
    assert.deepEqual([made.choice, made.isAgreed], ["m", false], "the smaller run stays");
    made.isWilling = false;
    made.hear(9_000, [], false);
    assert.deepEqual([made.choice, made.isAgreed], [undefined, false]);
  });
});
