/** A member among the others: whom it counts, when it acts on changes, and what it tells of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetEvent, FleetSettings } from "../../../src/fleet/fleet-deps.js";
import type { HeardBeat } from "../../../src/fleet/members/members.js";
import { FleetMembership } from "../../../src/fleet/members/membership.js";
import type { Beat } from "../../../src/fleet/records/beat.js";
import { VirtualClock } from "../../support/virtual-clock.js";

const SETTINGS: FleetSettings = {
  ...{ instance: "test", fleet: "prod", member: "self", zone: "z", secret: undefined, version: "1" },
  ...{ beatMs: 1_000, leaseMs: 5_000, settleMs: 2_000, capacity: 100, whenStoreIsGone: "auto", leaveMs: 15_000 },
};

/** Member `self`, whose run is `run-5`. */
class Bench {
  readonly clock = new VirtualClock();
  readonly events: string[] = [];
  /** The names of the roster, each time when it is acted on. */
  readonly rosters: string[] = [];
  readonly membership: FleetMembership;
  /** The votes of the others are known. */
  isCurrent = true;
  #counter = 0;

  constructor() {
    const { clock } = this;
    this.membership = new FleetMembership({
      ...{ clock, run: "run-5", settings: SETTINGS },
      onRoster: () => this.rosters.push(this.roster),
      onEvent: (event) => this.events.push(textOf(event)),
    });
  }

  get roster(): string {
    return this.membership.roster.map(({ name }) => name).join(" ");
  }

  /** Rounds, one each second, in which these beat: names, or `NAME=RUN`. `?NAME` has another format, `-NAME` leaves. */
  async rounds(count: number, names: string): Promise<void> {
    for (let round = 0; round < count; round += 1) {
      this.round(names);
      await this.clock.advance(1_000);
    }
  }

  /** A round without the time after it. */
  round(names: string): void {
    this.#counter += 1;
    const beats = names.split(" ").filter((name) => name !== "");
    this.membership.hear(
      beats.map((name) => this.#beat(name)),
      this.clock.now(),
      this.#counter,
    );
    this.membership.review(() => this.isCurrent);
  }

  #beat(text: string): HeardBeat {
    const [, flag, name = "", run = `run-${name}`] = /^([?-]?)(\w+)(?:=(.*))?$/.exec(text) ?? [];
    const counter = this.#counter;
    if (flag === "?") return { format: 99, run, member: name, counter };
    const beat: Beat = {
      ...{ format: 1, run, member: name, zone: undefined, version: "1", counter, uptimeMs: counter * 1_000, head: "" },
      ...{
        config: "c",
        capacity: 100,
        stalest: 0,
        isLeaving: flag === "-",
        asks: [],
        heard: new Map([["run-5", counter]]),
      },
    };
    return beat;
  }
}

function textOf(event: FleetEvent): string {
  if (event.kind === "duplicate") return `duplicate ${event.member} ${event.isOver ? "over" : "begins"}`;
  return "run" in event && "member" in event ? `${event.kind} ${event.member} ${event.run}` : event.kind;
}

/** A member that has joined a and b. */
async function joined(): Promise<Bench> {
  const bench = new Bench();
  await bench.rounds(6, "a b");
  assert.equal(bench.membership.isCatchingUp, false);
  assert.equal(bench.roster, "a b self");
  bench.rosters.length = 0;
  bench.events.length = 0;
  return bench;
}

