/** The store of a fleet on a real PostgreSQL: its tables, its rights, late commits, and its faults. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { systemClock } from "../../../src/core/clock.js";
import { FleetCodec } from "../../../src/fleet/records/codec.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import { SCHEMA } from "../../../src/fleet/store/postgres-link.js";
import { type FleetStore, StoreError } from "../../../src/fleet/store/store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { storeSuite } from "../../fleet/store/store-suite.js";
import { eventually, pause } from "../../support/eventually.js";
import type { Running } from "../peers.js";
import { CA, OTHER_CA, PASSWORD, PATIENCE_MS, type Prepared, preparePostgres } from "../real-servers.js";

const RUN = "0123456789abcdef01234567";
const OTHER_RUN = "abcdef0123456789abcdef01";
const DEADLINE_MS = 2_000;

const TABLES = ["beats", "cells", "heads", "leases", "log", "texts"];

const warnings: string[] = [];
process.on("warning", ({ message }) => {
  if (message.includes("client.query")) warnings.push(message);
});

let folder: string;
let prepared: Prepared;
let server: Running;
const opened: FleetStore[] = [];

async function open(url: string, { fleet = "prod", ca = CA } = {}): Promise<FleetStore> {
  const store = await openStore(parseStoreUrl(url), {
    fleet,
    deadlineMs: DEADLINE_MS,
    clock: systemClock,
    tls: { ca },
  });
  opened.push(store);
  return store;
}

/** Queries of an administrator, on a connection of their own. */
async function admin(...queries: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const client = await connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const query of queries) ({ rows } = await client.query(query));
    return rows;
  } finally {
    await client.end();
  }
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(prepared.url());
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function start(): Promise<void> {
  server = prepared.start();
  const isReady = () =>
    admin("SELECT 1").then(
      () => true,
      () => false,
    );
  await eventually(isReady, "PostgreSQL answers", PATIENCE_MS);
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fleet-postgres-"));
  prepared = await preparePostgres(folder);
  await start();
  await admin(
    "CREATE DATABASE few",
    `CREATE USER hb PASSWORD '${PASSWORD}'`,
    "GRANT CREATE ON DATABASE postgres TO hb",
  );
});

