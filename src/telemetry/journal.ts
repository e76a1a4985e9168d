/**
 * The journal of `stateDir`: the last value of each key, in one file that survives a restart.
 *
 *     put --> values --> [ changed keys ] --at once, then at most once a second--> append, fdatasync --> journal
 *               ^                                                                                          | 1 MiB, and
 *               '------------ open: read, write anew <--------------------- journal <--rename-- journal.new <' half is old
 *
 * A caller of `put` never waits for the disk. A crash loses at most the last second; a write that it has cut is a torn
 * tail, which is dropped at the next start. While the disk is full or fails, the changes wait in memory, one for each
 * key, and are written when it works again.
 *
 * A caller of `commit` waits until the value is on the disk. If it cannot be written, the value of before stays.
 *
 * Keys of types that this version does not know are kept.
 */
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { publish } from "../core/channels.js";
import { type CancelTimer, type Clock, settledWithin } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import { type FolderLock, lockFolder } from "./folder-lock.js";
import { decodeJournal, encodeRecord, type JournalRecord, type JournalText } from "./journal-lines.js";
import { ignorePassing, makeFolder, refusing, sizeOf, syncFolder } from "./state-folder.js";
import { WriteFailures } from "./write-failures.js";

export interface JournalDeps {
  readonly clock: Clock;
  readonly instance: string;
}

const FILE = "journal";
const NEW_FILE = "journal.new";

const FLUSH_INTERVAL_MS = 1_000;

/** A file up to this size is never written anew while it is in use. */
const MIN_REWRITE_BYTES = 1_048_576;

/** A longer file was not written by healthbridge, which rewrites it long before. */
const MAX_FILE_BYTES = 67_108_864;

/** More keys are not stored. */
const MAX_KEYS = 100_000;

/** At its end, the process waits at most this long for the disk. */
const MAX_CLOSE_MS = 1_000;

export class Journal {
  readonly #path: string;
  readonly #folder: string;
  readonly #deps: JournalDeps;
  readonly #lock: FolderLock;
  readonly #failures: WriteFailures;
  readonly #values = new Map<string, JournalRecord>();
  /** Keys whose last value is not in the file. */
  readonly #changed = new Set<string>();
  #handle: FileHandle | undefined;
  #fileBytes = 0;
  /** Bytes of a file with the values alone, at the last time that it was written anew. */
  #neededBytes = 0;
  #lastFlushAt = Number.NEGATIVE_INFINITY;
  /** Resolves with the error of a write that has failed. */
  #flushing: Promise<unknown> | undefined;
  #cancelFlush: CancelTimer | undefined;
  #isClosed = false;
  /** Whether a key was refused since there was room. */
  #isFull = false;

  private constructor(folder: string, lock: FolderLock, deps: JournalDeps) {
    this.#folder = folder;
    this.#path = join(folder, FILE);
    this.#lock = lock;
    this.#deps = deps;
    this.#failures = new WriteFailures(deps.instance, this.#path);
  }