describe("a member that starts", () => {
  it("alone gets all checks after the settle time", async () => {
    const bench = new Bench();
    assert.equal(bench.membership.hasOthers, false);
    await bench.rounds(1, "");
    bench.round("");
    await bench.clock.advance(999);
    assert.deepEqual([bench.roster, bench.rosters], ["", []]);
    await bench.clock.advance(1);
    assert.deepEqual([bench.roster, bench.rosters], ["self", ["self"]]);
    assert.equal(bench.membership.hasOthers, false);
  });

  it("sees at once who probes what, and joins after the settle time", async () => {
    const bench = new Bench();
    bench.round("a b");
    await bench.clock.advance(1_000);
    assert.equal(bench.roster, "");
    bench.round("a b");
    assert.deepEqual([bench.roster, bench.rosters], ["a b", ["a b"]]);
    assert.equal(bench.membership.hasOthers, true);
    await bench.clock.advance(1_999);
    assert.equal(bench.roster, "a b");
    await bench.clock.advance(1);
    assert.deepEqual([bench.roster, bench.rosters], ["a b self", ["a b", "a b self"]]);
  });

  it("joins the others at once when it was alone because the store was away: it probes, and its vote has a seat", async () => {
    const bench = new Bench();
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    assert.equal(bench.roster, "self");
    bench.membership.freeze(bench.clock.now());
    await bench.rounds(2, "a b");
    assert.deepEqual(bench.rosters, ["a b self"]);
  });

  const lonely: readonly (readonly [title: string, alone: (bench: Bench) => Promise<void>])[] = [
    [
      "had the store for a moment, and heard others that told nothing",
      async (bench) => {
        await bench.rounds(1, "");
        await bench.clock.advance(5_000);
        bench.membership.missRound();
        bench.round("");
        await bench.clock.advance(2_000);
        bench.membership.freeze(Number.POSITIVE_INFINITY);
      },
    ],
    [
      "heard a part of what the others say while it was detached",
      async (bench) => {
        bench.membership.freeze(Number.POSITIVE_INFINITY);
        await bench.rounds(2, "");
      },
    ],
    [
      "was the last one for long",
      async (bench) => {
        await bench.rounds(20, "");
        bench.membership.freeze(Number.POSITIVE_INFINITY);
      },
    ],
  ];
  for (const [title, alone] of lonely)
    it(`joins the others at once also when it was alone, and ${title}`, async () => {
      const bench = new Bench();
      await alone(bench);
      assert.equal(bench.roster, "self");
      bench.membership.freeze(bench.clock.now() + 5_000);
      bench.rosters.length = 0;
      await bench.rounds(3, "a b");
      assert.deepEqual(bench.rosters, ["a b self"], "it does not wait until no check is frozen");
      await bench.rounds(4, "a b");
      assert.deepEqual(bench.rosters, ["a b self"]);
    });

  it("that was not alone keeps its list while the store is away, and for a lease after that", async () => {
    const bench = await joined();
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    await bench.clock.advance(20_000);
    bench.membership.freeze(bench.clock.now() + 5_000);
    await bench.rounds(4, "c");
    assert.deepEqual([bench.roster, bench.rosters], ["a b self", []]);
  });

  it("takes no check before it knows what the others say, also after the settle time", async () => {
    const bench = new Bench();
    bench.isCurrent = false;
    await bench.rounds(5, "a b");
    assert.equal(bench.roster, "a b");
    bench.isCurrent = true;
    bench.round("a b");
    assert.equal(bench.roster, "a b self");
  });

  it("does not tell the same list of the others twice", async () => {
    const bench = new Bench();
    await bench.rounds(2, "a b");
    bench.round("a b");
    assert.deepEqual(bench.rosters, ["a b"]);
  });

  it("proposes nothing before its first round", async () => {
    const bench = new Bench();
    bench.membership.change({ config: "d" });
    await bench.clock.advance(10_000);
    assert.deepEqual([bench.roster, bench.clock.pendingTimers], ["", 0]);
    assert.equal(bench.membership.self.config, "d");
  });
});