after(async () => {
  for (const store of opened) await store.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const url = (login = {}) => prepared.url({ user: "hb", ...login });

describe("PostgreSQL, with a user that may create a schema", () => {
  storeSuite("PostgreSQL", () => ({
    connect: (fleet) => open(url(), { fleet }),
    flush: async () => void (await admin(`TRUNCATE ${TABLES.map((table) => `healthbridge.${table}`).join()}`)),
    pass: pause,
  }));
});

describe("PostgreSQL", () => {
  test("members that start at once create the tables once", async () => {
    await admin("DROP SCHEMA IF EXISTS healthbridge CASCADE");
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(url(), { fleet: "at-once" })));
    await Promise.all(stores.map((store, index) => store.beat(`${index}`, "1")));
    assert.equal((await stores[0]?.beat("0", "2"))?.beats.size, 6);
    const rows = await admin("SELECT tablename FROM pg_tables WHERE schemaname = 'healthbridge' ORDER BY 1");
    assert.deepEqual(
      rows.map((row) => row.tablename),
      TABLES,
    );
  });

  test("what other users have written is read up to a size: beats, cells, changes and texts", async () => {
    const [one, other] = [await open(url(), { fleet: "filled" }), await open(url(), { fleet: "filled" })];
    const place = (await one.read(undefined)).position;
    await other.beat(OTHER_RUN, "1");
    await other.write({ run: OTHER_RUN, head: "1:h", cells: new Map([["a", "x"]]) });
    await admin(
      "INSERT INTO healthbridge.beats (fleet, run, beat) SELECT 'filled', 'long-' || n, repeat('x', 262145) FROM generate_series(1, 20) n",
      `INSERT INTO healthbridge.cells SELECT 'filled', '${OTHER_RUN}', 'long-' || n, repeat('x', 4194305) FROM generate_series(1, 20) n`,
      `INSERT INTO healthbridge.log (fleet, run, sequence, head, cells) VALUES ('filled', '${OTHER_RUN}', 2, '2:h', repeat('x', 8388609))`,
    );
    assert.deepEqual([...(await one.beat(RUN, "1")).beats.keys()], [OTHER_RUN]);
    assert.deepEqual([...((await one.cells(OTHER_RUN))?.cells.keys() ?? [])], ["a"]);
    assert.deepEqual(
      (await one.read(place)).entries.map(({ head }) => head),
      ["1:h"],
    );
    await admin(
      "INSERT INTO healthbridge.beats (fleet, run, beat) SELECT 'filled', 'forged-' || n, 'x' FROM generate_series(1, 5000) n",
    );
    assert.equal((await one.beat(RUN, "2")).beats.size, 4_096);
    await admin("DELETE FROM healthbridge.beats WHERE fleet = 'filled'");
  });

  test("a page ends when it is long: no cell and no change is left out, and the newest beats come first", async () => {
    const [one, other] = [await open(url(), { fleet: "long" }), await open(url(), { fleet: "long" })];
    const place = (await one.read(undefined)).position;
    await other.beat(OTHER_RUN, "1");
    await other.write({ run: OTHER_RUN, head: headAt(1), cells: new Map([["a", "x"]]) });
    await admin(
      `INSERT INTO healthbridge.cells SELECT 'long', '${OTHER_RUN}', 'cell-' || n, repeat('x', 4000000) FROM generate_series(1, 7) n`,
      `INSERT INTO healthbridge.log (fleet, run, sequence, head, cells)
       SELECT 'long', '${OTHER_RUN}', n, n || ':h', '[["a", "' || repeat('x', 6000000) || '"]]' FROM generate_series(2, 5) n`,
      "INSERT INTO healthbridge.beats (fleet, run, beat, written) SELECT 'long', 'old-' || n, repeat('x', 200000), now() - interval '1 minute' FROM generate_series(1, 100) n",
    );
    const { beats } = await one.beat(RUN, "1");
    assert.ok(beats.size > 30 && beats.size < 60, `${beats.size} beats of 200 kB`);
    assert.ok(beats.has(OTHER_RUN));
    assert.equal((await one.cells(OTHER_RUN))?.cells.size, 8);
    const pages: number[] = [];
    for (let [from, isEnd] = [place, false]; !isEnd; ) {
      const page = await one.read(from);
      pages.push(page.entries.length);
      [from, isEnd] = [page.position, page.isEnd];
    }
    assert.deepEqual(pages, [3, 2]);
    await admin("DELETE FROM healthbridge.beats WHERE fleet = 'long'");
  });

  test("a user with the documented rights on tables that another one has created is enough", async () => {
    const client = new pg.Client(prepared.url({ path: "/few" }));
    await client.connect();
    await client.query(`CREATE USER reader PASSWORD '${PASSWORD}'`);
    const store = await open(url({ user: "reader", path: "/few" }));
    const refused = await failureOf(store.beat(RUN, "1"));
    assert.deepEqual([refused.code, /permission denied.*42501/.test(refused.message)], ["refused", true]);
    await client.query(SCHEMA);
    await client.query("GRANT USAGE ON SCHEMA healthbridge TO reader");
    await client.query("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA healthbridge TO reader");
    await client.end();
    await eventually(() => succeeds(store.beat(RUN, "1")), "a beat is taken");
    await store.write({ run: RUN, head: headAt(1), cells: new Map([["a", "x"]]) });
    await store.rewrite(RUN, headAt(1), new Map([["a", "x"]]));
    await store.keepText("d", "definitions");
    assert.equal(await store.hold("notifier", RUN, 5_000), RUN);
    await store.forget(RUN);
  });

  test("a row with a number that no run reaches ends no read, and hides no other row", async () => {
    const [reader, writer] = [await open(url(), { fleet: "high" }), await open(url(), { fleet: "high" })];
    let { position } = await reader.read(undefined);
    for (const sequence of ["9223372036854775807", "1000000000000000"])
      await admin(`INSERT INTO healthbridge.log VALUES ('high', '${RUN}', ${sequence}, 'head', '[]')`);
    for (const place of [position, (await reader.read(undefined)).position])
      position = (await reader.read(place)).position;
    await writer.write({ run: RUN, head: headAt(1), cells: new Map([["a", "x"]]) });
    const { entries } = await reader.read(position);
    assert.deepEqual(
      entries.map(({ cells }) => [...cells]),
      [[["a", "x"]]],
    );
  });

  test("a lease ends also when the clock of the server was set back by an hour", async () => {
    const store = await open(url(), { fleet: "back" });
    assert.equal(await store.hold("notifier", OTHER_RUN, 5_000), OTHER_RUN);
    assert.equal(await store.hold("notifier", RUN, 5_000), OTHER_RUN);
    await admin("UPDATE healthbridge.leases SET ends = ends + interval '1 hour' WHERE fleet = 'back'");
    assert.equal(await store.hold("notifier", RUN, 5_000), RUN);
  });

  test("a row that commits late is read, though rows of other runs with a later start were read before", async () => {
    const [reader, other] = [await open(url(), { fleet: "late" }), await open(url(), { fleet: "late" })];
    let { position } = await reader.read(undefined);
    const late = await connect();
    await late.query("BEGIN");
    await late.query(
      "INSERT INTO healthbridge.log (fleet, run, sequence, head, cells) VALUES ('late', $1, 1, $2, $3)",
      [RUN, headAt(1), JSON.stringify([["a", "late"]])],
    );
    await other.write({ run: OTHER_RUN, head: headAt(1), cells: new Map([["b", "early"]]) });
    await other.write({ run: OTHER_RUN, head: headAt(2), cells: new Map([["c", "early"]]) });
    const before = await reader.read(position);
    ({ position } = before);
    assert.deepEqual(
      before.entries.map(({ run }) => run),
      [OTHER_RUN, OTHER_RUN],
    );
    await late.query("COMMIT");
    await late.end();
    const { entries } = await reader.read(position);
    assert.deepEqual(entries, [{ run: RUN, head: headAt(1), cells: new Map([["a", "late"]]) }]);
  });

  test("a row of another form, which another user has written, is no error", async () => {
    const store = await open(url(), { fleet: "forged" });
    const { position } = await store.read(undefined);
    const cells = ["no JSON", "[[1,2]]", '{"a":"b"}', `[["a",{"b":1}],["c","x"]]`];
    for (const [index, text] of cells.entries())
      await admin(`INSERT INTO healthbridge.log VALUES ('forged', 'run', ${index}, 'head', '${text}')`);
    const { entries } = await store.read(position);
    assert.deepEqual(
      entries.map((entry) => [...entry.cells]),
      [[], [], [], [["c", "x"]]],
    );
  });

  test("old rows are removed: entries after a minute, runs after an hour", async () => {
    const store = await open(url(), { fleet: "old" });
    for (const run of [RUN, OTHER_RUN]) {
      await store.beat(run, "1");
      await store.write({ run, head: headAt(1), cells: new Map([["a", "x"]]) });
    }
    await admin(
      "UPDATE healthbridge.log SET written = now() - interval '2 minutes' WHERE fleet = 'old'",
      `UPDATE healthbridge.beats SET written = now() - interval '2 hours' WHERE fleet = 'old' AND run = '${OTHER_RUN}'`,
    );
    for (let beat = 0; beat < 31; beat += 1) await store.beat(RUN, "2");
    assert.deepEqual((await store.beat(RUN, "3")).beats, new Map([[RUN, "2"]]));
    assert.equal(await store.cells(OTHER_RUN), undefined);
    assert.deepEqual((await store.read("{}")).entries, []);
  });

  describe("rows that are removed after 30 beats", () => {
    const OLD_CELLS = 25_000;

    /** A run that is dead for two hours, with many cells, and an old change. */
    async function fleetWithOldRun(fleet: string): Promise<FleetStore> {
      const store = await open(url(), { fleet });
      await store.beat(OTHER_RUN, "1");
      await store.write({ run: OTHER_RUN, head: headAt(1), cells: new Map([["a", "x"]]) });
      await admin(
        `INSERT INTO healthbridge.cells SELECT '${fleet}', '${OTHER_RUN}', 'cell-' || n, 'x' FROM generate_series(2, ${OLD_CELLS}) n`,
        `UPDATE healthbridge.log SET written = now() - interval '2 minutes' WHERE fleet = '${fleet}'`,
        `UPDATE healthbridge.beats SET written = now() - interval '2 hours' WHERE fleet = '${fleet}'`,
      );
      return store;
    }

    async function beats(store: FleetStore, count: number): Promise<void> {
      for (let beat = 0; beat < count; beat += 1) await store.beat(RUN, `${beat}`);
    }

    async function left(fleet: string): Promise<readonly number[]> {
      const counts = ["log", "cells", "beats"].map(
        (table) => `(SELECT count(*)::int FROM healthbridge.${table} WHERE fleet = '${fleet}') AS ${table}`,
      );
      const [row] = await admin(`SELECT ${counts.join()}`);
      return Object.values(row ?? {}).map(Number);
    }

    test("are so few at once that no beat waits for long, and all of them go", async () => {
      const store = await fleetWithOldRun("many");
      await beats(store, 31);
      assert.deepEqual(await left("many"), [0, OLD_CELLS - 10_000, 2]);
      assert.equal(await store.cells(OTHER_RUN), undefined);
      await beats(store, 60);
      assert.deepEqual(await left("many"), [0, 0, 1]);
    });

    test("which another transaction has locked stay, and no beat waits for them", async () => {
      const store = await fleetWithOldRun("held");
      const locker = await connect();
      await locker.query("BEGIN");
      for (const table of ["log", "cells"])
        await locker.query(`SELECT FROM healthbridge.${table} WHERE fleet = 'held' LIMIT 1 FOR UPDATE`);
      await beats(store, 121);
      assert.deepEqual(await left("held"), [1, 1, 2]);
      await locker.query("ROLLBACK");
      await locker.end();
      await beats(store, 31);
      assert.deepEqual(await left("held"), [0, 0, 1]);
    });

    test("whose beat another transaction has locked stay until it ends, and no beat waits for it", async () => {
      const store = await fleetWithOldRun("beat-held");
      const locker = await connect();
      await locker.query("BEGIN");
      await locker.query(
        `SELECT FROM healthbridge.beats WHERE fleet = 'beat-held' AND run = '${OTHER_RUN}' FOR UPDATE`,
      );
      await beats(store, 121);
      assert.deepEqual(await left("beat-held"), [0, 0, 2]);
      await locker.query("ROLLBACK");
      await locker.end();
      await beats(store, 31);
      assert.deepEqual(await left("beat-held"), [0, 0, 1]);
    });

    for (const table of ["log", "texts", "leases", "heads", "cells", "beats"])
      test(`and a user may not remove, of the table ${table}, fail no beat`, async () => {
        const store = await fleetWithOldRun(`no-${table}`);
        await admin(`REVOKE DELETE ON healthbridge.${table} FROM hb`);
        await beats(store, 62).finally(() => admin(`GRANT DELETE ON healthbridge.${table} TO hb`));
      });
  });

  test("over TLS the certificate is verified", async () => {
    const secure = `${url({ user: "secure" })}?sslmode=require`;
    await admin("GRANT CREATE ON DATABASE postgres TO secure", "GRANT USAGE ON SCHEMA healthbridge TO secure");
    await admin("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA healthbridge TO secure");
    await (await open(secure)).beat(RUN, "1");
    const error = await failureOf((await open(secure, { ca: OTHER_CA })).beat(RUN, "1"));
    assert.deepEqual([error.code, /certificate/.test(error.message)], ["unreachable", true]);
    assert.equal((await failureOf((await open(url({ user: "secure" }))).beat(RUN, "1"))).code, "refused");
  });

  test("a wrong password is refused, and is in no error", async () => {
    const error = await failureOf((await open(url({ password: "wrong-Word" }))).beat(RUN, "1"));
    assert.equal(error.code, "refused");
    assert.match(error.message, /^postgres:\/\/127\.0\.0\.1:\d+: password authentication failed.*28P01/);
    assert.doesNotMatch(error.message, /wrong-Word/);
    assert.equal((await failureOf((await open(url({ password: "" }))).beat(RUN, "1"))).code, "refused");
    assert.equal((await failureOf((await open(url({ path: "/none" }))).beat(RUN, "1"))).code, "refused");
  });

  test("a read-only server refuses writes, and takes them again later", async () => {
    const store = await open(url(), { fleet: "read-only" });
    await store.beat(RUN, "1");
    await admin("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()");
    await eventually(async () => !(await succeeds(store.beat(RUN, "2"))), "a beat is refused");
    const { fault, message } = await failureOf(untilConnected(store));
    assert.deepEqual([fault, /25006/.test(message)], ["read-only", true]);
    await admin(
      "SET default_transaction_read_only = off",
      "ALTER SYSTEM RESET default_transaction_read_only",
      "SELECT pg_reload_conf()",
    );
    await eventually(() => succeeds(store.beat(RUN, "3")), "a beat is taken again");
  });

  test("a lock that another transaction holds ends a call at its deadline, and the query in the server too", async () => {
    const store = await open(url(), { fleet: "locked" });
    await store.beat(RUN, "1");
    const locker = await connect();
    await locker.query("BEGIN");
    await locker.query("LOCK TABLE healthbridge.beats IN ACCESS EXCLUSIVE MODE");
    const startedAt = performance.now();
    assert.equal((await failureOf(store.beat(RUN, "2"))).code, "timeout");
    assert.ok(performance.now() - startedAt < DEADLINE_MS + 1_000);
    await eventually(async () => {
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE usename = 'hb' AND wait_event_type = 'Lock'";
      return (await locker.query(waiting)).rows.length === 0;
    }, "no query waits any more");
    await locker.query("ROLLBACK");
    await locker.end();
    await eventually(() => succeeds(store.beat(RUN, "3")), "a beat is taken again");
  });

  test("tables that were dropped are created again", async () => {
    const store = await open(url(), { fleet: "dropped" });
    await store.beat(RUN, "1");
    await admin("DROP SCHEMA healthbridge CASCADE");
    assert.equal((await failureOf(store.beat(RUN, "2"))).code, "protocol");
    await eventually(() => succeeds(store.beat(RUN, "3")), "a beat is taken again");
  });

  for (const table of ["beats", "heads", "cells", "log", "texts", "leases"])
    test(`the table ${table} alone, which was dropped, is created again`, async () => {
      const store = await open(url(), { fleet: "dropped" });
      const use = async () => {
        await store.beat(RUN, "1");
        await store.write({ run: RUN, head: "1 aaaaaaaaaaaaaaaaaaaaaa 1 0", cells: new Map([["a", "cell"]]) });
        await store.keepText("name", "text");
        await store.hold("lease", RUN, 1_000);
      };
      await use();
      await admin(`DROP TABLE healthbridge.${table}`);
      assert.equal((await failureOf(use())).code, "protocol");
      await eventually(() => succeeds(use()), "all calls succeed again");
    });

  test("a server that is killed: calls are rejected at once, and succeed when it is back, without the data", async () => {
    const store = await open(url(), { fleet: "killed" });
    await store.beat(RUN, "1");
    await server.stop();
    await eventually(async () => !(await succeeds(store.beat(RUN, "2"))), "the connection has ended");
    const startedAt = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, () => succeeds(store.beat(RUN, "3"))));
    assert.ok(!outcomes.includes(true));
    assert.ok(performance.now() - startedAt < DEADLINE_MS);
    await start();
    let beats: ReadonlyMap<string, string> = new Map([["not", "yet"]]);
    await eventually(async () => {
      const heard = await store.beat(RUN, "4").catch(() => undefined);
      beats = heard?.beats ?? beats;
      return heard !== undefined;
    }, "a beat is taken again");
    assert.deepEqual(beats, new Map());
  });
});

test("calls at the same time are asked one after the other, as its client demands", async () => {
  // a deprecation is told once in a process: by the tests before this one, too
  const store = await open(prepared.url());
  await Promise.all(Array.from({ length: 5 }, () => store.beat(RUN, "beat")));
  await pause(10);
  assert.deepEqual(warnings, []);
});

/** A head with a sequence. Its signature is not looked at by a store. */
function headAt(sequence: number): string {
  return new FleetCodec("prod", "secret").sealHead(RUN, { sequence, high: 0, low: 0 });
}

/** Beats until the server itself answers: shortly after a failure, calls are rejected with it. */
async function untilConnected(store: FleetStore): Promise<void> {
  await pause(1_100);
  await store.beat(RUN, "again");
}

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    return error;
  }
  assert.fail("the call has succeeded");
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    assert.ok(error instanceof StoreError, `not a StoreError: ${error}`);
    return false;
  }
}
