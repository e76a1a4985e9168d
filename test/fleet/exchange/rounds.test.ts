/** What goes to the store and comes from it: with a store in memory, and a peer that writes there. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runAtOnce } from "../../../src/core/turns.js";
import { Ledger } from "../../../src/fleet/exchange/ledger.js";
import { Mirror } from "../../../src/fleet/exchange/mirror.js";
import { Rounds } from "../../../src/fleet/exchange/rounds.js";
import type { FleetEvent } from "../../../src/fleet/fleet-deps.js";
import type { HeardBeat } from "../../../src/fleet/members/members.js";
import { FORMAT } from "../../../src/fleet/records/beat.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import type { Cell, VoteState } from "../../../src/fleet/records/vote.js";
import { type LogEntry, StoreError } from "../../../src/fleet/store/store.js";
import { TurnQueue } from "../../../src/fleet/turn-queue.js";
import { collectFaults } from "../../support/faults.js";
import { MemoryStore } from "../../support/fleet-memory-store.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";

const [RUN, PEER] = ["a".repeat(24), "b".repeat(24)];
const codec = new FleetCodec("prod", "secret");

function cell(state: VoteState): Cell {
  return { definition: "d", castAtMs: 0, order: 0, vote: { state, reason: undefined } };
}

function beatOf(run: string, counter: number, head: string, format: number = FORMAT): string {
  return codec.sealBeat({
    ...{ format, run, member: run, zone: undefined, version: "1", counter, uptimeMs: counter * 1_000, head },
    ...{ config: "c", capacity: 1, stalest: 0, isLeaving: false, asks: [], heard: new Map([["self", 1]]) },
  });
}

/** A member that beats each second, and its store. */
class Bench {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore(this.clock);
  readonly connection = this.store.connect();
  readonly ledger = new Ledger(RUN, codec);
  readonly mirror = new Mirror(codec);
  readonly rounds: Rounds;
  /** Times at which a beat was made. */
  readonly beats: number[] = [];
  readonly heard: { readonly runs: readonly string[]; readonly startedAt: number; readonly at: number }[] = [];
  /** Times at which a call has succeeded, each with the time without one before it. */
  readonly returns: { readonly at: number; readonly deafMs: number }[] = [];
  /** Of each round. */
  readonly isLogRead: boolean[] = [];
  readonly ticks: string[] = [];
  readonly voted: string[] = [];
  readonly events: FleetEvent[] = [];
  losses = 0;
  isScheduling = true;
  members = 1;
  /** The peer, which writes to the same store. */
  readonly peer = new Ledger(PEER, codec);
  #peerBeats = 0;

  constructor(instance = "rounds-test") {
    const { clock, ledger, mirror } = this;
    this.rounds = new Rounds({
      ...{ clock, store: this.connection, run: RUN, instance, beatMs: 1_000, codec, ledger, mirror },
      turns: new TurnQueue(clock, (turn) => turn()),
      beat: () => {
        this.beats.push(clock.now());
        return this.isScheduling ? beatOf(RUN, this.beats.length, ledger.head) : undefined;
      },
      onBeats: (beats, startedAt, isLogRead) => this.#hear(beats, startedAt, isLogRead),
      onReturn: (deafMs) => this.returns.push({ at: clock.now(), deafMs }),
      onTick: (outcome) => this.ticks.push(outcome),
      onVotes: (checks) => this.#voted(checks),
      members: () => this.members,
      onLoss: () => {
        this.losses += 1;
      },
      onEvent: (event) => this.events.push(event),
    });
  }

  async started(ms = 0): Promise<this> {
    this.rounds.start();
    await this.clock.advance(ms);
    return this;
  }

  set(states: Readonly<Record<string, VoteState>>): void {
    for (const [check, state] of Object.entries(states)) this.ledger.set(check, cell(state));
    this.rounds.changed();
  }

  /** Something else changes each 5 ms. */
  async changeFor(ms: number): Promise<void> {
    for (let step = 0; step < ms / 5; step += 1) {
      this.set({ y: step % 2 === 0 ? "passing" : "failing" });
      await this.clock.advance(5);
    }
  }

  /** The peer says something, and beats. */
  peerSays(states: Readonly<Record<string, VoteState>>): LogEntry {
    for (const [check, state] of Object.entries(states)) this.peer.set(check, cell(state));
    const entry = this.peer.take() ?? assert.fail("nothing has changed");
    this.peer.acknowledge(entry, this.store.write(entry));
    return entry;
  }

