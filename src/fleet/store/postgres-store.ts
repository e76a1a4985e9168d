/**
 * The store of a fleet on PostgreSQL: six tables in the schema `healthbridge`, created when they are missing.
 *
 *     GRANT CREATE ON DATABASE name TO hb;         enough to create them; or SCHEMA is run by another user, and then
 *     GRANT USAGE ON SCHEMA healthbridge TO hb; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA healthbridge TO hb;
 *
 * The tables are UNLOGGED: they cost no write-ahead log, and are empty after a crash or a failover. The members are the
 * authority, and write their records again.
 *
 * The log is read by the sequence of each run, and not by one number for all. Numbers of several writers are given out in
 * another order than their transactions commit in: a reader that has seen 7 would miss a 6 that commits later. The rows of
 * one run come from one writer, which sends the next one after the answer to the last: they commit in their order.
 *
 *     position    { run: [sequence, head], ... } as JSON
 */
import { sequenceOf } from "../records/codec.js";
import { PostgresLink, type SqlQuery } from "./postgres-link.js";
import { columnsOf, entryOf, isWhole, type Places, positionAfter, textOf } from "./postgres-rows.js";
import {
  type FleetStore,
  type HeardBeats,
  type LogEntry,
  type LogPage,
  type LogPosition,
  type Run,
  type StoredCells,
  StoreError,
  type StoreOptions,
} from "./store.js";
import { StoreConnection } from "./store-connection.js";
import type { StoreUrl } from "./store-url.js";

const PAGE_ENTRIES = 100;
const PAGE_CELLS = 2_000;

/** More cells of one run are not read, nor beats of a fleet, nor longer records: another user may have written them. */
const MAX_CELLS = 500_000;
const MAX_BEATS = 4_096;
const MAX_BEAT_BYTES = 262_144;
const MAX_CELL_BYTES = 4_194_304;
const MAX_CELLS_LENGTH = 268_435_456;
const MAX_ENTRY_BYTES = 8_388_608;
const MAX_TEXT_BYTES = 268_435_456;

/** Maximum length of a page; the last record may exceed it. 2,000 cells have 400 kB, 100 entries of the log 2 MB. */
const PAGE_BYTES = 8_388_608;

const BEATS_TO_CLEAN_UP = 30; // then old rows are removed, so few of each table that no call waits for long
const MAX_OLD_ROWS = 10_000;

/** The first rows of a page. `found`: how many the whole page has. */
const firstRowsOf = (page: string, order: string, text: string) => `
  SELECT * FROM (
    SELECT *, count(*) OVER () AS found, sum(octet_length(${text}))
      OVER (ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - octet_length(${text}) AS before
    FROM (${page}) AS page) AS sized
  WHERE before < ${PAGE_BYTES} ORDER BY ${order}`;

const BEATS = `
  SELECT run, beat, written FROM healthbridge.beats
  WHERE fleet = $1 AND octet_length(beat) <= ${MAX_BEAT_BYTES} ORDER BY written DESC LIMIT ${MAX_BEATS}`;

const BEAT = `
  WITH own AS (
    INSERT INTO healthbridge.beats (fleet, run, beat) VALUES ($1, $2, $3)
    ON CONFLICT (fleet, run) DO UPDATE SET beat = excluded.beat, written = now())
  SELECT run, beat AS text, NULL::bigint AS cells FROM (${firstRowsOf(BEATS, "written DESC", "beat")}) AS beats
  UNION ALL
  SELECT NULL, head, (SELECT count(*) FROM healthbridge.cells WHERE fleet = $1 AND run = $2)
  FROM healthbridge.heads WHERE fleet = $1 AND run = $2`;

const setHead = (head: string) => `
  INSERT INTO healthbridge.heads (fleet, run, head) VALUES ($1, $2, ${head})
  ON CONFLICT (fleet, run) DO UPDATE SET head = excluded.head`;

const SET_CELLS = `
  INSERT INTO healthbridge.cells (fleet, run, check_name, cell)
  SELECT $1, $2, name, cell FROM unnest($3::text[], $4::text[]) AS new (name, cell)
  ON CONFLICT (fleet, run, check_name) DO UPDATE SET cell = excluded.cell`;

/** Its subqueries see the tables as they were before it: so it returns the head that the one before has left. */
const WRITE = `
  WITH head AS (${setHead("$5")}), changed AS (${SET_CELLS}),
    gone AS (DELETE FROM healthbridge.cells WHERE fleet = $1 AND run = $2 AND check_name = ANY ($6::text[]))
  INSERT INTO healthbridge.log (fleet, run, sequence, head, cells) VALUES ($1, $2, $7, $5, $8)
  ON CONFLICT (fleet, run, sequence) DO UPDATE SET head = excluded.head, cells = excluded.cells, written = now()
  RETURNING (SELECT head FROM healthbridge.heads WHERE fleet = $1 AND run = $2) AS before`;

