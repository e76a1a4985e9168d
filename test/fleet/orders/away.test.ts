/** Orders that are given while the store, a member or its process is away: each is done, the later of two holds, or it is told as lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import { definitions, type TestMember, World } from "../fleet-world.js";

const CHECKS = definitions(6);
const HOUR = 3_600_000;

interface Three {
  readonly world: World;
  readonly a: TestMember;
  readonly b: TestMember;
  readonly c: TestMember;
}

/** The one with a name that is later in the alphabet has started a minute after the one before. */
async function three(seed = 1): Promise<Three> {
  const world = new World(seed);
  const add = async (name: string) => {
    const member = world.add(name, CHECKS);
    await world.seconds(60);
    return member;
  };
  return { world, a: await add("a"), b: await add("b"), c: await add("c") };
}

function stateOf({ name }: TestMember, at: TestMember): string | undefined {
  return at.fleet.readings.members().find(({ member }) => member === name)?.state;
}

function lost(...members: readonly TestMember[]): readonly string[] {
  return members.flatMap(({ name, events }) =>
    events.flatMap((event) =>
      event.kind === "order-lost" ? [`${name}: ${event.member} ${event.isDraining ? "drain" : "resume"}`] : [],
    ),
  );
}

/** Something is away from the start on, until the end. */
interface Absence {
  readonly start: (three: Three) => void;
  readonly end: (three: Three) => void;
}

function cut(...names: readonly ("a" | "b" | "c")[]): Absence {
  const set = (isAway: boolean) => (all: Three) => {
    for (const name of names) all[name].connection.faults.isAway = isAway;
  };
  return { start: set(true), end: set(false) };
}

const STORE = cut("a", "b", "c");

const ABSENCES: Readonly<Record<string, Absence>> = {
  "the store is away": STORE,
  "the store is away from the member that gives it": cut("a"),
  "the store is away from the member that shall do it": cut("b"),
  "the process that shall do it stands still": {
    start: ({ b }) => b.clock.stop(),
    end: ({ b }) => b.clock.continue(),
  },
};

describe("an order to another member", () => {
  for (const [what, { start, end }] of Object.entries(ABSENCES))
    for (const seconds of [12, 70])
      it(`is done when ${what} for ${seconds} s, and so is the next one`, async () => {
        const all = await three();
        const { world, a, b } = all;
        for (const isDraining of [true, false]) {
          start(all);
          assert.equal(a.fleet.orders.ask("b", isDraining), "asked");
          await world.seconds(seconds);
          end(all);
          await world.seconds(10);
          assert.equal(stateOf(b, b), isDraining ? "drained" : "alive");
        }
        await world.seconds(400);
        assert.deepEqual([lost(a, b), stateOf(b, b)], [[], "alive"]);
      });

  it("is done when the store takes the beats that carry it, and loses each of them", async () => {
    const { world, a, b } = await three();
    const { beats } = world.store;
    const { connection, fleet } = a;
    const beat = connection.beat.bind(connection);
    for (const isDraining of [true, false]) {
      const last = beats.get(fleet.run) ?? "";
      connection.beat = async (run, text) => {
        const heard = await beat(run, text);
        beats.set(run, last);
        return heard;
      };
      fleet.orders.ask("b", isDraining);
      await world.seconds(14);
      connection.beat = beat;
      await world.seconds(10);
      assert.equal(stateOf(b, b), isDraining ? "drained" : "alive");
    }
  });

  it("is not done after five minutes, and told as lost once", async () => {
    const all = await three();
    const { world, a, b, c } = all;
    STORE.start(all);
    a.fleet.orders.ask("b", true);
    a.fleet.orders.ask("c", false);
    await world.seconds(298);
    assert.deepEqual(lost(a, b, c), []);
    await world.seconds(10);
    STORE.end(all);
    await world.seconds(60);
    assert.deepEqual(lost(a, b, c), ["a: b drain", "a: c resume"]);
    assert.equal(stateOf(b, b), "alive");
  });

  it("is not done by the next process of that member, and told as lost", async () => {
    const { world, a, b } = await three();
    b.kill();
    a.fleet.orders.ask("b", true);
    const next = world.add("b", CHECKS);
    await world.seconds(310);
    assert.deepEqual([stateOf(next, next), lost(a)], ["alive", ["a: b drain"]]);
  });
});