  peerBeats(): void {
    this.#peerBeats += 1;
    this.store.beats.set(PEER, beatOf(PEER, this.#peerBeats, this.peer.head));
  }

  kinds(): readonly string[] {
    return this.events.map(({ kind }) => kind);
  }

  stored(): Readonly<Record<string, string>> {
    const cells = this.store.cells.get(RUN)?.cells ?? new Map<string, string>();
    return Object.fromEntries(
      Array.from(cells, ([check, text]) => [check, codec.openCell(RUN, check, text)?.cell.vote.state ?? "forged"]),
    );
  }

  #hear(beats: readonly HeardBeat[], startedAt: number, isLogRead: boolean): void {
    this.isLogRead.push(isLogRead);
    this.heard.push({ runs: beats.map(({ run }) => run), startedAt, at: this.clock.now() });
    for (const { run, head } of beats) if (head !== undefined) this.mirror.beat(run, head, isLogRead);
  }

  *#voted(checks: readonly string[]): Generator<void, void> {
    this.voted.push(...checks);
    yield;
  }
}

describe("beats", () => {
  it("go out each beat, the first one at once, and tell how they went", async () => {
    const bench = await new Bench().started(3_000);
    assert.deepEqual(bench.beats, [0, 1_000, 2_000, 3_000]);
    assert.deepEqual(bench.ticks, ["done", "done", "done", "done"]);
    assert.equal(bench.store.counts.beats, 4);
  });

  it("have a fixed rate, also when the store is slow", async () => {
    const bench = new Bench();
    bench.store.faults.delayMs = 400;
    await bench.started(2_500);
    assert.deepEqual(bench.beats, [0, 1_000, 2_000]);
    assert.deepEqual(bench.heard[1], { runs: [], startedAt: 1_000, at: 1_400 });
  });

  it("do not overlap: the next one goes out a tenth of a beat after an answer that was late", async () => {
    const bench = new Bench();
    bench.store.faults.delayMs = 1_600;
    await bench.started(4_000);
    assert.deepEqual(bench.beats, [0, 1_700, 3_400]);
  });

  it("are not sent while this process does not probe", async () => {
    const bench = new Bench();
    bench.isScheduling = false;
    await bench.started(1_000);
    assert.deepEqual([bench.ticks, bench.store.counts.beats, bench.heard], [["silent", "silent"], 0, []]);
  });

  it("of the others are heard: not the own one, and not one that is forged, which is counted", async () => {
    const bench = new Bench();
    bench.store.beats.set(PEER, beatOf(PEER, 1, bench.peer.head));
    bench.store.beats.set("c".repeat(24), beatOf("c".repeat(24), 1, "", FORMAT + 1));
    bench.store.beats.set("d".repeat(24), beatOf(PEER, 1, bench.peer.head));
    await bench.started(1_000);
    assert.deepEqual(bench.heard.at(-1)?.runs, [PEER, "c".repeat(24)]);
    assert.equal(bench.rounds.refused, 1, "the same beat counts once");
  });

  it("may be sent besides those that are due, once it has started", async () => {
    const bench = new Bench();
    await bench.rounds.beatNow();
    assert.deepEqual(bench.beats, []);
    await bench.started(500);
    await bench.rounds.beatNow();
    await bench.clock.advance(600);
    assert.deepEqual(bench.beats, [0, 500, 1_000]);
    assert.equal(bench.ticks.length, 2, "the time of a beat is over twice");
  });

  it("tells that the time of a beat is over also while the store hangs, and no more once it is stopped", async () => {
    const bench = await new Bench().started(100);
    bench.ticks.length = 0;
    bench.store.faults.isSilent = true;
    await bench.clock.advance(3_500);
    assert.deepEqual(bench.ticks, ["waiting", "waiting", "failed"]);
    bench.rounds.stop();
    await bench.clock.advance(5_000);
    assert.equal(bench.ticks.length, 3);
  });
});

