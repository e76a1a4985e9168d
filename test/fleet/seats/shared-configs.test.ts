import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import type { ForeignCell } from "../../../src/fleet/seats/known-votes.js";
import { SharedConfigs } from "../../../src/fleet/seats/shared-configs.js";
import { TurnQueue } from "../../../src/fleet/turn-queue.js";
import { MemoryStore } from "../../support/fleet-memory-store.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { definition } from "../fleet-world.js";
import { recordOf } from "../records.js";

const HOUR_MS = 3_600_000;

/** A member with the checks x and y, of the configuration `own`. */
class Bench {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);
  readonly connection = this.store.connect();
  readonly codec = new FleetCodec("prod", "secret");
  readonly closed = new AbortController();
  reads = 0;
  readonly votes: (ForeignCell & { readonly check: string })[] = [];
  isChanging = false;
  readonly configs = new SharedConfigs({
    ...{ clock: this.clock, store: this.connection, codec: this.codec },
    ...{ turns: new TurnQueue(this.clock, (turn) => turn()), signal: this.closed.signal },
    votes: (check) => this.votes.filter((vote) => vote.check === check),
    recordsOf: () => (this.isChanging ? undefined : this.records),
    onRead: () => {
      this.reads += 1;
    },
    onTried: () => {},
  });
  readonly records = [recordOf(definition("x")), recordOf(definition("y", { digest: "d2" }))];

  /** @param unread what another member could not read */
  exchange(others: readonly string[] = [], own = "own", unread: readonly string[] = []): Promise<void> {
    const beats = others.map((config) => ({ config, unread }));
    return this.configs.exchange(own, beats);
  }

  /** Another member has kept its definitions in the store. */
  keeps(config: string, definitions: Readonly<Record<string, string>>): void {
    this.store.keepText(
      `config:1:${config}`,
      runAtOnce(this.codec.sealConfig(config, new Map(Object.entries(definitions)))),
    );
  }

  /** What member b holds, when it has this configuration. */
  held(config: string, check: string): string | undefined {
    return this.configs.heldBy({ run: "b", config }, definition(check));
  }

  /** Calls of the store that look for texts. */
  countCalls(): readonly string[] {
    const calls: string[] = [];
    const { text } = this.connection;
    this.connection.text = (name) => {
      calls.push(name);
      return text.call(this.connection, name);
    };
    return calls;
  }
}

describe("the definitions of another member", () => {
  it("are read once, when a beat tells another digest", async () => {
    const bench = new Bench();
    bench.keeps("other", { x: "d9" });
    const calls = bench.countCalls();
    await bench.exchange(["other", "own", "", "other"]);
    await bench.exchange(["other"]);
    assert.deepEqual(calls, ["config:1:other"]);
    assert.equal(bench.reads, 1);
    assert.equal(bench.held("other", "x"), "d9");
    assert.equal(bench.held("other", "y"), undefined);
    assert.equal(bench.held("own", "x"), undefined);
  });

  const missing: readonly (readonly [string, (bench: Bench) => void])[] = [
    ["are not in the store yet", () => {}],
    ["cannot be read, because the store is away", (bench) => Object.assign(bench.store.faults, { isAway: true })],
  ];
  for (const [title, set] of missing)
    it(`are read again with the next beat, when they ${title}; until then, the own beats say so`, async () => {
      const bench = new Bench();
      set(bench);
      await bench.exchange(["other"]);
      assert.deepEqual([bench.reads, bench.held("other", "x")], [0, undefined]);
      assert.deepEqual(bench.configs.unread, ["other"]);
      bench.store.faults.isAway = false;
      bench.keeps("other", { x: "d1" });
      await bench.exchange(["other"]);
      assert.deepEqual([bench.reads, bench.held("other", "x")], [1, "d1"]);
      assert.deepEqual(bench.configs.unread, []);
    });

  it("are not asked for when no member has them any more", async () => {
    const bench = new Bench();
    await bench.exchange(["other"]);
    await bench.exchange([]);
    assert.deepEqual(bench.configs.unread, []);
  });

  it("are asked for in part, when there are very many", async () => {
    const bench = new Bench();
    await bench.exchange(Array.from({ length: 40 }, (_, index) => `other-${index}`));
    assert.equal(bench.configs.unread.length, 16);
  });
});

