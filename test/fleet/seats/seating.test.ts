/** When checks get their owners, and what is told of it. Who owns what is in `seats.test` and `assignment.test`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RosterMember } from "../../../src/fleet/members/roster.js";
import type { Definition } from "../../../src/fleet/records/vote.js";
import { Seating } from "../../../src/fleet/seats/seating.js";
import { Seats } from "../../../src/fleet/seats/seats.js";
import { TurnQueue } from "../../../src/fleet/turn-queue.js";
import { collectFaults } from "../../support/faults.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { definition, definitions } from "../fleet-world.js";
import { rosterMember } from "../records.js";

const [SELF, B] = [rosterMember("self"), rosterMember("b")];

class Bench {
  readonly clock = new VirtualClock();
  readonly calls: string[] = [];
  readonly decisions = { isAlone: false, reviewAll: () => void this.calls.push("review") };
  readonly detachment = { frozenUntil: 0, probesAll: false };
  readonly membership: { roster: readonly RosterMember[]; self: RosterMember; change(to: { config?: string }): void };
  readonly seats: Seats;
  readonly seating: Seating;

  constructor() {
    const { clock, calls, decisions, detachment } = this;
    this.membership = {
      ...{ roster: [SELF], self: SELF },
      change: ({ config }) => {
        calls.push(`config ${config?.length}`);
      },
    };
    this.seats = new Seats({
      ...{ clock, run: SELF.run, heldBy: () => undefined, onChange: () => {} },
      probe: ({ check }) => calls.push(`probe ${check}`),
      rest: ({ check }) => calls.push(`rest ${check}`),
      onVoid: ({ check }) => {
        clock.stall(1);
        calls.push(`void ${check}`);
      },
    });
    this.seating = new Seating({
      ...{
        instance: "seating-test",
        turns: new TurnQueue(clock, (turn) => turn()),
        seats: this.seats,
        decisions,
        detachment,
      },
      membership: this.membership,
      configs: { keepAgain: () => calls.push("keep") },
      onSeated: () => calls.push("seated"),
      onTakeover: (count) => calls.push(`takeover ${count}`),
    });
  }

  async define(...checks: readonly Definition[]): Promise<readonly string[]> {
    this.seating.define(checks);
    return await this.taken();
  }

  /** What was called since the last time. */
  async taken(): Promise<readonly string[]> {
    for (let turn = 0; turn < 20; turn += 1) await settle();
    return this.calls.splice(0);
  }
}

describe("the checks of a configuration", () => {
  it("get their owners, after the digest of all is told", async () => {
    const bench = new Bench();
    assert.deepEqual(await bench.define(definition("x")), ["keep", "config 24", "probe x", "seated"]);
    assert.equal(bench.seating.isRunning, false);
  });

  it("lose the votes of those that are gone or have another definition", async () => {
    const bench = new Bench();
    await bench.define(definition("x"), definition("y"), definition("z"));
    const calls = await bench.define(definition("x"), definition("y", { digest: "d2" }));
    assert.deepEqual(calls, ["void y", "probe y", "void z", "keep", "config 24", "seated"]);
  });

  it("are read once: a change of the members does not read them again", async () => {
    const bench = new Bench();
    await bench.define(definition("x"));
    bench.membership.roster = [B];
    bench.seating.start();
    assert.deepEqual(await bench.taken(), ["seated"]);
    assert.equal(bench.seats.get("x")?.role, "handing-over");
  });

  it("are the last ones, when others come while they are read", async () => {
    const bench = new Bench();
    bench.seating.define([definition("x")]);
    assert.equal(bench.seating.isRunning, true);
    assert.deepEqual(await bench.define(definition("y")), ["void x", "keep", "config 24", "probe y", "seated"]);
    assert.equal(bench.seats.get("x"), undefined);
  });

  it("end a check that one of them lacks, also when the next one has it again", async () => {
    const bench = new Bench();
    await bench.define(definition("x"));
    bench.seating.define([]);
    assert.deepEqual(await bench.define(definition("x")), ["void x", "keep", "config 24", "probe x", "seated"]);
  });

  it("that are read again from the start, because something has changed, still void each vote once", async () => {
    const bench = new Bench();
    await bench.define(...definitions(100));
    bench.seating.define(definitions(100, { digest: "d2" }));
    while (bench.calls.length === 0) await new Promise(setImmediate);
    const begun = bench.calls.length;
    bench.seating.start();
    const calls = await bench.taken();
    assert.ok(begun > 0 && begun < 200, `it was in the middle: ${begun}`);
    assert.equal(calls.filter((call) => call.startsWith("void")).length, 100);
    assert.deepEqual(calls.slice(-3), ["keep", "config 24", "seated"]);
  });

  it("are read in turns, also when each definition takes long to make", async () => {
    const bench = new Bench();
    let turn = 0;
    const made: number[] = [];
    bench.seating.define(
      (function* () {
        for (const each of definitions(200)) {
          bench.clock.stall(1);
          made.push(turn);
          yield each;
        }
      })(),
    );
    for (; turn < 20; turn += 1) await settle();
    assert.ok(new Set(made).size >= 7, `${new Set(made).size} turns`);
    assert.equal(bench.seats.size, 200);
  });
});

describe("what is told of it", () => {
  it("checks that have been decided before are taken over: how many", async () => {
    const bench = new Bench();
    bench.membership.roster = [B];
    assert.deepEqual(await bench.define(...definitions(3)), ["keep", "config 24", "seated"]);
    for (const record of bench.seats.all())
      record.decision = { state: "passing", reason: undefined, validUntil: 99_000 };
    bench.membership.roster = [SELF];
    bench.seating.start();
    const calls = await bench.taken();
    assert.deepEqual(calls.slice(-2), ["takeover 3", "seated"]);
  });

  it("a fault in it is published", async (t) => {
    const faults = collectFaults(t, "seating-test");
    const bench = new Bench();
    bench.membership.change = () => {
      throw new Error("a fault of the fleet");
    };
    await bench.define(definition("x"));
    assert.equal(faults.length, 1);
  });
});

describe("a store that is gone or back", () => {
  it("makes this member probe all, or its share, and each check is decided anew", async () => {
    const bench = new Bench();
    bench.membership.roster = [B];
    await bench.define(definition("x"));
    for (const isAlone of [false, true]) {
      bench.detachment.probesAll = isAlone;
      bench.seating.startAnew();
      assert.deepEqual(await bench.taken(), isAlone ? ["review", "probe x", "seated"] : ["review", "seated"]);
      assert.equal(bench.decisions.isAlone, isAlone);
    }
    bench.detachment.probesAll = false;
    bench.detachment.frozenUntil = 7_000;
    bench.seating.startAnew();
    await bench.taken();
    assert.deepEqual([bench.decisions.isAlone, bench.seats.get("x")?.handsOverFrom], [false, 7_000]);
  });
});

it("nothing is seated after the end, and its abort is no fault", async (t) => {
  const faults = collectFaults(t, "seating-test");
  const bench = new Bench();
  bench.seating.define([definition("x")]);
  bench.seating.stop();
  assert.deepEqual(await bench.taken(), []);
  assert.deepEqual(await bench.define(definition("y")), []);
  assert.deepEqual([bench.seats.size, faults], [0, []]);
});
