/**
 * Detects that a file has changed which a configuration names (a certificate, a key, a token), and reads it.
 *
 *     every second: stat of each file --another version--> 500 ms later the same? --> read --another content--> onChange
 *                                                                                      '-- failed: once more after 1 s, 2 s, .. 60 s
 *
 * `stat` follows links, so the swap of a link beside the file (a Secret of Kubernetes, `..data`) is seen. The files are polled:
 * network file systems send no events, and a container may have no inotify watches left. Only files that have changed are read.
 * A file on a mount that does not answer is skipped, and does not delay the others: see `file-operation`.
 */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { CancelTimer, Clock } from "../core/clock.js";
import { FileOperation, type FileThreads } from "./file-operation.js";
import { type KnownContents, type NamedFile, textOf } from "./files.js";
import { ABSENT, type FileContent, identityOf, readRegularFile, versionOf } from "./read-file.js";

const POLL_MS = 1_000;

/** A changed file is read when it has been unchanged for this time. */
const SETTLE_MS = 500;

/** A file that could not be read is read again after a time that doubles. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/** What is known of a file. */
interface PolledFile {
  readonly path: string;
  /** In use, or rejected before. */
  readonly used: FileContent;
  /** The content that was read last, also if it was rejected. */
  content: FileContent;
  /** Another version, as the last poll has found it. */
  changing: string | undefined;
  failures: number;
  retryAt: number;
}

export class NamedFilesWatch {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #versions: FileOperation<string>;
  readonly #contents: FileOperation<FileContent>;
  #files: ReadonlyMap<string, PolledFile> = new Map();
  #polling: Promise<void> = Promise.resolve();
  #cancel: CancelTimer = () => {};
  #isClosed = false;

  /** @param onChange called when `changed` has other contents */
  constructor(clock: Clock, threads: FileThreads, onChange: () => void) {
    const version = (path: string) => stat(path, { bigint: true }).then(identityOf, () => ABSENT);
    this.#clock = clock;
    this.#onChange = onChange;
    this.#versions = new FileOperation(version, threads, clock);
    this.#contents = new FileOperation(readRegularFile, threads, clock);
  }

  /** The newest contents of files whose content in use is another one, or another version. */
  get changed(): KnownContents {
    const changed = [...this.#files.values()].filter(({ used, content }) => isOther(used, content));
    return new Map(changed.map(({ path, content }) => [path, content]));
  }

  /** Polls these files from now on, instead of the previous ones. A newer content that was read before, and rejected, is kept. */
  watch(files: readonly NamedFile[]): void {
    const watched = files.map(({ path, content: used }) => {
      const known = this.#files.get(path);
      const isKnown = known?.content.identity === used.identity;
      return {
        path,
        used,
        content: used,
        changing: undefined,
        failures: 0,
        retryAt: 0,
        ...(isKnown ? { ...known, used } : {}),
      };
    });
    this.#files = new Map(watched.map((file) => [file.path, file]));
    this.#schedule(POLL_MS);
  }

  async readAll(): Promise<void> {
    await this.#polling;
    for (const file of this.#files.values()) {
      const content = await this.#contents.on(file.path, deviceOf(file));
      if (content !== undefined) this.#take(file, content);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    if (this.#isClosed || this.#files.size === 0) return;
    this.#cancel = this.#clock.setTimer(delayMs, () => {
      this.#polling = this.#poll();
    });
  }

  async #poll(): Promise<void> {
    const files = this.#files;
    let hasChanged = false;
    for (const file of files.values()) {
      hasChanged = (await this.#check(file)) || hasChanged;
      if (this.#isClosed || files !== this.#files) return; // other files are watched now
    }
    const isChanging = [...files.values()].some(({ changing }) => changing !== undefined);
    this.#schedule(isChanging ? SETTLE_MS : POLL_MS);
    if (hasChanged) this.#onChange();
  }

  /** Whether the file has another content. */
  async #check(file: PolledFile): Promise<boolean> {
    const version = await this.#versions.on(file.path, deviceOf(file));
    if (version === undefined) return false;
    const isSame = version === versionOf(file.content);
    const isSettled = version === file.changing;
    file.changing = isSame ? undefined : version;
    if (isSame ? !this.#isRetryDue(file) : !isSettled) return false;
    const content = await this.#contents.on(file.path, deviceOf(file));
    if (content === undefined) return false;
    file.changing = undefined;
    return this.#take(file, content);
  }

  #isRetryDue({ content, retryAt }: PolledFile): boolean {
    return "code" in content && this.#clock.now() >= retryAt;
  }

  #take(file: PolledFile, content: FileContent): boolean {
    const hasChanged = isOther(file.content, content);
    file.failures = "code" in content ? file.failures + 1 : 0;
    file.retryAt = this.#clock.now() + Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** (file.failures - 1));
    file.content = content;
    return hasChanged;
  }
}

function isOther(one: FileContent, other: FileContent): boolean {
  return one.identity !== other.identity || textOf(one) !== textOf(other);
}

/** Files of the same file system stop to answer together. */
function deviceOf({ path, used }: PolledFile): string {
  const version = versionOf(used);
  return version === ABSENT ? dirname(path) : version.replace(/:.*$/, "");
}
