/**
 * The contract of the port `FleetStore`, which every store keeps: in memory, Redis and PostgreSQL.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import { Ledger } from "../../../src/fleet/exchange/ledger.js";
import { Mirror } from "../../../src/fleet/exchange/mirror.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import type { Cell, VoteState } from "../../../src/fleet/records/vote.js";
import { type FleetStore, type LogEntry, type LogPosition, StoreError } from "../../../src/fleet/store/store.js";

export interface StoreUnderTest {
  /** A member's connection to the store of a fleet. */
  readonly connect: (fleet: string) => Promise<FleetStore>;
  /** Loses all data. */
  readonly flush: () => Promise<void>;
  /** Lets time pass for leases. */
  readonly pass: (ms: number) => Promise<void>;
}

const RUNS = ["0123456789abcdef01234567", "abcdef0123456789abcdef01", "5555555555555555aaaaaaaa"] as const;
const [ONE, OTHER, THIRD] = RUNS;

const codec = new FleetCodec("suite", "secret");

export function storeSuite(name: string, open: () => StoreUnderTest): void {
  let fleets = 0;

  /** Connections to a fleet of their own. */
  async function connect(): Promise<{ one: FleetStore; other: FleetStore }> {
    fleets += 1;
    const fleet = `suite-${fleets}`;
    return { one: await open().connect(fleet), other: await open().connect(fleet) };
  }

  describe(`the store of a fleet: ${name}`, () => {
    test("a beat reads the beats of all as they were before it", async () => {
      const { one, other } = await connect();
      assert.deepEqual(await one.beat(ONE, "1"), { beats: new Map(), head: undefined, cellCount: 0 });
      assert.deepEqual((await other.beat(OTHER, "2")).beats, new Map([[ONE, "1"]]));
      const { beats } = await one.beat(ONE, "3");
      assert.deepEqual(beats, new Map([[ONE, "1"], [OTHER, "2"]])); // biome-ignore format: a table
    });

    test("a write changes own cells, and the beat tells their head and number", async () => {
      const { one, other } = await connect();
      const member = new Member(ONE);
      await one.write(member.write({ a: "passing", b: "failing" }));
      await one.write(member.write({ a: undefined, c: "warning" }));
      const { head, cellCount } = await one.beat(ONE, "1");
      assert.deepEqual({ head, cellCount }, { head: member.head, cellCount: 2 });
      assert.deepEqual(await other.cells(ONE), member.all());
      assert.equal(await other.cells(OTHER), undefined);
      assert.equal((await other.beat(OTHER, "1")).head, undefined);
    });

    test("names and texts come back as they are", async () => {
      const { one } = await connect();
      const names = ["a b", "ä/ß", "日本", "{x}:*", "__proto__", `quote'"\\`, "head", "-", "a,b", "$1"];
      const cells = new Map(names.map((each) => [each, `text of ${each} \u2028 💥`]));
      const { head } = new Member(ONE);
      const position = (await one.read(undefined)).position;
      await one.write({ run: ONE, head, cells });
      assert.deepEqual((await one.cells(ONE))?.cells, cells);
      assert.deepEqual((await one.read(position)).entries, [{ run: ONE, head, cells }]);
      await one.rewrite(ONE, head, cells);
      assert.deepEqual((await one.cells(ONE))?.cells, cells);
    });

    test("the log is read from its present end on, in the order of each run", async () => {
      const { one, other } = await connect();
      const [first, second] = [new Member(ONE), new Member(OTHER)];
      await one.write(first.write({ a: "passing" }));
      const start = await other.read(undefined);
      assert.deepEqual({ entries: start.entries, isEnd: start.isEnd }, { entries: [], isEnd: true });
      assert.deepEqual((await other.read(start.position)).entries, []);
      const entries = [first.write({ a: "failing" }), first.write({ a: undefined, b: "passing" })];
      const others = [second.write({ a: "passing" })];
      for (const entry of [entries[0], others[0], entries[1]]) if (entry !== undefined) await one.write(entry);
      const page = await other.read(start.position);
      assert.equal(page.isEnd, true);
      assert.deepEqual(of(page.entries, ONE), entries);
      assert.deepEqual(of(page.entries, OTHER), others);
      assert.deepEqual((await other.read(page.position)).entries, []);
    });

    test("the log of a fleet that has written nothing yet is read from its start", async () => {
      const { one, other } = await connect();
      const { position } = await other.read(undefined);
      const entry = new Member(ONE).write({ a: "passing" });
      await one.write(entry);
      assert.deepEqual((await other.read(position)).entries, [entry]);
    });

    test("many entries come in pages", async () => {
      const { one, other } = await connect();
      const members = [new Member(ONE), new Member(OTHER)];
      let { position } = await other.read(undefined);
      const written: LogEntry[] = [];
      for (let index = 0; index < 130; index += 1)
        for (const member of members)
          written.push(member.write({ [`check-${index % 5}`]: "passing", last: states(index) }));
      for (const entry of written) await one.write(entry);
      const read: LogEntry[] = [];
      const sizes: number[] = [];
      for (let isEnd = false; !isEnd; ) {
        const page = await other.read(position);
        ({ position, isEnd } = page);
        read.push(...page.entries);
        sizes.push(page.entries.length);
      }
      assert.ok(sizes.length > 2 && sizes.every((size) => size <= 100), `pages of ${sizes}`);
      for (const run of [ONE, OTHER]) assert.deepEqual(of(read, run), of(written, run));
    });

    test("a write that comes again is read again when it says something else", async () => {
      const { one, other } = await connect();
      const ledger = new Ledger(ONE, codec);
      const { position } = await other.read(undefined);
      ledger.set("a", cell("failing"));
      const failed = ledger.take();
      assert.ok(failed);
      await one.write(failed); // the answer is lost
      const first = await other.read(position);
      assert.deepEqual(first.entries, [failed]);
      ledger.giveBack(failed);
      ledger.set("a", cell("passing"));
      const second = ledger.take();
      assert.ok(second);
      await one.write(second);
      assert.deepEqual((await other.read(first.position)).entries, [second]);
      assert.deepEqual((await other.cells(ONE))?.cells, second.cells);
    });

    test("a rewrite takes the place of all cells, and is not in the log", async () => {
      const { one, other } = await connect();
      const member = new Member(ONE);
      await one.write(member.write({ a: "passing", b: "passing" }));
      const { position } = await other.read(undefined);
      member.write({ a: "failing", b: undefined, c: "passing" });
      const all = member.all();
      await one.rewrite(ONE, all.head, all.cells);
      assert.deepEqual(await other.cells(ONE), all);
      assert.deepEqual((await other.read(position)).entries, []);
      const { head, cellCount } = await one.beat(ONE, "1");
      assert.deepEqual({ head, cellCount }, { head: all.head, cellCount: 2 });
      await one.rewrite(ONE, new Member(ONE).head, new Map());
      assert.deepEqual((await other.cells(ONE))?.cells, new Map());
    });

    test("thousands of cells are written and read", async () => {
      const { one, other } = await connect();
      const cells = new Map(Array.from({ length: 4_321 }, (_, index) => [`check-${index}`, `cell ${index}`]));
      const { head } = new Member(ONE);
      await one.rewrite(ONE, head, cells);
      const read = await other.cells(ONE);
      assert.equal(read?.head, head);
      assert.deepEqual(new Map([...(read?.cells ?? [])].toSorted()), new Map([...cells].toSorted()));
      assert.equal((await one.beat(ONE, "1")).cellCount, cells.size);
    });

    test("while all cells are written again, a beat tells all of before, none or all of now; others read no part as all of now", async () => {
      const { one, other } = await connect();
      const before = new Map(Array.from({ length: 12_000 }, (_, index) => [`check-${index}`, "before"]));
      const now = new Map(Array.from({ length: 11_000 }, (_, index) => [`check-${index}`, "now"]));
      const [oldHead, newHead] = [new Member(ONE).head, new Member(OTHER).head];
      await one.rewrite(ONE, oldHead, before);
      let isOver = false;
      const rewriting = one.rewrite(ONE, newHead, now).then(() => {
        isOver = true;
      });
      const told = new Set<string>();
      const read = new Set<string>();
      const sizeOf = (head: string | undefined, size: number) =>
        head === undefined ? "none" : `${head === oldHead ? "before" : "now"} ${size}`;
      for (let beat = 0; !isOver; beat += 1) {
        const { head, cellCount } = await one.beat(ONE, `${beat}`);
        told.add(sizeOf(head, cellCount));
        const cells = await other.cells(ONE);
        // with the head of before, newer cells may have come: the digest does not fit then
        if (cells?.head !== newHead) continue;
        read.add(`now ${[...cells.cells.values()].filter((text) => text === "now").length} of ${cells.cells.size}`);
      }
      await rewriting;
      for (const state of ["none", "before 12000", "now 11000"]) told.delete(state);
      read.delete("now 11000 of 11000");
      assert.deepEqual([[...told], [...read]], [[], []]);
      assert.equal(sizeOf(newHead, (await one.beat(ONE, "last")).cellCount), "now 11000");
    });

    test("a write while all cells are written again is known to be lost, or is there", async () => {
      const { one, other } = await connect();
      const ledger = new Ledger(ONE, codec);
      const flush = async () => {
        for (let entry = ledger.take(); entry !== undefined; entry = ledger.take())
          ledger.acknowledge(entry, await one.write(entry));
      };
      for (let index = 0; index < 6_000; index += 1) ledger.set(`check-${index}`, cell("passing"));
      await flush();
      const all = ledger.all();
      assert.ok(all);
      const rewriting = one.rewrite(ONE, all.head, all.cells);
      ledger.set("check-5", cell("failing"));
      await Promise.all([rewriting, flush()]);
      // as with each beat, until nothing is lost
      for (let beat = 0, lost = 1; lost > 0 || beat < 2; beat += 1) {
        assert.ok(beat < 5, "it is never complete");
        lost = Number(ledger.isLost(await one.beat(ONE, `${beat}`)));
        const again = lost > 0 ? ledger.all() : undefined;
        if (again !== undefined) await one.rewrite(ONE, again.head, again.cells);
      }
      const stored = await other.cells(ONE);
      assert.deepEqual([stored?.head, stored?.cells.size], [ledger.head, 6_000]);
      assert.equal(codec.openCell(ONE, "check-5", stored?.cells.get("check-5") ?? "")?.cell.vote.state, "failing");
    });

    test("a text is kept under its name, and the last one counts", async () => {
      const { one, other } = await connect();
      assert.equal(await one.text("d"), undefined);
      await one.keepText("d", "first");
      await other.keepText("d", "second");
      assert.equal(await one.text("d"), "second");
    });

    test("a run is forgotten with its beat and its cells, and no other one", async () => {
      const { one, other } = await connect();
      for (const run of [ONE, OTHER]) {
        await one.beat(run, run);
        await one.write(new Member(run).write({ a: "passing" }));
      }
      await other.forget(ONE);
      const { beats, head, cellCount } = await one.beat(ONE, "1");
      assert.deepEqual({ beats, head, cellCount }, { beats: new Map([[OTHER, OTHER]]), head: undefined, cellCount: 0 });
      assert.equal(await one.cells(ONE), undefined);
      assert.equal((await one.cells(OTHER))?.cells.size, 1);
    });

    test("a lease has one holder, who prolongs it, until it ends", async () => {
      const { one, other } = await connect();
      assert.equal(await one.hold("notifier", ONE, 60_000), ONE);
      assert.equal(await other.hold("notifier", OTHER, 60_000), ONE);
      assert.equal(await other.hold("another", OTHER, 60_000), OTHER);
      assert.equal(await one.hold("notifier", ONE, 200), ONE);
      await open().pass(300);
      assert.equal(await other.hold("notifier", OTHER, 60_000), OTHER);
      assert.equal(await one.hold("notifier", ONE, 60_000), OTHER);
    });

    test("of many that take a lease at once, one has it", async () => {
      const { one, other } = await connect();
      const holders = await Promise.all(
        RUNS.map((run, index) => (index % 2 === 0 ? one : other).hold("x", run, 60_000)),
      );
      assert.equal(new Set(holders).size, 1);
    });

    test("fleets in one store do not see each other", async () => {
      const { one } = await connect();
      const { one: apart } = await connect();
      const { position } = await apart.read(undefined);
      await one.beat(ONE, "1");
      await one.write(new Member(ONE).write({ a: "passing" }));
      await one.keepText("d", "definitions");
      await one.hold("x", ONE, 60_000);
      assert.deepEqual((await apart.beat(OTHER, "1")).beats, new Map());
      assert.deepEqual((await apart.read(position)).entries, []);
      assert.equal(await apart.cells(ONE), undefined);
      assert.equal(await apart.text("d"), undefined);
      assert.equal(await apart.hold("x", OTHER, 60_000), OTHER);
    });

    test("a store that has lost everything tells it, and its log is followed again", async () => {
      const { one, other } = await connect();
      const member = new Member(ONE);
      let { position } = await other.read(undefined);
      for (let index = 0; index < 5; index += 1) await one.write(member.write({ a: states(index) }));
      ({ position } = await other.read(position));
      await open().flush();
      assert.deepEqual(await one.beat(ONE, "1"), { beats: new Map(), head: undefined, cellCount: 0 });
      assert.equal(await one.cells(ONE), undefined);
      const all = member.all();
      await one.rewrite(ONE, all.head, all.cells);
      const entry = member.write({ b: "passing" });
      await one.write(entry);
      assert.deepEqual(await follow(other, position), [entry]);
    });

    test("members that repair what is lost have equal cells", async () => {
      const { one, other } = await connect();
      const ledger = new Ledger(ONE, codec);
      const mirror = new Mirror(codec);
      let { position } = await other.read(undefined);
      for (let round = 0; round < 12; round += 1) {
        for (let check = 0; check < 3; check += 1)
          ledger.set(`check-${(round + check) % 7}`, round % 4 === check ? undefined : cell(states(round)));
        const entry = ledger.take();
        if (entry !== undefined) {
          await one.write(entry);
          ledger.acknowledge(entry, ledger.head);
        }
        if (round % 5 === 4) await open().flush();
        const all = ledger.isLost(await one.beat(ONE, "beat")) ? ledger.all() : undefined;
        if (all !== undefined) await one.rewrite(ONE, all.head, all.cells);
        if (round % 3 === 0) position = await applyLog(other, mirror, position);
        mirror.beat(ONE, ledger.head);
        for (const { run } of mirror.wanted()) {
          const stored = await other.cells(run);
          if (stored !== undefined) runAtOnce(mirror.replace(run, stored.head, stored.cells));
        }
      }
      for (let round = 0; round < 2; round += 1) {
        mirror.beat(ONE, ledger.head);
        for (const { run } of mirror.wanted()) {
          const stored = await other.cells(run);
          if (stored !== undefined) runAtOnce(mirror.replace(run, stored.head, stored.cells));
        }
      }
      const checks = [...(ledger.all()?.cells.keys() ?? [])].sort();
      assert.deepEqual([...mirror.checksOf(ONE)].sort(), checks);
      for (const check of checks) assert.deepEqual([...mirror.votes(check)][0]?.cell, ledger.get(check));
    });

    test("calls of a store that is closed are rejected", async () => {
      const { one } = await connect();
      await one.beat(THIRD, "1");
      await one.close();
      await assert.rejects(one.beat(THIRD, "2"), StoreError);
      await assert.rejects(one.read(undefined), { code: "unreachable" });
    });
  });
}

