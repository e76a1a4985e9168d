/**
 * The store of a fleet on Redis or Valkey.
 *
 *     {healthbridge:FLEET}:beats          hash     run -> beat
 *     {healthbridge:FLEET}:cells:RUN      hash     check -> cell, and "" -> head
 *     {healthbridge:FLEET}:log            stream   RUN head, check cell, ...     an empty cell: it is gone
 *     {healthbridge:FLEET}:text:NAME      string   text
 *     {healthbridge:FLEET}:lease:NAME     string   run
 *
 * All keys have one hash tag, so they are in one slot of a cluster. All of them expire: a fleet that has ended leaves nothing.
 * A user needs no more than this:
 *
 *     ACL SETUSER hb on >PASSWORD resetchannels -@all ~{healthbridge:FLEET}:*
 *       +multi +exec +hgetall +hget +hlen +hset +hdel +hscan +pexpire +xadd +xread +xrevrange +unlink +rename +set +get
 *       (and +select for a database other than 0)
 *
 * The log is read by polling: a blocking command would hold back all others of the connection.
 */
import { messageOf } from "../../core/health-error.js";
import { type FieldLimit, type RedisCommand, RedisConnection } from "./redis-connection.js";
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
import type { StoreUrl } from "./store-url.js";

/** Beats and cells of a run that has ended without a goodbye, and texts. */
const KEEP_MS = 3_600_000;

/** The log, after the last write. Members that have not read it for so long read the cells. */
const KEEP_LOG_MS = 60_000;

const LOG_LENGTH = 1_000;
/** Entries that are read at once: each may have 500 cells, and they are taken out of the answer in one turn. */
const PAGE_ENTRIES = 20;
const PAGE_CELLS = 500;

/** More cells of one run are not read, nor pages: a scan of a sparse table has many that are empty. */
const MAX_CELLS = 500_000;
const MAX_PAGES = 10_000;

/** All cells of a run, in characters. A cell has about 200. */
const MAX_CELLS_LENGTH = 268_435_456;

/** More are not read, but removed: live members write theirs again. */
const MAX_BEATS = 4_096;

/** Empty reads after which is looked whether the log is still the one that was read. */
const EMPTY_READS = 10;

/** The field of the head: no check has an empty name. */
const HEAD = "";

/** A key has another type, or an entry of the log has the highest id that there is. */
const SPOILT = /WRONGTYPE|stream has exhausted the last possible ID|equal or smaller than the target stream/;

/** Before all entries. */
const START = "0-0";

