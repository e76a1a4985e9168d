/**
 * The files of the history in `stateDir`: a base, and the logs that follow it.
 *
 *     history.7.base   everything up to log 7
 *     history.8.log    what came later; each process begins a log of its own
 *     history.9.log    <-- append, fdatasync
 *
 *     replaceBase:  log 9 ends --> history.new is written, synced, renamed to history.9.base --> what is older is removed
 *
 * A crash at any moment leaves a base and all logs after it. A write that fails is cut off again, so that it leaves no
 * part of a record and no used room.
 */
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { encodeRecord, type JournalRecord } from "../journal-lines.js";
import { sizeOf, syncFolder } from "../state-folder.js";

const NEW_BASE = "history.new";

const NAME = /^history\.(\d{1,15})\.(base|log)$/;

/** Logs of together this size do not make a new base. */
const MIN_REWRITE_BYTES = 1_048_576;

/** A process that restarts often leaves many small logs. */
const MAX_LOGS = 16;

/** Nothing is appended to logs that are so many times longer than a new base allows: it cannot be written. */
const MAX_LOG_FACTOR = 2;

/** Written at once; the event loop gets a turn after each. */
const PIECE_BYTES = 65_536;

interface HistoryFile {
  readonly path: string;
  readonly number: number;
  bytes: number;
}

export class HistoryFiles {
  readonly #folder: string;
  #base: HistoryFile | undefined;
  /** In their order; the last one is written to if there is a handle. */
  #logs: HistoryFile[] = [];
  #handle: FileHandle | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Finds the files of a folder, and removes what an interrupted `replaceBase` has left. */
  static async open(folder: string): Promise<HistoryFiles> {
    const files = new HistoryFiles(folder);
    const bases: HistoryFile[] = [];
    for (const name of await readdir(folder)) {
      const [, number, kind] = NAME.exec(name) ?? [];
      if (number === undefined) continue;
      const file = { path: join(folder, name), number: Number(number), bytes: await sizeOf(join(folder, name)) };
      (kind === "base" ? bases : files.#logs).push(file);
    }
    files.#logs.sort((a, b) => a.number - b.number);
    files.#base = bases.sort((a, b) => a.number - b.number).pop();
    const logs = files.#logs.splice(0);
    const isCurrent = ({ number }: HistoryFile) => number > (files.#base?.number ?? 0);
    files.#logs = logs.filter(isCurrent);
    await removeAll([...bases, ...logs.filter((log) => !isCurrent(log))].map(({ path }) => path));
    await removeAll([join(folder, NEW_BASE)]);
    return files;
  }

  /** Whether a new base would be much smaller than the files. */
  get isGrown(): boolean {
    return this.#logBytes > this.#normalBytes || this.#logs.length > MAX_LOGS;
  }

  /** The files that exist, in the order in which they must be read. */
  get paths(): readonly string[] {
    return [...(this.#base === undefined ? [] : [this.#base]), ...this.#logs].map(({ path }) => path);
  }

  /** Appends records to the log, and syncs it. One call at a time. */
  async append(records: Iterable<JournalRecord>): Promise<void> {
    if (this.#logBytes > MAX_LOG_FACTOR * this.#normalBytes)
      throw new Error(`${this.#logBytes} bytes are not in ${NEW_BASE} yet; it cannot be written`);
    const handle = this.#handle ?? (await this.#beginLog());
    const log = this.#logs.at(-1);
    if (log === undefined) return;
    try {
      const written = await writeRecords(handle, records);
      await handle.datasync();
      log.bytes += written;
    } catch (error) {
      await this.#cut(handle, log.bytes);
      throw error;
    }
  }

  /**
   * Writes a new base of records that contain all that was appended. Records may be appended meanwhile, but not while it
   * is called.
   */
  async replaceBase(records: Iterable<JournalRecord>, signal: AbortSignal): Promise<void> {
    const number = this.#logs.at(-1)?.number ?? this.#base?.number ?? 0;
    await this.close();
    const newPath = join(this.#folder, NEW_BASE);
    const path = join(this.#folder, `history.${number}.base`);
    const handle = await open(newPath, "w", 0o600);
    try {
      const bytes = await writeRecords(handle, records, signal);
      await handle.datasync();
      await rename(newPath, path);
      await syncFolder(this.#folder);
      await this.#useBase({ path, number, bytes });
    } catch (error) {
      await removeAll([newPath]).catch(() => {}); // its room may be needed
      throw error;
    } finally {
      await handle.close();
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined; // the next record goes to another log
    await handle?.close();
  }

  get #logBytes(): number {
    return this.#logs.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Of the logs together, when the base can be written. */
  get #normalBytes(): number {
    return Math.max(MIN_REWRITE_BYTES, this.#base?.bytes ?? 0);
  }

  async #useBase(base: HistoryFile): Promise<void> {
    const old = this.#logs.filter(({ number }) => number <= base.number);
    if (this.#base !== undefined && this.#base.path !== base.path) old.push(this.#base);
    this.#base = base;
    this.#logs = this.#logs.filter(({ number }) => number > base.number);
    await removeAll(old.map(({ path }) => path));
  }

  async #beginLog(): Promise<FileHandle> {
    const number = 1 + (this.#logs.at(-1)?.number ?? this.#base?.number ?? 0);
    const path = join(this.#folder, `history.${number}.log`);
    const handle = await open(path, "ax", 0o600);
    this.#logs.push({ path, number, bytes: 0 });
    this.#handle = handle;
    await syncFolder(this.#folder);
    return handle;
  }

  /** Cuts off what was written in part. If that fails too, the next record goes to another log. */
  async #cut(handle: FileHandle, bytes: number): Promise<void> {
    try {
      await handle.truncate(bytes);
    } catch {
      await this.close().catch(() => {});
    }
  }
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
}

/** Writes records, and returns their bytes. */
async function writeRecords(
  handle: FileHandle,
  records: Iterable<JournalRecord>,
  signal?: AbortSignal,
): Promise<number> {
  let [written, text] = [0, ""];
  const write = async () => {
    const bytes = Buffer.from(text);
    text = "";
    await handle.appendFile(bytes);
    written += bytes.length;
  };
  for (const record of records) {
    text += encodeRecord(record);
    if (text.length < PIECE_BYTES) continue;
    await write();
    signal?.throwIfAborted();
  }
  if (text !== "") await write();
  return written;
}