describe("a call that fails", () => {
  it("is counted by its cause and told; the first one that succeeds again is told too", async () => {
    const bench = await new Bench().started();
    assert.equal(bench.rounds.calls.isUp, true);
    assert.deepEqual(bench.kinds(), []);
    bench.store.faults.isAway = true;
    await bench.clock.advance(2_050);
    assert.deepEqual([bench.rounds.calls.isUp, bench.ticks.slice(-2)], [false, ["failed", "failed"]]);
    const { unreachable } = bench.rounds.calls.errors;
    assert.equal(unreachable, bench.kinds().filter((kind) => kind === "store-failed").length);
    bench.store.faults.isAway = false;
    await bench.clock.advance(2_000);
    assert.equal(bench.rounds.calls.isUp, true);
    assert.equal(bench.kinds().filter((kind) => kind === "store-answers").length, 1);
    assert.deepEqual(bench.rounds.calls.errors, { unreachable, timeout: 0, refused: 0, protocol: 0 });
  });

  it("with another error is a fault of the protocol", async () => {
    const bench = new Bench();
    bench.connection.beat = () => Promise.reject(new Error("a reply of another form"));
    await bench.started();
    assert.equal(bench.rounds.calls.errors.protocol, 1);
    const [event] = bench.events;
    assert.equal(event?.kind === "store-failed" && event.error.message, "a reply of another form");
  });

  it("reads no log until a call has succeeded", async () => {
    const bench = await new Bench().started(50);
    bench.store.faults.isAway = true;
    await bench.clock.advance(1_000);
    const { reads } = bench.store.counts;
    await bench.clock.advance(900);
    assert.equal(bench.store.counts.reads, reads);
    assert.equal(bench.rounds.calls.errors.unreachable, 2, "of a read, and of a beat");
  });
});

describe("a member that hears nothing", () => {
  it("is told for how long, with the first call that succeeds again", async () => {
    const bench = await new Bench().started(1_950);
    bench.returns.length = 0;
    bench.store.faults.isAway = true;
    await bench.clock.advance(6_000);
    assert.deepEqual(bench.returns, []);
    bench.store.faults.isAway = false;
    await bench.clock.advance(100);
    assert.deepEqual(bench.returns[0], { at: 8_000, deafMs: 6_100 });
    await bench.clock.advance(1_000);
    assert.ok(bench.returns.slice(1).every(({ deafMs }) => deafMs <= 100));
  });

  it("has not read the log before its first round; after that, it has read it, or could not", async () => {
    const bench = await new Bench().started(2_000);
    assert.deepEqual(bench.isLogRead, [true, true, true]);
    bench.store.faults.delayMs = 2_400;
    await bench.clock.advance(20_000);
    assert.ok(bench.isLogRead.includes(false), "a read that takes longer than a round does not tell of it");
  });
});