describe("who is alive", () => {
  it("is told when it changes: joined, died, left", async () => {
    const bench = new Bench();
    bench.round("a b");
    assert.deepEqual(bench.events, [], "a beat alone is no sign of life");
    await bench.clock.advance(1_000);
    await bench.rounds(3, "a b");
    assert.deepEqual(bench.events.splice(0), ["member-joined a run-a", "member-joined b run-b"]);
    await bench.rounds(1, "a -b");
    await bench.rounds(5, "");
    assert.deepEqual(bench.events, ["member-dead a run-a", "member-left b run-b"]);
    assert.deepEqual(bench.membership.alive, []);
  });

  it("makes the votes count in another way: once when one joins, dies or comes back", async () => {
    const bench = new Bench();
    const news: string[] = [];
    const rounds = async (count: number, names: string) => {
      for (let round = 0; round < count; round += 1) {
        await bench.rounds(1, names);
        if (bench.membership.isReviewDue) news.push(bench.membership.alive.map(({ name }) => name).join(" "));
      }
    };
    await rounds(5, "a");
    await rounds(5, "a b");
    await rounds(8, "a");
    await rounds(5, "a b");
    assert.deepEqual(news, ["a", "a b", "a", "a b"]);
  });

  it("includes a member of another format, which gets no checks", async () => {
    const bench = new Bench();
    await bench.rounds(6, "?a b");
    assert.deepEqual(
      bench.membership.alive.map(({ name }) => name),
      ["a", "b"],
    );
    assert.equal(bench.roster, "b self");
  });
});

describe("a change of the members is acted on", () => {
  it("after the settle time, when one joins", async () => {
    const bench = await joined();
    await bench.rounds(1, "a b c");
    bench.round("a b c");
    await bench.clock.advance(1_999);
    assert.deepEqual(bench.rosters, []);
    await bench.clock.advance(1);
    assert.deepEqual(bench.rosters, ["a b c self"]);
  });

  it("at once, when one leaves", async () => {
    const bench = await joined();
    bench.round("a -b");
    assert.deepEqual(bench.rosters, ["a self"]);
  });

  it("at once, when this member leaves; and after the settle time, when it comes back", async () => {
    const bench = await joined();
    bench.membership.change({ isLeaving: true });
    assert.deepEqual([bench.membership.isLeaving, bench.rosters], [true, ["a b"]]);
    bench.membership.change({ isLeaving: false });
    assert.deepEqual(bench.rosters, ["a b"]);
    await bench.clock.advance(2_000);
    assert.deepEqual(bench.rosters, ["a b", "a b self"]);
  });

  it("as others see it: one that has started does not follow them without itself any more", async () => {
    const bench = await joined();
    bench.membership.change({ isLeaving: true });
    bench.rosters.length = 0;
    await bench.rounds(1, "a b c");
    bench.round("a b c");
    assert.deepEqual(bench.rosters, []);
    await bench.clock.advance(2_000);
    assert.deepEqual(bench.rosters, ["a b c"]);
  });

  it("with the configuration of this member, when that changes", async () => {
    const bench = await joined();
    bench.membership.change({ config: "d" });
    await bench.clock.advance(2_000);
    assert.deepEqual(bench.rosters, ["a b self"]);
    assert.equal(bench.membership.roster.at(-1)?.config, "d");
  });

  it("not after the member is closed", async () => {
    const bench = await joined();
    await bench.rounds(2, "a b c");
    bench.membership.stop();
    assert.equal(bench.clock.pendingTimers, 0);
  });
});