/** A run that writes cells. */
class Member {
  readonly #ledger: Ledger;

  constructor(run: string) {
    this.#ledger = new Ledger(run, codec);
  }

  get head(): string {
    return this.#ledger.head;
  }

  /** A write, as acknowledged. */
  write(changes: Readonly<Record<string, VoteState | undefined>>): LogEntry {
    for (const [check, state] of Object.entries(changes)) this.#ledger.set(check, state && cell(state));
    const entry = this.#ledger.take();
    assert.ok(entry);
    this.#ledger.acknowledge(entry, this.#ledger.head);
    return entry;
  }

  all() {
    const all = this.#ledger.all();
    assert.ok(all);
    return all;
  }
}

function cell(state: VoteState): Cell {
  return {
    definition: "d",
    castAtMs: 1,
    wallTime: undefined,
    order: 0,
    vote: { state, reason: undefined, ageMs: undefined, reported: undefined },
  };
}

function states(index: number): VoteState {
  return index % 2 === 0 ? "failing" : "passing";
}

function of(entries: readonly LogEntry[], run: string): readonly LogEntry[] {
  return entries.filter((entry) => entry.run === run);
}

/** Reads until something comes: a log that was lost is found again after some reads without news. */
async function follow(store: FleetStore, position: LogPosition): Promise<readonly LogEntry[]> {
  let place = position;
  for (let read = 0; read < 30; read += 1) {
    const page = await store.read(place);
    if (page.entries.length > 0) return page.entries;
    place = page.position;
  }
  return [];
}

async function applyLog(store: FleetStore, mirror: Mirror, position: LogPosition): Promise<LogPosition> {
  const page = await store.read(position);
  for (const entry of page.entries) mirror.apply(entry);
  return page.isEnd ? page.position : applyLog(store, mirror, page.position);
}