/** Before the cells are replaced in parts: without a head, members do not read them. */
const EMPTY = `
  WITH head AS (DELETE FROM healthbridge.heads WHERE fleet = $1 AND run = $2)
  DELETE FROM healthbridge.cells WHERE fleet = $1 AND run = $2`;

/** A run does not write so many entries. Higher numbers would be rounded here, and end all reads. */
const MAX_SEQUENCE = 1_000_000_000_000_000;

const END = `
  SELECT DISTINCT ON (run) run, sequence, head FROM healthbridge.log WHERE fleet = $1 AND sequence < ${MAX_SEQUENCE}
  ORDER BY run, sequence DESC`;

const ENTRIES = `
  SELECT log.run, log.sequence, log.head, log.cells
  FROM healthbridge.log LEFT JOIN jsonb_each($2::jsonb) AS place (run, last) ON place.run = log.run
  WHERE fleet = $1 AND sequence < ${MAX_SEQUENCE} AND octet_length(cells) <= ${MAX_ENTRY_BYTES}
    AND (last IS NULL OR sequence > (last->>0)::bigint OR (sequence = (last->>0)::bigint AND head <> last->>1))
  ORDER BY log.run, sequence LIMIT ${PAGE_ENTRIES}`;

const READ = firstRowsOf(ENTRIES, "run, sequence", "cells");

const NEXT_CELLS = `
  SELECT check_name AS name, cell FROM healthbridge.cells
  WHERE fleet = $1 AND run = $2 AND check_name > $3 AND octet_length(cell) <= ${MAX_CELL_BYTES} ORDER BY check_name LIMIT ${PAGE_CELLS}`;

/** The head comes with the first cells, and so it is not newer than any of them. */
const CELLS = `
  SELECT name, cell, NULL::text AS head, found FROM (${firstRowsOf(NEXT_CELLS, "name", "cell")}) AS cells
  UNION ALL SELECT NULL, NULL, head, NULL FROM healthbridge.heads WHERE fleet = $1 AND run = $2`;

const TEXT = `SELECT text FROM healthbridge.texts WHERE fleet = $1 AND name = $2 AND octet_length(text) <= ${MAX_TEXT_BYTES}`;

const KEEP_TEXT = `
  INSERT INTO healthbridge.texts (fleet, name, text) VALUES ($1, $2, $3)
  ON CONFLICT (fleet, name) DO UPDATE SET text = excluded.text, written = now()`;

const FORGET = `
  WITH beat AS (DELETE FROM healthbridge.beats WHERE fleet = $1 AND run = $2),
    head AS (DELETE FROM healthbridge.heads WHERE fleet = $1 AND run = $2),
    entries AS (DELETE FROM healthbridge.log WHERE fleet = $1 AND run = $2)
  DELETE FROM healthbridge.cells WHERE fleet = $1 AND run = $2`;

/** A lease that ends late was taken before the clock of the server was set back. */
const HOLD = `
  WITH taken AS (
    INSERT INTO healthbridge.leases (fleet, lease, run, ends) VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
    ON CONFLICT (fleet, lease) DO UPDATE SET run = excluded.run, ends = excluded.ends
      WHERE leases.run = excluded.run OR leases.ends < now() OR leases.ends > excluded.ends + interval '1 minute'
    RETURNING run)
  SELECT run FROM taken
  UNION ALL SELECT run FROM healthbridge.leases WHERE fleet = $1 AND lease = $2 AND NOT EXISTS (SELECT FROM taken)`;

const oldRows = (table: string, which: string) => `
  DELETE FROM healthbridge.${table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM healthbridge.${table} WHERE fleet = $1 AND ${which} LIMIT ${MAX_OLD_ROWS} FOR UPDATE SKIP LOCKED))`;

const REMAINING_CELLS = `
    SELECT FROM healthbridge.cells
    WHERE cells.fleet = $1 AND cells.run = beats.run AND cells.ctid NOT IN (SELECT ctid FROM old_cells)`;

