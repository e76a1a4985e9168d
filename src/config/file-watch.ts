/**
 * Detects when a file may be read, and when its content has changed.
 *
 *     event of the kernel, or 10 s --> another state? --> onChange --> isChanged: unchanged for 500 ms, other content? --> read
 *
 * A writer may need time: a shell empties a file before it writes it, and a copy of a long file takes several writes. So
 * a file is read when it has been unchanged for `SETTLE_MS`. Its state is its inode, size and times. A copy may keep the
 * time of modification (`cp -p`), so the time of the last change counts too, which no program can set. A time in the
 * future has no age: then the file is observed for the whole `SETTLE_MS`, on the monotonic clock.
 *
 * The folder is watched instead of the file, because editors and Kubernetes replace the file (a ConfigMap swaps a symlink
 * beside it). An event of the kernel is only a reason to look at the state. Network file systems send no events, so the
 * state is also read every ten seconds. On a mount that does not answer, the file is one that has not changed.
 */
import { createHash } from "node:crypto";
import { type BigIntStats, type FSWatcher, statSync, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { CancelTimer, Clock } from "../core/clock.js";
import { formatDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";
import { FileOperation, type FileThreads } from "./file-operation.js";
import { ABSENT, type FileContent, identityOf, readRegularFile } from "./read-file.js";

/** A file is read when it has been unchanged for this time. */
const SETTLE_MS = 500;

/** A writer that needs longer is reported. */
const SLOW_MS = 10_000;
const SLOW = formatDuration(SLOW_MS);

const POLL_MS = 10_000;

/** The same, while the file system does not answer. */
const SLOW_POLL_MS = 1_000;

/** The file and its folder are on one device. */
const DEVICE = "configuration";

/** What distinguishes two versions of a file without reading it. */
interface FileState {
  readonly identity: string;
  readonly size: bigint;
  /** Wall time of the last change, in milliseconds. */
  readonly changedAt: number;
}

/** A file that is watched. */
export class FileWatch {
  readonly #file: string;
  readonly #clock: Clock;
  /** `undefined` for anything but a regular file. */
  #state: FileState | undefined;
  /** Monotonic time at which this state was first seen; unknown for the state at the start. */
  #seenAt = Number.NEGATIVE_INFINITY;
  /** Of the content that was read last. */
  #digest: string | undefined;
  /** A change could not be examined, because the file could not be read. */
  #isPending = false;
  readonly #stats: FileOperation<BigIntStats | typeof ABSENT>;
  readonly #contents: FileOperation<FileContent>;
  #onChange: () => void = () => {};
  #cancelPoll: CancelTimer = () => {};
  #watcher: FSWatcher | undefined;
  #folder: string | undefined;
  #isClosed = false;

  constructor(file: string, clock: Clock, threads: FileThreads) {
    this.#file = file;
    this.#clock = clock;
    this.#stats = new FileOperation((path) => stat(path, { bigint: true }).catch(() => ABSENT), threads, clock);
    this.#contents = new FileOperation(readRegularFile, threads, clock);
    // at the start, there is nothing that it could block
    this.#state = stateOf(firstStats(file));
  }

  /**
   * Calls `read` when the file has been unchanged for 500 ms, and again if it changed meanwhile. Rejects with what `read`
   * throws, and when the file system does not answer. A file that has not existed, or is not a regular one, is read at once.
   * @param onSlow called once, with words that follow the name of the file, when the file has been changing for 10 s; it
   *   may throw an error to give up
   */
  async read<Value>(read: () => Promise<Value>, onSlow: (message: string) => void): Promise<Value> {
    for (;;) {
      const isSettled = await this.#settle(onSlow);
      // `read` may block its thread: it is not called for a file that does not answer
      if (!isSettled || (await this.#readContent()) === undefined) throw this.#noAnswer();
      const identity = this.#state?.identity;
      const outcome = await outcomeOf(read());
      const content = await this.#readContent();
      if (!(await this.#observe())) throw this.#noAnswer();
      if (this.#state?.identity !== identity) continue;
      this.#digest = digestOf(content);
      this.#isPending = content !== undefined && "code" in content;
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    }
  }

  /** Whether the content, once it is settled, is not that which was read last. A missing file is about to be replaced. */
  async isChanged(onSlow: (message: string) => void): Promise<boolean> {
    const isSettled = await this.#settle(onSlow);
    if (isSettled && this.#state === undefined) return false;
    const content = isSettled ? await this.#readContent() : undefined;
    this.#isPending = content === undefined;
    return content !== undefined && digestOf(content) !== this.#digest;
  }

  /** Whether there was no regular file when its state was read last. */
  get isMissing(): boolean {
    return this.#state === undefined;
  }

  /** Calls `onChange` after each change of the file's state. */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    void this.#poll();
  }

  close(): void {
    this.#isClosed = true;
    this.#onChange = () => {};
    this.#cancelPoll();
    this.#watcher?.close();
  }

  /** False when the file system does not answer. */
  async #settle(onSlow: (message: string) => void): Promise<boolean> {
    const startedAt = this.#clock.now();
    let isReported = false;
    for (;;) {
      if (!(await this.#observe())) return false;
      const state = this.#state;
      const waitMs = SETTLE_MS - this.#ageMs(state);
      if (waitMs <= 0) return true;
      await new Promise<void>((resolve) => void this.#clock.setTimer(waitMs, resolve));
      if (!(await this.#observe())) return false;
      if (this.#state?.identity === state?.identity) return true;
      if (isReported || this.#clock.now() - startedAt < SLOW_MS) continue;
      isReported = true;
      onSlow(`has been changing for ${SLOW}; it is read when it has been unchanged for ${SETTLE_MS} ms`);
    }
  }

  /** Milliseconds since the last change that is known; 0 for a change in the future. */
  #ageMs(state: FileState | undefined): number {
    const seenMs = this.#clock.now() - this.#seenAt;
    return state === undefined ? seenMs : Math.max(0, Math.min(this.#clock.wallTime() - state.changedAt, seenMs));
  }

  /** Reads the state. False when the file system does not answer. */
  async #observe(): Promise<boolean> {
    const stats = await this.#stats.on(this.#file, DEVICE);
    if (stats === undefined) return false;
    const state = stateOf(stats === ABSENT ? undefined : stats);
    if (state?.identity !== this.#state?.identity) this.#seenAt = this.#clock.now();
    this.#state = state;
    return true;
  }

  async #poll(): Promise<void> {
    this.#schedulePoll(POLL_MS);
    await this.#watchFolder();
    await this.#onEvent();
  }

  #schedulePoll(delayMs: number): void {
    this.#cancelPoll();
    if (!this.#isClosed) this.#cancelPoll = this.#clock.setTimer(delayMs, () => void this.#poll());
  }

  async #onEvent(): Promise<void> {
    const before = this.#state?.identity;
    if (!(await this.#observe())) this.#schedulePoll(SLOW_POLL_MS);
    else if (this.#state?.identity !== before || (await this.#isReadable())) this.#onChange();
  }

  /** Whether a file can be read again that could not be read. */
  async #isReadable(): Promise<boolean> {
    if (!this.#isPending) return false;
    const content = await this.#readContent();
    if (content === undefined || "code" in content) return false;
    this.#isPending = false;
    return true;
  }

  /** Watches the folder; again when another folder has taken its place. */
  async #watchFolder(): Promise<void> {
    const folder = dirname(this.#file);
    const stats = await this.#stats.on(folder, DEVICE);
    if (stats === undefined || this.#isClosed) return;
    const identity = stats === ABSENT ? undefined : `${stats.dev}:${stats.ino}`;
    if (identity === this.#folder) return;
    this.#folder = identity;
    this.#watcher?.close();
    try {
      const watcher = watch(folder, { persistent: false }, () => void this.#onEvent());
      watcher.on("error", () => watcher.close()); // the folder is gone, or the kernel has no watches left: polling continues
      this.#watcher = watcher;
    } catch {
      // no watches left: polling continues
    }
  }

  /** `undefined` when the file system does not answer. */
  #readContent(): Promise<FileContent | undefined> {
    return this.#contents.on(this.#file, DEVICE);
  }

  /** The file is examined later. */
  #noAnswer(): HealthError {
    this.#isPending = true;
    return new HealthError("INVALID_CONFIG", `${this.#file}: cannot read this file: its file system does not answer`);
  }
}

function digestOf(content: FileContent | undefined): string | undefined {
  if (content === undefined) return undefined;
  return "text" in content ? createHash("sha256").update(content.text).digest("hex") : content.identity;
}

type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

function outcomeOf<Value>(work: Promise<Value>): Promise<Outcome<Value>> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function firstStats(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true });
  } catch {
    return undefined; // the reading reports it
  }
}

/** `undefined` for anything but a regular file. */
function stateOf(stats: BigIntStats | undefined): FileState | undefined {
  if (stats?.isFile() !== true) return undefined;
  const { size, mtimeMs, ctimeMs } = stats;
  return { identity: identityOf(stats), size, changedAt: Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs) };
}
