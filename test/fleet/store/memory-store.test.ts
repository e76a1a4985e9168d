import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreError } from "../../../src/fleet/store/store.js";
import { MemoryStore } from "../../support/fleet-memory-store.js";
import { settle, VirtualClock } from "../../support/virtual-clock.js";
import { storeSuite } from "./store-suite.js";

const RUN = "0123456789abcdef01234567";

describe("in memory", () => {
  const clock = new VirtualClock();
  const stores = new Map<string, MemoryStore>();
  storeSuite("memory", () => ({
    connect: async (fleet) => {
      const store = stores.get(fleet) ?? new MemoryStore(clock);
      stores.set(fleet, store);
      return store.connect();
    },
    flush: async () => {
      for (const store of stores.values()) store.flush();
    },
    pass: (ms) => clock.advance(ms),
  }));
});

describe("the faults of a store in memory", () => {
  function open() {
    const clock = new VirtualClock();
    const store = new MemoryStore(clock, 1_000);
    return { clock, store, connection: store.connect() };
  }

  test("away: calls are rejected at once, of one connection or of all", async () => {
    const { store, connection } = open();
    connection.faults.isAway = true;
    await assert.rejects(connection.beat(RUN, "1"), { code: "unreachable" });
    await store.connect().beat(RUN, "1");
    store.faults.isAway = true;
    await assert.rejects(store.connect().beat(RUN, "1"), StoreError);
  });

  test("silent: calls wait for their deadline", async () => {
    const { clock, store, connection } = open();
    store.faults.isSilent = true;
    const call = outcomeOf(connection.beat(RUN, "1"));
    await clock.advance(999);
    assert.equal(await now(call), "pending");
    await clock.advance(1);
    assert.equal(await call, "timeout");
    assert.equal(store.beats.size, 0);
  });

  test("slow: an answer comes after the delay, and a call above its deadline fails though it took effect", async () => {
    const { clock, store, connection } = open();
    store.faults.delayMs = 200;
    const call = outcomeOf(connection.beat(RUN, "1"));
    await clock.advance(100);
    assert.equal(store.beats.get(RUN), "1");
    assert.equal(await now(call), "pending");
    await clock.advance(100);
    assert.equal(await call, "done");
    store.faults.delayMs = 1_200;
    const late = outcomeOf(connection.beat(RUN, "2"));
    await clock.advance(1_000);
    assert.equal(await late, "timeout");
    assert.equal(store.beats.get(RUN), "2");
  });

  test("a connection that breaks while the answer is on its way fails though the call took effect", async () => {
    const { clock, store, connection } = open();
    store.faults.delayMs = 200;
    const call = outcomeOf(connection.beat(RUN, "1"));
    await clock.advance(150);
    connection.faults.isAway = true;
    await clock.advance(50);
    assert.equal(await call, "unreachable");
    assert.equal(store.beats.get(RUN), "1");
  });

  test("the last milliseconds of writes are lost: beats, cells and entries", async () => {
    const { clock, store, connection } = open();
    const write = (head: string, cell: string | undefined) =>
      connection.write({ run: RUN, head, cells: new Map([["a", cell]]) });
    await connection.beat(RUN, "1");
    await write("h1", "old");
    await clock.advance(1_000);
    await connection.beat(RUN, "2");
    await write("h2", "new");
    await write("h3", undefined);
    store.loseLast(500);
    assert.equal(store.beats.get(RUN), "1");
    assert.deepEqual(await connection.cells(RUN), { head: "h1", cells: new Map([["a", "old"]]) });
    assert.equal(store.log.length, 1);
    store.loseLast(5_000);
    assert.equal(await connection.cells(RUN), undefined);
  });

  test("a split has two stores, and a connection goes to one of them", async () => {
    const { store, connection } = open();
    await connection.beat(RUN, "1");
    const fork = store.fork();
    const apart = store.connect();
    apart.store = fork;
    await apart.beat(RUN, "2");
    assert.equal(store.beats.get(RUN), "1");
    assert.equal((await apart.beat(RUN, "3")).beats.get(RUN), "2");
    apart.store = store;
    assert.equal((await apart.beat(RUN, "3")).beats.get(RUN), "1");
  });

  test("one key is evicted", async () => {
    const { store, connection } = open();
    await connection.beat(RUN, "1");
    await connection.write({ run: RUN, head: "h1", cells: new Map([["a", "x"]]) });
    store.evict({ run: RUN });
    assert.equal((await connection.beat(RUN, "2")).head, undefined);
    store.evict("beats");
    assert.equal((await connection.beat(RUN, "2")).beats.size, 0);
    store.evict("log");
    assert.equal(store.log.length, 0);
  });

  test("cells of a slow store are read in parts, between which the run may write", async () => {
    const { clock, store, connection } = open();
    const cells = (text: string) => new Map([["a", text], ["b", text]]); // biome-ignore format: a table
    await connection.rewrite(RUN, "h1", cells("old"));
    store.faults.delayMs = 100;
    const read = connection.cells(RUN);
    await clock.advance(120);
    store.write({ run: RUN, head: "h2", cells: cells("new") });
    await clock.advance(100);
    assert.deepEqual(await read, { head: "h1", cells: new Map([["a", "old"], ["b", "new"]]) }); // biome-ignore format: a table
  });
});

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "done";
  } catch (error) {
    return error instanceof StoreError ? error.code : String(error);
  }
}

async function now(outcome: Promise<string>): Promise<string> {
  await settle();
  return Promise.race([outcome, Promise.resolve("pending")]);
}