describe("of two orders to one member, the later one holds", () => {
  for (const [first, second] of [
    ["a", "c"],
    ["c", "a"],
    ["a", "a"],
    ["a", "b"],
    ["c", "b"],
  ] as const)
    for (const isDraining of [true, false])
      it(`given at ${first} and then at ${second}, while the store is away: ${isDraining ? "drain" : "resume"}`, async () => {
        for (const seed of [1, 2, 3]) {
          const all = await three(seed);
          const { world, b } = all;
          if (!isDraining) b.fleet.orders.drain(true);
          await world.seconds(5);
          STORE.start(all);
          await world.seconds(3);
          all[first].fleet.orders.ask("b", !isDraining);
          await world.seconds(1.5);
          all[second].fleet.orders.ask("b", isDraining);
          await world.seconds(20);
          STORE.end(all);
          await world.seconds(20);
          assert.equal(stateOf(b, b), isDraining ? "drained" : "alive", `seed ${seed}`);
        }
      });

  for (const [first, second] of [
    ["a", "c"],
    ["c", "a"],
  ] as const)
    it(`given at ${first} and at once at ${second}, when an operator has the answer to the first one`, async () => {
      for (const seed of [1, 2, 3, 4, 5, 6]) {
        const all = await three(seed);
        const { world, b } = all;
        await world.seconds(seed / 7);
        b.clock.stop();
        const given: string[] = [];
        const order = async () => {
          given.push(await all[first].fleet.orders.askInOrder("b", true));
          given.push(await all[second].fleet.orders.askInOrder("b", false));
        };
        void order();
        await world.seconds(0.05);
        assert.deepEqual(given, ["asked", "asked"]);
        b.clock.continue();
        await world.seconds(10);
        assert.equal(stateOf(b, b), "alive", `seed ${seed}`);
      }
    });

  it("given while a process stands still that reads both at once", async () => {
    for (const seed of [1, 2, 3, 4])
      for (const [first, second] of [
        ["a", "c"],
        ["c", "a"],
      ] as const) {
        const all = await three(seed);
        const { world, b } = all;
        b.clock.stop();
        all[first].fleet.orders.ask("b", true);
        await world.seconds(1.5);
        all[second].fleet.orders.ask("b", false);
        await world.seconds(1.2);
        b.clock.continue();
        await world.seconds(10);
        assert.equal(stateOf(b, b), "alive", `seed ${seed}, ${first} and ${second}`);
      }
  });
});

describe("a member of the release before, whose orders have no time", () => {
  const codec = new FleetCodec("prod", "a secret of the fleet");

  function makeOlder({ connection }: TestMember): void {
    const beat = connection.beat.bind(connection);
    connection.beat = (run, text) => {
      const opened = codec.openBeat(run, text);
      if (opened.kind !== "beat") throw new Error("its own beat");
      const asks = opened.beat.asks.map((ask) => ({ ...ask, number: undefined }));
      return beat(run, codec.sealBeat({ ...opened.beat, orderTime: undefined, asks }));
    };
  }

  it("gives orders, and takes them", async () => {
    const { world, a, b, c } = await three();
    makeOlder(a);
    for (const isDraining of [true, false]) {
      a.fleet.orders.ask("b", isDraining);
      c.fleet.orders.ask("a", isDraining);
      await world.seconds(15);
      assert.deepEqual([stateOf(b, b), stateOf(a, a)], isDraining ? ["drained", "drained"] : ["alive", "alive"]);
    }
  });

  it("may follow a member of this release, and the other way round: the later order holds", async () => {
    const { world, a, b, c } = await three();
    makeOlder(a);
    for (const [member, isDraining] of [
      [a, true],
      [c, false],
      [a, true],
      [b, false],
      [a, true],
    ] as const) {
      member.fleet.orders.ask("b", isDraining);
      await world.seconds(3);
      assert.equal(stateOf(b, b), isDraining ? "drained" : "alive");
    }
    await world.seconds(20);
    assert.equal(stateOf(b, b), "drained");
  });
});

describe("of two maintenances of one service", () => {
  for (const [first, second] of [
    ["a", "c"],
    ["c", "a"],
  ] as const)
    it(`that are ordered at ${first} and then at ${second} without the store, the later one holds, if there was none before`, async () => {
      const all = await three();
      const { world, a, b, c } = all;
      STORE.start(all);
      const order = (member: TestMember, durationMs: number) => {
        const { maintenance } = member.fleet.orders;
        maintenance.merge([maintenance.next({ scope: "=x", durationMs, reason: "", member: member.name })]);
      };
      order(all[first], HOUR);
      await world.seconds(3);
      order(all[second], 2 * HOUR);
      await world.seconds(20);
      STORE.end(all);
      await world.seconds(10);
      for (const { fleet } of [a, b, c]) assert.equal(fleet.orders.maintenance.active("=x")?.member, second);
    });
});