describe("own votes", () => {
  it("are written 50 ms after the first change, all in one write", async () => {
    const bench = await new Bench().started(10);
    bench.set({ x: "passing" });
    await bench.clock.advance(49);
    bench.set({ y: "failing" });
    assert.equal(bench.store.counts.writes, 0);
    await bench.clock.advance(1);
    assert.equal(bench.store.counts.writes, 1);
    assert.deepEqual(bench.stored(), { x: "passing", y: "failing" });
    bench.set({ x: "failing" });
    await bench.clock.advance(50);
    assert.equal(bench.store.counts.writes, 2);
  });

  it("of many members are gathered for longer: all together make 200 writes a second at most", async () => {
    const bench = await new Bench().started();
    bench.members = 20;
    bench.set({ x: "passing" });
    await bench.clock.advance(99);
    assert.equal(bench.store.counts.writes, 0);
    await bench.clock.advance(1);
    assert.equal(bench.store.counts.writes, 1);
  });

  it("are not written when nothing has changed", async () => {
    const bench = await new Bench().started();
    bench.rounds.changed();
    await bench.clock.advance(100);
    assert.equal(bench.store.counts.writes, 0);
  });

  it("have one write in flight", async () => {
    const bench = await new Bench().started();
    bench.store.faults.delayMs = 400;
    bench.set({ x: "passing" });
    await bench.clock.advance(100);
    bench.set({ x: "failing" });
    await bench.clock.advance(300);
    assert.equal(bench.store.counts.writes, 1);
    await bench.clock.advance(700);
    assert.equal(bench.store.counts.writes, 2);
    assert.deepEqual(bench.stored(), { x: "failing" });
  });

  it("that were not written go with the next write; until then, this member vouches for nothing", async () => {
    const bench = await new Bench().started(10);
    bench.store.faults.isAway = true;
    bench.set({ x: "passing" });
    assert.equal(bench.rounds.isBehind, false);
    await bench.clock.advance(60);
    assert.equal(bench.rounds.isBehind, true);
    await bench.clock.advance(3_000);
    bench.store.faults.isAway = false;
    await bench.clock.advance(940);
    assert.equal(bench.rounds.isBehind, true, "the beat has succeeded, and the write is still to come");
    await bench.clock.advance(50);
    assert.equal(bench.rounds.isBehind, false);
    assert.deepEqual(bench.stored(), { x: "passing" });
  });

  it("of many checks go in several writes: this member is behind until the last one", async () => {
    const bench = await new Bench().started(10);
    bench.store.faults.isAway = true;
    bench.set(Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`check-${index}`, "passing"])));
    await bench.clock.advance(100);
    bench.store.faults.isAway = false;
    const behind: boolean[] = [];
    for (let count = 1; count <= 3; count += 1) {
      await bench.rounds.flush();
      behind.push(bench.rounds.isBehind);
    }
    assert.deepEqual(behind, [true, true, false]);
    assert.equal(Object.keys(bench.stored()).length, 1_200);
  });

  for (const [title, delayMs, seconds] of [
    ["a fast store", 2, 1.2],
    ["a slow store", 400, 5],
  ] as const)
    it(`make a member behind only until ${title} has what waited for it, however much changes meanwhile`, async () => {
      const bench = await new Bench().started(10);
      bench.set({ x: "passing", y: "passing" });
      await bench.clock.advance(100);
      bench.store.faults.isAway = true;
      bench.set({ x: "failing", y: "failing" });
      await bench.clock.advance(100);
      bench.set({ y: "warning" });
      Object.assign(bench.store.faults, { isAway: false, delayMs });
      const behind: boolean[] = [];
      for (let step = 0; step < seconds * 1_000; step += 1) {
        bench.set({ [`check-${step % 301}`]: step % 2 === 0 ? "passing" : "warning" });
        await bench.clock.advance(1);
        if (bench.stored().x === "failing" && bench.stored().y === "warning") behind.push(bench.rounds.isBehind);
        else assert.equal(bench.rounds.isBehind, true, `after ${step} ms`);
      }
      assert.deepEqual([behind.length > 0, behind.at(-1)], [true, false]);
    });

  it("of many checks are written one write after the other, without another change", async () => {
    const bench = await new Bench().started(10);
    bench.set(Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`check-${index}`, "passing"])));
    await bench.clock.advance(150);
    assert.equal(bench.store.counts.writes, 3);
    assert.equal(bench.rounds.isBehind, false);
  });

  it("are told with the time until they have come back from the log", async () => {
    const bench = await new Bench().started(110);
    bench.set({ x: "passing" });
    await bench.clock.advance(90);
    assert.deepEqual(bench.events, [{ kind: "propagation", ms: 40 }]);
    assert.deepEqual(bench.voted, [], "they are not votes of another member");
  });
});