  /**
   * Opens the journal of a folder, which is created if it does not exist; its parent must exist.
   * Rejects with HealthError STATE_FAILED when the folder cannot be used, or when another process uses it.
   */
  static async open(folder: string, deps: JournalDeps): Promise<Journal> {
    const lock = await refusing(folder, async () => {
      await makeFolder(folder);
      return lockFolder(folder);
    });
    if (lock === undefined)
      throw new HealthError(
        "STATE_FAILED",
        `stateDir ${folder}: another healthbridge uses this folder; give each its own`,
      );
    const journal = new Journal(folder, lock, deps);
    try {
      await refusing(folder, () => journal.#read());
    } catch (error) {
      await lock.release();
      throw error;
    }
    await journal.#flush();
    journal.#lastFlushAt = Number.NEGATIVE_INFINITY; // the first change is written at once
    return journal;
  }

  /** The last value of a key. */
  get(type: string, key: string): unknown {
    return this.#values.get(idOf(type, key))?.value;
  }

  /** The keys of a type, with their values. */
  entries(type: string): readonly (readonly [key: string, value: unknown])[] {
    const records = [...this.#values.values()].filter((record) => record.type === type && record.value !== undefined);
    return records.map(({ key, value }) => [key, value]);
  }

  /** Stores a value in place of the last one; `undefined` removes the key. Never waits and never throws. */
  put(type: string, key: string, value: unknown): void {
    const id = idOf(type, key);
    if (this.#isClosed) return;
    if (!this.#values.has(id)) {
      if (value === undefined) return;
      if (this.#values.size >= MAX_KEYS) return void this.#refuseKey();
    }
    this.#values.set(id, { type, key, value });
    this.#changed.add(id);
    this.#schedule();
  }

  /**
   * Does the same for several keys, and resolves when their values are on the disk. One call at a time. Rejects with the
   * error of the write; the values of before stay, in the file too. Only when the process ends before they are written
   * again, the file may have either value of a key.
   */
  async commit(records: readonly JournalRecord[]): Promise<void> {
    const ids = records.map(({ type, key }) => idOf(type, key));
    const before = new Map(ids.map((id) => [id, this.#values.get(id)]));
    const changes = records.filter(({ type, key, value }) => value !== undefined || before.get(idOf(type, key)));
    if (changes.length === 0) return;
    if (this.#isClosed) throw new Error(`${this.#folder} is closed`);
    const added = changes.filter(({ type, key }) => !this.#values.has(idOf(type, key)));
    if (added.length > 0 && this.#values.size + added.length > MAX_KEYS)
      throw new Error(`it stores at most ${MAX_KEYS} names`);
    for (const record of changes) {
      this.#values.set(idOf(record.type, record.key), record);
      this.#changed.add(idOf(record.type, record.key));
    }
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    await this.#flushing; // it began before the change: it does not write it
    const error = await this.#flush();
    if (error === undefined) return;
    for (const { type, key } of changes)
      this.#values.set(idOf(type, key), before.get(idOf(type, key)) ?? { type, key, value: undefined });
    throw error;
  }

  /** Whether this process still holds the folder. */
  isHeld(): Promise<boolean> {
    return this.#lock.isHeld();
  }

  /** Reports a key that is not stored: the first one since there was room. */
  #refuseKey(): void {
    if (!this.#isFull) publish("journal-full", { instance: this.#deps.instance, file: this.#path, maxNames: MAX_KEYS });
    this.#isFull = true;
  }

  /** Writes what has changed, and releases the folder. Takes at most a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelFlush?.();
    await settledWithin(this.#finish(), MAX_CLOSE_MS, this.#deps.clock);
  }

  async #finish(): Promise<void> {
    await this.#flushing;
    if (this.#changed.size > 0) await this.#flush();
    await this.#handle?.close();
    await this.#lock.release();
  }

  /** Reads the file, if there is one. It is written anew when a part of it cannot be read. */
  async #read(): Promise<void> {
    const size = await sizeOf(this.#path);
    if (size > MAX_FILE_BYTES)
      throw new HealthError("STATE_FAILED", `${this.#path} has ${size} bytes; a journal has at most ${MAX_FILE_BYTES}`);
    // opened for writing too: a file that could not be written refuses the start
    const handle = await open(this.#path, "a+", 0o600).catch(ignorePassing);
    if (handle === undefined) return;
    const text = decodeJournal(await handle.readFile().finally(() => handle.close()));
    for (const record of text.records) this.#values.set(idOf(record.type, record.key), record);
    this.#publishDamage(text);
  }

  #publishDamage({ damagedLines, tornBytes, records }: JournalText): void {
    if (damagedLines === 0 && tornBytes === 0) return;
    const { instance } = this.#deps;
    publish("journal-damaged", { instance, file: this.#path, damagedLines, tornBytes, records: records.length });
  }

  #schedule(): void {
    if (this.#flushing !== undefined || this.#cancelFlush !== undefined) return;
    const { clock } = this.#deps;
    const delayMs = Math.max(0, this.#lastFlushAt + FLUSH_INTERVAL_MS - clock.now());
    this.#cancelFlush = clock.setTimer(delayMs, () => {
      this.#cancelFlush = undefined;
      if (!this.#isClosed) void this.#flush();
    });
  }

  /** Never rejects. */
  #flush(): Promise<unknown> {
    this.#flushing ??= this.#writeChanges().finally(() => {
      this.#flushing = undefined;
      this.#lastFlushAt = this.#deps.clock.now();
      if (this.#changed.size > 0 && !this.#isClosed) this.#schedule();
    });
    return this.#flushing;
  }

  async #writeChanges(): Promise<unknown> {
    const ids = [...this.#changed];
    this.#changed.clear();
    try {
      if (!(await this.isHeld())) throw new Error(`${this.#folder} was removed or taken over; restart to use it`);
      await this.#write(ids);
      this.#failures.succeeded();
      this.#isFull &&= this.#values.size >= MAX_KEYS;
      return undefined;
    } catch (error) {
      for (const id of ids) this.#changed.add(id);
      // what was written in part would make the next record unreadable too: the file is written anew
      await this.#handle?.close().catch(() => {});
      this.#handle = undefined;
      this.#failures.failed(error);
      return error;
    }
  }

  /** Appends the values of some keys, or writes the whole file. */
  async #write(ids: readonly string[]): Promise<void> {
    const isGrown = this.#fileBytes > Math.max(MIN_REWRITE_BYTES, 2 * this.#neededBytes);
    if (this.#handle === undefined || isGrown) return this.#rewrite();
    const text = textOf(ids.flatMap((id) => this.#values.get(id) ?? []));
    for (const id of ids) if (this.#values.get(id)?.value === undefined) this.#values.delete(id);
    await this.#handle.appendFile(text);
    await this.#handle.datasync();
    this.#fileBytes += Buffer.byteLength(text);
  }

  /** Writes a new file with the values alone, and puts it in place of the old one in one step. */
  async #rewrite(): Promise<void> {
    for (const [id, { value }] of this.#values) if (value === undefined) this.#values.delete(id);
    const text = textOf(this.#values.values());
    const newPath = join(this.#folder, NEW_FILE);
    const handle = await open(newPath, "w", 0o600);
    try {
      await handle.appendFile(text);
      await handle.datasync();
      await rename(newPath, this.#path);
      await syncFolder(this.#folder);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.#fileBytes = Buffer.byteLength(text);
    this.#neededBytes = this.#fileBytes;
  }
}

function idOf(type: string, key: string): string {
  return `${type} ${key}`;
}

function textOf(records: Iterable<JournalRecord>): string {
  return [...records].map(encodeRecord).join("");
}