/** What is old, by the clock of the server: entries after a minute, and after an hour what is renewed while it is used. */
const CLEAN_UP = `
  WITH old AS (SELECT run FROM healthbridge.beats WHERE fleet = $1 AND written < now() - interval '1 hour'),
    entries AS (${oldRows("log", "written < now() - interval '1 minute'")}),
    old_texts AS (${oldRows("texts", "written < now() - interval '1 hour'")}),
    expired AS (${oldRows("leases", "ends < now() - interval '1 hour'")}),
    old_heads AS (${oldRows("heads", "run IN (SELECT run FROM old)")}),
    old_cells AS (${oldRows("cells", "run IN (SELECT run FROM old)")} RETURNING ctid)
  ${oldRows("beats", `written < now() - interval '1 hour' AND NOT EXISTS (${REMAINING_CELLS})`)}`;

export class PostgresStore implements FleetStore {
  readonly #connection: StoreConnection<SqlQuery>;
  readonly #fleet: string;
  #beats = 0;

  /** @throws HealthError MISSING_PACKAGE, TLS_FAILED, and INVALID_OPTION for an option of TLS */
  constructor(url: StoreUrl, { fleet, ...options }: StoreOptions) {
    this.#fleet = fleet;
    this.#connection = new StoreConnection(new PostgresLink(url, options), options.deadlineMs, options.clock);
  }

  async beat(run: Run, beat: string): Promise<HeardBeats> {
    const rows = await this.#query(BEAT, run, beat);
    this.#beats += 1;
    // what fails is done after the next beats
    if (this.#beats % BEATS_TO_CLEAN_UP === 0) this.#query(CLEAN_UP).catch(() => {});
    const own = rows.find((row) => row.run === null);
    const others = rows.filter((row) => row.run !== null);
    const beats = new Map(others.map((row) => [textOf(row.run), textOf(row.text)]));
    return { beats, head: own && textOf(own.text), cellCount: Number(own?.cells ?? 0) };
  }

  async write({ run, head, cells }: LogEntry): Promise<string | undefined> {
    const changed = [...cells].flatMap(([check, cell]) => (cell === undefined ? [] : [[check, cell] as const]));
    const gone = [...cells].flatMap(([check, cell]) => (cell === undefined ? [check] : []));
    const logged = JSON.stringify([...cells].map(([check, cell]) => [check, cell ?? null]));
    const [row] = await this.#query(WRITE, run, ...columnsOf(changed), head, gone, sequenceOf(head), logged);
    return typeof row?.before === "string" ? row.before : undefined;
  }

  async rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): Promise<void> {
    await this.#query(EMPTY, run);
    const all = [...cells];
    for (let index = 0; index < all.length; index += PAGE_CELLS)
      await this.#query(SET_CELLS, run, ...columnsOf(all.slice(index, index + PAGE_CELLS)));
    await this.#query(setHead("$3"), run, head);
  }

  async read(position: LogPosition): Promise<LogPage> {
    if (position === undefined) {
      const ends = await this.#query(END);
      return { entries: [], position: positionAfter({}, ends), isEnd: true };
    }
    const rows = await this.#query(READ, position);
    const next = rows.length === 0 ? position : positionAfter(JSON.parse(position) as Places, rows);
    return { entries: rows.map(entryOf), position: next, isEnd: isWhole(rows, PAGE_ENTRIES) };
  }

  async cells(run: Run): Promise<StoredCells | undefined> {
    const cells = new Map<string, string>();
    let head: string | undefined;
    let length = 0;
    for (let last = ""; ; ) {
      const rows = await this.#query(CELLS, run, last);
      const headRow = rows.find((row) => row.head !== null);
      if (headRow === undefined) return undefined;
      head ??= textOf(headRow.head);
      const page = rows.filter((row) => row.name !== null);
      for (const row of page) {
        last = textOf(row.name);
        const cell = textOf(row.cell);
        cells.set(last, cell);
        length += last.length + cell.length;
      }
      if (cells.size > MAX_CELLS || length > MAX_CELLS_LENGTH)
        throw new StoreError("protocol", `a run has more than ${MAX_CELLS} cells, or they are too long`);
      if (isWhole(page, PAGE_CELLS)) return { head, cells };
    }
  }

  async keepText(name: string, text: string): Promise<void> {
    await this.#query(KEEP_TEXT, name, text);
  }

  async text(name: string): Promise<string | undefined> {
    const [row] = await this.#query(TEXT, name);
    return row && textOf(row.text);
  }

  async forget(run: Run): Promise<void> {
    await this.#query(FORGET, run);
  }

  async hold(lease: string, run: Run, ttlMs: number): Promise<Run> {
    const [row] = await this.#query(HOLD, lease, run, ttlMs);
    // another run has taken it just now: this statement does not see its row yet
    return row === undefined ? this.hold(lease, run, ttlMs) : textOf(row.run);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  #query(text: string, ...values: readonly unknown[]) {
    return this.#connection.call((query) => query(text, [this.#fleet, ...values]));
  }
}