describe("a store that has lost own votes", () => {
  it("gets all of them again with the next beat", async () => {
    const bench = await new Bench().started(10);
    bench.set({ x: "passing", y: "failing" });
    await bench.clock.advance(1_500);
    assert.deepEqual([bench.losses, bench.store.counts.rewrites], [0, 0]);
    bench.store.flush();
    await bench.clock.advance(500);
    assert.deepEqual(bench.stored(), { x: "passing", y: "failing" });
    assert.deepEqual([bench.losses, bench.store.counts.rewrites], [1, 1]);
    await bench.clock.advance(3_000);
    assert.equal(bench.store.counts.rewrites, 1);
  });

  it("is not one whose beat has overlapped a write", async () => {
    const bench = await new Bench().started(10);
    bench.store.faults.delayMs = 200;
    await bench.clock.advance(900);
    for (const state of ["passing", "failing", "passing", "failing"] as const) {
      bench.set({ x: state });
      await bench.clock.advance(450);
    }
    await bench.clock.advance(2_000);
    assert.deepEqual([bench.losses, bench.store.counts.rewrites], [0, 0]);
  });

  it("gets them and what has changed since with one beat, also when a write has failed or the store was away", async () => {
    const faults: Readonly<Record<string, (bench: Bench) => void>> = {
      nothing: () => {},
      "a write failed": ({ store }) => Object.assign(store.faults, { isAway: true }),
      "no cell was left": ({ store }) => store.evict({ run: RUN }),
    };
    for (const [title, fault] of Object.entries(faults)) {
      const bench = await new Bench().started(10);
      bench.set({ x: "passing" });
      await bench.clock.advance(900);
      fault(bench);
      bench.set({ x: "failing", y: "passing" });
      await bench.clock.advance(2_000);
      bench.store.flush();
      bench.store.faults.isAway = false;
      await bench.clock.advance(1_070);
      assert.deepEqual(bench.stored(), { x: "failing", y: "passing" }, title);
      assert.equal(bench.rounds.isBehind, false, title);
    }
  });

  for (const delayMs of [2, 60, 400])
    it(`of ${delayMs} ms gets them also while something changes all the time`, async () => {
      const bench = await new Bench().started(10);
      bench.set({ x: "passing" });
      await bench.clock.advance(1_500);
      bench.store.faults.delayMs = delayMs;
      bench.store.flush();
      await bench.changeFor(5_000);
      assert.equal(bench.stored().x, "passing");
      await bench.clock.advance(5_000);
      assert.deepEqual([bench.losses, bench.store.counts.rewrites], [1, 1]);
    });

  it("gets them also while something changes all the time, when the first rewrite fails", async () => {
    const bench = await new Bench().started(10);
    bench.set({ x: "passing" });
    await bench.clock.advance(1_500);
    bench.store.faults.delayMs = 60;
    bench.store.flush();
    const { rewrite } = bench.connection;
    bench.connection.rewrite = async () => {
      bench.connection.rewrite = rewrite;
      throw new StoreError("refused", "not now");
    };
    await bench.changeFor(5_000);
    assert.equal(bench.stored().x, "passing");
  });

  it("gets them after the write that was under way", async () => {
    const bench = await new Bench().started(10);
    bench.set({ x: "passing" });
    await bench.clock.advance(900);
    bench.store.flush();
    bench.store.faults.delayMs = 300;
    await bench.clock.advance(240);
    bench.set({ y: "passing" });
    await bench.clock.advance(4_000);
    assert.deepEqual(bench.stored(), { x: "passing", y: "passing" });
  });
});

describe("the log", () => {
  it("is read each 100 ms from its end on: what others say is told", async () => {
    const bench = new Bench();
    bench.peerSays({ before: "passing" });
    bench.peerBeats();
    await bench.started(100);
    bench.voted.length = 0;
    bench.peerSays({ x: "passing", y: "failing" });
    await bench.clock.advance(99);
    assert.deepEqual(bench.voted, []);
    await bench.clock.advance(1);
    assert.deepEqual(bench.voted, ["x", "y"]);
    assert.equal(bench.mirror.votes("y")[0]?.cell.vote.state, "failing");
  });

  it("is read to its end, however long it is", async () => {
    const bench = new Bench();
    bench.peerBeats();
    await bench.started(100);
    for (let count = 0; count < 250; count += 1) bench.peerSays({ x: count % 2 === 0 ? "passing" : "failing" });
    const { reads } = bench.store.counts;
    await bench.clock.advance(100);
    assert.equal(bench.store.counts.reads - reads, 3);
    assert.equal(bench.voted.length, 250);
  });

  it("that other programs fill is left: each 100 ms its end, and with each beat the votes that are missing", async () => {
    const bench = new Bench();
    bench.peerBeats();
    await bench.started(1_000);
    const foreign = { run: "c".repeat(24), head: "", cells: new Map() };
    const fill = () => bench.store.log.push(...Array.from({ length: 10_000 }, () => foreign));
    fill();
    const { reads } = bench.store.counts;
    await bench.clock.advance(100);
    assert.equal(bench.store.counts.reads - reads, 20, "it does not take all of the time");
    for (const vote of ["passing", "failing"] as const) {
      bench.peerSays({ x: vote });
      bench.peerBeats();
      for (let part = 0; part < 30; part += 1) {
        fill();
        await bench.clock.advance(100);
      }
      assert.equal([...bench.mirror.votes("x")][0]?.cell.vote.state, vote);
    }
    fill();
    bench.peerSays({ y: "passing" });
    await bench.clock.advance(200);
    bench.peerSays({ z: "passing" });
    await bench.clock.advance(100);
    assert.equal(bench.voted.at(-1), "z", "what is written after the end that was read comes at once");
  });

  it("is read on after a read that has failed", async () => {
    const bench = new Bench();
    bench.peerBeats();
    await bench.started(150);
    bench.peerSays({ x: "passing" });
    bench.connection.faults.isAway = true;
    await bench.clock.advance(100);
    bench.connection.faults.isAway = false;
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.voted, ["x"]);
  });

  it("is one failure as long as only its end may be read: the votes are read as a whole meanwhile", async () => {
    const bench = await new Bench().started(1_000);
    const { read } = bench.connection;
    bench.connection.read = (position) =>
      position === undefined
        ? read.call(bench.connection, position)
        : Promise.reject(new StoreError("refused", "NOPERM"));
    for (const vote of ["passing", "failing", "passing", "failing"] as const) {
      bench.peerSays({ x: vote });
      for (let beats = 0; beats < 3; beats += 1) {
        bench.peerBeats();
        await bench.clock.advance(1_000);
      }
      assert.equal([...bench.mirror.votes("x")][0]?.cell.vote.state, vote);
      assert.equal(bench.rounds.calls.isUp, false);
    }
    assert.equal(bench.rounds.isCut, false, "it knows what the others say");
    assert.deepEqual(
      bench.kinds().filter((kind) => kind === "store-answers"),
      [],
    );
    bench.connection.read = read;
    await bench.clock.advance(1_000);
    assert.deepEqual(
      [bench.rounds.calls.isUp, bench.kinds().filter((kind) => kind === "store-answers").length],
      [true, 1],
    );
  });
});