it("a text that cannot be read is read again after 10 s, and not with each beat: it may be long", async () => {
  for (const text of ["1 AAAAAAAAAAAAAAAAAAAAAA []", "", "x".repeat(100_000)]) {
    const bench = new Bench();
    bench.store.keepText("config:1:other", text);
    const calls = bench.countCalls();
    const times: number[] = [];
    for (; bench.clock.now() < 25_000; bench.clock.stall(1_000)) {
      await bench.exchange(["other"]);
      if (calls.length > times.length) times.push(bench.clock.now());
      assert.equal(bench.configs.isReading, false, "it is not waited for");
    }
    assert.deepEqual(times, [0, 10_000, 20_000]);
    bench.keeps("other", { x: "d1" });
    bench.clock.stall(5_000);
    await bench.exchange(["other"]);
    assert.equal(bench.held("other", "x"), "d1");
  }
});

it("a member whose definitions are not known holds those under which it has votes, and those alone", async () => {
  const bench = new Bench();
  const vote = { state: "passing", reason: undefined } as const;
  for (const [run, check, digest] of [
    ["b", "x", "d1"],
    ["b", "y", "d2"],
    ["c", "z", "d1"],
  ] as const)
    bench.votes.push({ run, check, cell: { definition: digest, castAtMs: 0, order: 0, vote } });
  const held = () => ["x", "y", "z"].map((check) => bench.held("other", check));
  assert.deepEqual(held(), ["d1 shared 2 majority", undefined, undefined]);
  bench.keeps("other", { z: "d1 shared 1 1" });
  await bench.exchange(["other"]);
  assert.deepEqual(held(), [undefined, undefined, "d1 shared 1 1"], "known ones say more than votes");
});

describe("the own definitions", () => {
  const kept = (bench: Bench) => {
    const text = bench.store.texts.get("config:1:own");
    return text === undefined ? undefined : Object.fromEntries(runAtOnce(bench.codec.openConfig("own", text)) ?? []);
  };

  it("are kept in the store with the first beat, for those that have others", async () => {
    const bench = new Bench();
    await bench.exchange();
    assert.deepEqual(kept(bench), { x: "d1 shared 2 majority", y: "d2 shared 2 majority" });
  });

  it("are not kept while there are none", async () => {
    const bench = new Bench();
    await bench.exchange([], "");
    assert.equal(bench.store.texts.size, 0);
  });

  it("are not kept while they change: others would read those of two configurations under one name", async () => {
    const bench = new Bench();
    bench.keeps("other", { x: "d9" });
    bench.isChanging = true;
    await bench.exchange(["other"]);
    assert.deepEqual([kept(bench), bench.reads], [undefined, 1]);
    bench.isChanging = false;
    await bench.exchange();
    assert.deepEqual(kept(bench), { x: "d1 shared 2 majority", y: "d2 shared 2 majority" });
  });

  it("are kept again every ten minutes, before the store forgets them", async () => {
    const bench = new Bench();
    const times: number[] = [];
    bench.connection.keepText = async () => void times.push(bench.clock.now());
    for (; bench.clock.now() < HOUR_MS; bench.clock.stall(1_000)) await bench.exchange();
    assert.deepEqual(times, [0, 600_000, 1_200_000, 1_800_000, 2_400_000, 3_000_000]);
  });

  it("are kept again with the next beat, when they have changed, were lost, or could not be kept", async () => {
    const bench = new Bench();
    bench.store.faults.isAway = true;
    await bench.exchange();
    bench.store.faults.isAway = false;
    await bench.exchange();
    assert.notEqual(kept(bench), undefined);
    bench.store.flush();
    await bench.exchange();
    assert.equal(kept(bench), undefined, "it does not know of the loss");
    bench.configs.keepAgain();
    await bench.exchange();
    assert.notEqual(kept(bench), undefined);
  });

  it("are kept again when another member could not read them, at most each five seconds", async () => {
    const bench = new Bench();
    const times: number[] = [];
    bench.connection.keepText = async () => void times.push(bench.clock.now());
    for (; bench.clock.now() < 12_000; bench.clock.stall(1_000)) {
      await bench.exchange(["other"], "own", ["own"]);
    }
    assert.deepEqual(times, [0, 5_000, 10_000]);
  });
});
