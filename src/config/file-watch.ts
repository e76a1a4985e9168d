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
 * state is also read every ten seconds.
 */
import { createHash } from "node:crypto";
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { CancelTimer, Clock } from "../core/clock.js";
import { formatDuration } from "../core/duration.js";
import { identityOf, readRegularFile } from "./read-file.js";

/** A file is read when it has been unchanged for this time. */
const SETTLE_MS = 500;

/** A writer that needs longer is reported. */
const SLOW_MS = 10_000;
const SLOW = formatDuration(SLOW_MS);

const POLL_MS = 10_000;

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
  #onChange: () => void = () => {};
  #cancelPoll: CancelTimer = () => {};
  #watcher: FSWatcher | undefined;
  #folder: string | undefined;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    this.#state = stateOf(file);
  }

  /**
   * Calls `read` when the file has been unchanged for 500 ms, and again if it changed meanwhile. Rejects with what `read`
   * throws. A file that has not existed, or is not a regular one, is read at once.
   * @param onSlow called once, with words that follow the name of the file, when the file has been changing for 10 s; it
   *   may throw an error to give up
   */
  async read<Value>(read: () => Promise<Value>, onSlow: (message: string) => void): Promise<Value> {
    for (;;) {
      await this.#settle(onSlow);
      const identity = this.#state?.identity;
      const outcome = await outcomeOf(read());
      const digest = this.#readDigest();
      if (this.#observe()?.identity !== identity) continue;
      this.#digest = digest;
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    }
  }

  /** Whether the content, once it is settled, is not that which was read last. A missing file is about to be replaced. */
  async isChanged(onSlow: (message: string) => void): Promise<boolean> {
    await this.#settle(onSlow);
    return this.#state !== undefined && this.#readDigest() !== this.#digest;
  }

  /** Calls `onChange` after each change of the file's state. */
  start(onChange: () => void): void {
    this.#onChange = onChange;
    this.#poll();
  }

  close(): void {
    this.#onChange = () => {};
    this.#cancelPoll();
    this.#watcher?.close();
  }

  async #settle(onSlow: (message: string) => void): Promise<void> {
    const startedAt = this.#clock.now();
    let isReported = false;
    for (;;) {
      const state = this.#observe();
      const waitMs = SETTLE_MS - this.#ageMs(state);
      if (waitMs <= 0) return;
      await new Promise<void>((resolve) => void this.#clock.setTimer(waitMs, resolve));
      if (this.#observe()?.identity === state?.identity) return;
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

  #observe(): FileState | undefined {
    const state = stateOf(this.#file);
    if (state?.identity !== this.#state?.identity) this.#seenAt = this.#clock.now();
    this.#state = state;
    return state;
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.setTimer(POLL_MS, () => this.#poll());
    this.#watchFolder();
    this.#onEvent();
  }

  #onEvent(): void {
    const before = this.#state?.identity;
    if (this.#observe()?.identity !== before) this.#onChange();
  }

  /** Watches the folder; again when another folder has taken its place. */
  #watchFolder(): void {
    const folder = dirname(this.#file);
    const identity = inodeOf(folder);
    if (identity === this.#folder) return;
    this.#folder = identity;
    this.#watcher?.close();
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onEvent());
      watcher.on("error", () => watcher.close()); // the folder is gone, or the kernel has no watches left: polling continues
      this.#watcher = watcher;
    } catch {
      // no watches left: polling continues
    }
  }

  #readDigest(): string | undefined {
    const identity = this.#state?.identity;
    if (identity === undefined) return undefined;
    const content = readRegularFile(this.#file);
    return "text" in content ? createHash("sha256").update(content.text).digest("hex") : identity;
  }
}

type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

function outcomeOf<Value>(work: Promise<Value>): Promise<Outcome<Value>> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function stateOf(file: string): FileState | undefined {
  try {
    const stats = statSync(file, { bigint: true });
    if (!stats.isFile()) return undefined;
    const { size, mtimeMs, ctimeMs } = stats;
    return { identity: identityOf(stats), size, changedAt: Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs) };
  } catch {
    return undefined;
  }
}

function inodeOf(folder: string): string | undefined {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