describe("a copy that is wrong", () => {
  it("of a run that has written before is read as a whole", async () => {
    const bench = new Bench();
    bench.peerSays({ x: "passing" });
    bench.peerBeats();
    await bench.started();
    assert.deepEqual(bench.voted, ["x"]);
    assert.deepEqual(bench.rounds.resyncs, { "new-run": 1, gap: 0, digest: 0, "log-lost": 0 });
    assert.deepEqual(bench.events, [{ kind: "resync", run: PEER, cause: "new-run" }]);
  });

  it("is read after the place in the log is known: no change is missed between them", async () => {
    const bench = new Bench();
    bench.peerSays({ x: "passing" });
    bench.peerBeats();
    bench.store.faults.delayMs = 40;
    await bench.started(110);
    bench.peerSays({ x: "failing" });
    await bench.clock.advance(300);
    assert.equal([...bench.mirror.votes("x")][0]?.cell.vote.state, "failing");
    assert.equal(bench.rounds.resyncs["new-run"], 1);
  });

  it("because the log was lost is read, and the log is followed from its new end", async () => {
    const bench = new Bench();
    bench.peerBeats();
    await bench.started(150);
    bench.peerSays({ w: "passing" });
    await bench.clock.advance(150);
    bench.peerSays({ x: "passing" });
    bench.store.evict("log");
    bench.peerBeats();
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.voted, ["w"], "entries take a moment");
    bench.peerBeats();
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.voted, ["w", "x"]);
    assert.equal(bench.rounds.resyncs["log-lost"], 1);
    bench.peerSays({ y: "passing" });
    await bench.clock.advance(100);
    assert.deepEqual(bench.voted, ["w", "x", "y"]);
  });

  it("is read again with the next beat, when that has failed or the store has no cells of the run", async () => {
    const bench = new Bench();
    bench.peerSays({ x: "passing" });
    bench.peerBeats();
    const cells = bench.store.cells.get(PEER) ?? assert.fail();
    bench.store.cells.delete(PEER);
    await bench.started();
    assert.deepEqual([bench.voted, bench.rounds.resyncs["new-run"]], [[], 1]);
    bench.store.cells.set(PEER, cells);
    bench.peerBeats();
    await bench.clock.advance(1_000);
    assert.deepEqual([bench.voted, bench.rounds.resyncs["new-run"]], [["x"], 2]);
  });

  it("is read by one reader at a time", async () => {
    const bench = new Bench();
    bench.peerSays({ x: "passing" });
    bench.peerBeats();
    await bench.started();
    runAtOnce(bench.mirror.forget(PEER));
    bench.peerBeats();
    bench.store.faults.delayMs = 450;
    const { resyncs } = bench.store.counts;
    await bench.clock.advance(1_500);
    void bench.rounds.beatNow();
    await bench.clock.advance(400);
    assert.ok(bench.store.counts.resyncs - resyncs <= 1);
  });
});