export class RedisStore implements FleetStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  #emptyReads = 0;

  /** @throws HealthError MISSING_PACKAGE, TLS_FAILED, and INVALID_OPTION for an option of TLS */
  constructor(url: StoreUrl, { fleet, ...options }: StoreOptions) {
    this.#prefix = `{healthbridge:${fleet}}:`;
    this.#connection = new RedisConnection(url, { ...options, key: this.#key("beats") });
  }

  async beat(run: Run, beat: string): Promise<HeardBeats> {
    const [beats, cells] = [this.#key("beats"), this.#key("cells", run)];
    const [all, head, fields] = await this.#transaction(
      [beats, cells],
      [
        ["HGETALL", beats],
        ["HGET", cells, HEAD],
        ["HLEN", cells],
        ["HSET", beats, run, beat],
        ["PEXPIRE", beats, `${KEEP_MS}`],
        ["PEXPIRE", cells, `${KEEP_MS}`],
      ],
      { key: beats, maxFields: MAX_BEATS },
    );
    const hasHead = typeof head === "string";
    return {
      beats: pairsOf(all),
      head: hasHead ? head : undefined,
      cellCount: Number(fields) - Number(hasHead),
    };
  }

  async write({ run, head, cells }: LogEntry): Promise<string | undefined> {
    const [key, log] = [this.#key("cells", run), this.#key("log")];
    const changed = [...cells].flatMap(([check, cell]) => (cell === undefined ? [] : [check, cell]));
    const gone = [...cells].flatMap(([check, cell]) => (cell === undefined ? [check] : []));
    const logged = [...cells].flatMap(([check, cell]) => [check, cell ?? ""]);
    const [before] = await this.#transaction(
      [key, log],
      [
        ["HGET", key, HEAD],
        ["HSET", key, HEAD, head, ...changed],
        ...(gone.length === 0 ? [] : [["HDEL", key, ...gone]]),
        ["PEXPIRE", key, `${KEEP_MS}`],
        ["XADD", log, "MAXLEN", "~", `${LOG_LENGTH}`, "*", run, head, ...logged],
        ["PEXPIRE", log, `${KEEP_LOG_MS}`],
      ],
    );
    return typeof before === "string" ? before : undefined;
  }

  async rewrite(run: Run, head: string, cells: ReadonlyMap<string, string>): Promise<void> {
    const [key, part] = [this.#key("cells", run), this.#key("rewrite", run)];
    const fields = [HEAD, head, ...[...cells].flat()];
    // the parts are gathered in another key, which then takes the place: readers see all of them, or none
    for (let index = 0; index < fields.length; index += 2 * PAGE_CELLS)
      await this.#connection.transaction([
        ...(index === 0 ? [["UNLINK", part]] : []),
        ["HSET", part, ...fields.slice(index, index + 2 * PAGE_CELLS)],
        ["PEXPIRE", part, `${KEEP_LOG_MS}`],
      ]);
    await this.#connection.transaction([
      ["UNLINK", key],
      ["RENAME", part, key],
      ["PEXPIRE", key, `${KEEP_MS}`],
    ]);
  }

  async read(position: LogPosition): Promise<LogPage> {
    const log = this.#key("log");
    if (position === undefined) return { entries: [], position: (await this.#lastId()) ?? START, isEnd: true };
    const answer = await this.#connection.send(["XREAD", "COUNT", `${PAGE_ENTRIES}`, "STREAMS", log, position]);
    const entries = answer === null ? [] : listOf(listOf(listOf(answer)[0])[1]);
    if (entries.length === 0) return { entries: [], position: await this.#placeAfterNothing(position), isEnd: true };
    this.#emptyReads = 0;
    const last = listOf(entries[entries.length - 1])[0];
    return { entries: entries.map(entryOf), position: `${last}`, isEnd: entries.length < PAGE_ENTRIES };
  }

  async cells(run: Run): Promise<StoredCells | undefined> {
    const key = this.#key("cells", run);
    const [head, fields] = await this.#connection.transaction([
      ["HGET", key, HEAD],
      ["HLEN", key],
    ]);
    if (typeof head !== "string") return undefined;
    if (Number(fields) > MAX_CELLS) throw new StoreError("protocol", `a run has more than ${MAX_CELLS} cells`);
    if (Number(fields) > PAGE_CELLS) return { head, cells: await this.#scan(key) };
    const all = pairsOf(await this.#connection.send(["HGETALL", key]));
    const headNow = all.get(HEAD);
    all.delete(HEAD);
    return headNow === undefined ? undefined : { head: headNow, cells: all };
  }

  async keepText(name: string, text: string): Promise<void> {
    await this.#connection.send(["SET", this.#key("text", name), text, "PX", `${KEEP_MS}`]);
  }

  async text(name: string): Promise<string | undefined> {
    const text = await this.#connection.send(["GET", this.#key("text", name)]);
    return typeof text === "string" ? text : undefined;
  }

  async forget(run: Run): Promise<void> {
    await this.#connection.transaction([
      ["HDEL", this.#key("beats"), run],
      ["UNLINK", this.#key("cells", run), this.#key("rewrite", run)],
    ]);
  }

  async hold(lease: string, run: Run, ttlMs: number): Promise<Run> {
    const key = this.#key("lease", lease);
    // GET as an option of SET is not there before Redis 7
    const [isTaken, holder] = await this.#connection.transaction([
      ["SET", key, run, "NX", "PX", `${ttlMs}`],
      ["GET", key],
    ]);
    if (isTaken !== null || holder !== run) return textOf(holder);
    // it may expire just now, and another run may take it: then that one's time is prolonged, and it is told
    const [, holderNow] = await this.#connection.transaction([
      ["PEXPIRE", key, `${ttlMs}`],
      ["GET", key],
    ]);
    return holderNow === null ? this.hold(lease, run, ttlMs) : textOf(holderNow);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /** A key that another program has spoilt is removed: what was in it, the members write again. */
  async #transaction(keys: readonly string[], commands: readonly RedisCommand[], limit?: FieldLimit) {
    try {
      return await this.#connection.transaction(commands, limit);
    } catch (error) {
      if (SPOILT.test(messageOf(error))) await this.#connection.send(["UNLINK", ...keys]);
      throw error;
    }
  }

  #key(...parts: readonly string[]): string {
    return this.#prefix + parts.join(":");
  }

  async #lastId(): Promise<string | undefined> {
    const [last] = listOf(await this.#connection.send(["XREVRANGE", this.#key("log"), "+", "-", "COUNT", "1"]));
    return last === undefined ? undefined : textOf(listOf(last)[0]);
  }

  /**
   * Ids are times of the server. A log that was lost may start again with ids before our place: after a loss, a failover,
   * or when the server's clock was set back. Its entries would never be read.
   */
  async #placeAfterNothing(position: string): Promise<string> {
    this.#emptyReads += 1;
    if (this.#emptyReads < EMPTY_READS) return position;
    this.#emptyReads = 0;
    const last = await this.#lastId();
    return last === undefined || isBefore(last, position) ? START : position;
  }

  async #scan(key: string): Promise<Map<string, string>> {
    const cells = new Map<string, string>();
    let [cursor, length, pages] = ["0", 0, 0];
    do {
      const [next, fields] = listOf(await this.#connection.send(["HSCAN", key, cursor, "COUNT", `${PAGE_CELLS}`]));
      for (const [check, cell] of pairsOf(fields)) {
        cells.set(check, cell);
        length += check.length + cell.length;
      }
      pages += 1;
      if (cells.size > MAX_CELLS || length > MAX_CELLS_LENGTH || pages > MAX_PAGES)
        throw new StoreError("protocol", `a run has more than ${MAX_CELLS} cells, or they are too long`);
      cursor = textOf(next);
    } while (cursor !== "0");
    cells.delete(HEAD);
    return cells;
  }
}

/** Whether an id of a stream, `milliseconds-number`, is before another one. */
function isBefore(id: string, other: string): boolean {
  const [time = 0, number = 0] = id.split("-").map(Number);
  const [otherTime = 0, otherNumber = 0] = other.split("-").map(Number);
  return time < otherTime || (time === otherTime && number < otherNumber);
}

function entryOf(entry: unknown): LogEntry {
  const [run, head, ...fields] = listOf(listOf(entry)[1]);
  const cells: Map<string, string | undefined> = pairsOf(fields);
  for (const [check, cell] of cells) if (cell === "") cells.set(check, undefined);
  return { run: textOf(run), head: textOf(head), cells };
}

function pairsOf(answer: unknown): Map<string, string> {
  const texts = listOf(answer);
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < texts.length; index += 2) pairs.set(textOf(texts[index]), textOf(texts[index + 1]));
  return pairs;
}

function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw new StoreError("protocol", "the store answered with another type than expected");
  return answer;
}

function textOf(answer: unknown): string {
  if (typeof answer !== "string")
    throw new StoreError("protocol", "the store answered with another type than expected");
  return answer;
}