describe("while the store is away", () => {
  it("the roster stays as it is, and for as long as it is frozen after that", async () => {
    const bench = await joined();
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    await bench.rounds(10, "a");
    assert.deepEqual([bench.rosters, bench.clock.pendingTimers], [[], 0]);
    const until = bench.clock.now() + 5_000;
    bench.membership.freeze(until);
    bench.round("a");
    await bench.clock.advance(4_999);
    assert.equal(bench.roster, "a b self");
    await bench.clock.advance(1);
    assert.deepEqual(bench.rosters, ["a self"]);
  });

  it("it stays also for a member that leaves", async () => {
    const bench = await joined();
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    bench.membership.change({ isLeaving: true });
    assert.deepEqual(bench.rosters, []);
  });

  it("it catches up again also without a freeze, when it has heard nothing for a lease", async () => {
    const bench = await joined();
    bench.membership.hearAgain(4_999);
    assert.equal(bench.membership.isCatchingUp, false);
    bench.membership.hearAgain(5_000);
    assert.equal(bench.membership.isCatchingUp, true);
  });

  for (const [title, beats, isCatchingUp] of [
    ["knows what each run says that it has heard since it answers", ["a b"], false],
    ["does not wait longer for one that is silent", ["a", "a"], false],
    ["waits for one that was not heard yet", ["a"], true],
  ] as const)
    it(`it catches up from its first answer on, and not again when it is attached: it ${title}`, async () => {
      const bench = await joined();
      bench.membership.freeze(Number.POSITIVE_INFINITY);
      await bench.clock.advance(20_000);
      bench.membership.hearAgain(20_000);
      bench.round("a");
      for (const names of beats) {
        await bench.clock.advance(1_000);
        bench.membership.freeze(bench.clock.now() + 5_000);
        bench.round(names);
      }
      assert.equal(bench.membership.isCatchingUp, isCatchingUp);
    });

  it("a member without a roster is alone in it, unless it leaves", () => {
    const bench = new Bench();
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    assert.equal(bench.roster, "self");
    const leaving = new Bench();
    leaving.membership.change({ isLeaving: true });
    leaving.membership.freeze(Number.POSITIVE_INFINITY);
    assert.equal(leaving.roster, "");
  });

  it("it decides by what it has; when the store is back, it catches up again", async () => {
    const bench = new Bench();
    assert.equal(bench.membership.isCatchingUp, true);
    bench.membership.freeze(Number.POSITIVE_INFINITY);
    assert.equal(bench.membership.isCatchingUp, false);
    bench.membership.freeze(bench.clock.now() + 5_000);
    assert.equal(bench.membership.isCatchingUp, true);
    bench.isCurrent = false;
    await bench.rounds(3, "a b");
    assert.deepEqual([bench.membership.isCatchingUp, bench.membership.isBehind], [true, true]);
    assert.equal(
      bench.membership.review(() => true),
      true,
    );
    assert.deepEqual([bench.membership.isCatchingUp, bench.membership.isBehind], [false, false]);
  });
});

describe("another live process with the name of this one", () => {
  it("is told, and its end too", async () => {
    const bench = await joined();
    await bench.rounds(3, "a b self=run-9");
    assert.equal(bench.membership.isDuplicated, false, "it may be the end of a process before this one");
    await bench.rounds(2, "a b self=run-9");
    assert.equal(bench.membership.isDuplicated, true);
    assert.deepEqual(bench.events, ["member-joined self run-9", "duplicate self begins"]);
    await bench.rounds(6, "a b");
    assert.equal(bench.membership.isDuplicated, false);
    assert.deepEqual(bench.events.slice(2), ["duplicate self over", "member-dead self run-9"]);
  });

  it("goes first when its run is smaller: this one gets no checks then", async () => {
    for (const [run, isFirst] of [
      ["run-9", true],
      ["run-1", false],
    ] as const) {
      const bench = await joined();
      await bench.rounds(8, `a b self=${run}`);
      assert.equal(bench.membership.isShadowed("run-5"), !isFirst);
      assert.equal(bench.membership.isShadowed(run), isFirst);
      assert.deepEqual(
        bench.membership.roster.map((member) => member.run),
        ["run-a", "run-b", isFirst ? "run-5" : run],
      );
    }
  });

  it("shadows no member of another name, and no unknown run", async () => {
    const bench = await joined();
    await bench.rounds(2, "a b self=run-1");
    assert.deepEqual(
      ["run-a", "run-unknown"].map((run) => bench.membership.isShadowed(run)),
      [false, false],
    );
  });
});