describe("a member that is closed", () => {
  it("has no timer, and calls the store no more", async () => {
    const bench = await new Bench().started(1_010);
    bench.set({ x: "passing" });
    bench.rounds.stop();
    assert.equal(bench.clock.pendingTimers, 0);
    bench.set({ y: "passing" });
    const counts = { ...bench.store.counts };
    await bench.clock.advance(10_000);
    assert.deepEqual(bench.store.counts, counts);
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it("does not go on after an answer that was on its way", async (t) => {
    const faults = collectFaults(t, "rounds-closed-test");
    const bench = new Bench("rounds-closed-test");
    bench.peerSays({ x: "passing" });
    bench.peerBeats();
    bench.store.faults.delayMs = 100;
    await bench.started(150);
    bench.rounds.stop();
    await bench.clock.advance(10_000);
    assert.deepEqual([bench.voted, bench.clock.pendingTimers], [[], 0]);
    await settle();
    assert.deepEqual(faults, []);
  });

  it("tells no tick of a beat that ends after it", async () => {
    const bench = new Bench();
    bench.store.faults.delayMs = 100;
    await bench.started(50);
    bench.rounds.stop();
    await bench.clock.advance(2_000);
    assert.deepEqual([bench.ticks, bench.beats], [[], [0]]);
  });
});

it("a fault in what is told is published, and beats go on", async (t) => {
  const bench = new Bench("rounds-fault-test");
  const faults = collectFaults(t, "rounds-fault-test");
  bench.ticks.push = () => {
    throw new Error("a fault of the fleet");
  };
  await bench.started(2_000);
  assert.deepEqual([bench.beats.length, faults.length], [3, 3]);
});

describe("a flush of all that has changed", () => {
  const many = (count: number, state: VoteState) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`check-${index}`, state] as const));

  /** Resolves with the result, and how many of these checks the store has by then. */
  async function flushed(bench: Bench, flushing: Promise<boolean>) {
    let result: readonly [isWritten: boolean, at: number, stored: number] | undefined;
    void flushing.then((isWritten) => {
      result = [
        isWritten,
        bench.clock.now(),
        Object.values(bench.stored()).filter((each) => each === "failing").length,
      ];
    });
    const until = bench.clock.now() + 20_000;
    while (result === undefined && bench.clock.now() < until) await bench.clock.advance(10);
    return result;
  }

  it("resolves when the store has it, in as many writes as that takes", async () => {
    const bench = await new Bench().started(1_000);
    bench.connection.faults.delayMs = 100;
    bench.set(many(1_200, "failing"));
    assert.deepEqual((await flushed(bench, bench.rounds.flushAll()))?.filter((_, index) => index !== 1), [true, 1_200]); // biome-ignore format: one line
  });

  it("is not done before the store has what another flush has taken", async () => {
    const bench = await new Bench().started(1_000);
    bench.connection.faults.delayMs = 100;
    bench.set(many(700, "failing"));
    const all = bench.rounds.flushAll();
    const others = [bench.rounds.flush(), bench.rounds.flush(), bench.rounds.flushAll()];
    const [isWritten, , stored] = (await flushed(bench, all)) ?? [];
    assert.deepEqual([isWritten, stored], [true, 700]);
    await Promise.all(others);
  });

  it("is not done when the write of another flush fails", async () => {
    const bench = await new Bench().started(1_000);
    const { connection, rounds } = bench;
    connection.faults.delayMs = 100;
    const write = connection.write.bind(connection);
    let writes = 0;
    connection.write = async (entry) => {
      writes += 1;
      if (writes > 1) throw new StoreError("refused", "no");
      return write(entry);
    };
    bench.set(many(700, "failing"));
    const all = rounds.flushAll();
    void rounds.flush();
    void rounds.flush();
    const [isWritten, , stored] = (await flushed(bench, all)) ?? [];
    assert.deepEqual([isWritten, stored], [false, 500]);
  });

  it("does not wait for what changes after it was asked for", async () => {
    const bench = await new Bench().started(1_000);
    bench.connection.faults.delayMs = 20;
    bench.set({ first: "failing" });
    let count = 0;
    const change = () => {
      count += 1;
      bench.set({ [`later-${count % 800}`]: count % 1_600 < 800 ? "passing" : "warning" });
      bench.clock.setTimer(1, change);
    };
    change();
    const since = bench.clock.now();
    const [isWritten, at = Number.NaN, stored] = (await flushed(bench, bench.rounds.flushAll())) ?? [];
    assert.deepEqual([isWritten, stored], [true, 1]);
    assert.ok(at - since <= 100, `${at - since} ms`);
  });
});
