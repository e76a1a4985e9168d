/**
 * Detects that a file has changed which a configuration names: a certificate, a key, a token.
 *
 *     every second: stat of each file --another identity--> 500 ms later the same? --> onChange
 *
 * `stat` follows links, so the swap of a link beside the file (a Secret of Kubernetes, `..data`) is seen. The files are polled:
 * network file systems send no events, and a container may have no inotify watches left. `stat` runs in Node's thread pool, and
 * one after the other. A mount that does not answer holds one of its threads: at most two are given to such files, because name
 * lookups need the others.
 */
import { stat } from "node:fs/promises";
import type { CancelTimer, Clock } from "../core/clock.js";
import type { NamedFile } from "./files.js";
import { ABSENT, identityOf } from "./read-file.js";

const POLL_MS = 1_000;

/** A changed file is read when it has been unchanged for this time. */
const SETTLE_MS = 500;

/** A file whose `stat` takes longer is skipped until it is done. */
const STAT_MS = 1_000;

const MAX_STUCK = 2;

export class NamedFilesWatch {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  /** The identities of the versions that were read, by path. */
  #known: ReadonlyMap<string, string> = new Map();
  /** The identities of files that have changed, as the last poll has found them. */
  #changing: ReadonlyMap<string, string> = new Map();
  readonly #stuck = new Set<string>();
  #cancel: CancelTimer = () => {};
  #isClosed = false;

  /** @param onChange called when a changed file is settled. Then nothing is polled until `watch` is called again */
  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Polls these files from now on, in place of others. A version that could not be used is known: it is not read again. */
  watch(files: readonly NamedFile[]): void {
    this.#known = new Map(files.map(({ path, content }) => [path, content.identity]));
    this.#changing = new Map();
    this.#schedule(POLL_MS);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #schedule(delayMs: number): void {
    this.#cancel();
    const known = this.#known;
    if (this.#isClosed || known.size === 0) return;
    this.#cancel = this.#clock.setTimer(delayMs, () => void this.#poll(known));
  }

  async #poll(known: ReadonlyMap<string, string>): Promise<void> {
    const changing = new Map<string, string>();
    for (const [path, identity] of known) {
      const found = await this.#identityAt(path);
      if (this.#isClosed || known !== this.#known) return; // other files are watched now
      if (found !== undefined && found !== identity) changing.set(path, found);
    }
    const isSettled = [...changing].some(([path, identity]) => this.#changing.get(path) === identity);
    this.#changing = changing;
    if (isSettled) this.#onChange();
    else this.#schedule(changing.size === 0 ? POLL_MS : SETTLE_MS);
  }

  /** `undefined` while it is not known. */
  async #identityAt(path: string): Promise<string | undefined> {
    if (this.#stuck.has(path) || this.#stuck.size >= MAX_STUCK) return undefined;
    this.#stuck.add(path);
    const identity = stat(path, { bigint: true })
      .then(identityOf, () => ABSENT)
      .finally(() => this.#stuck.delete(path));
    let cancel: CancelTimer = () => {};
    const late = new Promise<undefined>((resolve) => {
      cancel = this.#clock.setTimer(STAT_MS, () => resolve(undefined));
    });
    return Promise.race([identity, late]).finally(() => cancel());
  }
}
