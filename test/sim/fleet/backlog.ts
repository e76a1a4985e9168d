/**
 * What a member has said and the store does not have yet, by the rate at which a member writes: 500 votes or removals at a
 * time, each 50 ms, in the order in which they have come. Without the store nothing is written.
 *
 * Of 100,000 checks, a member that was alone may have 50,000 votes to write when it is back, and gives up 30,000 checks a lease
 * later. A vote that turns then waits for seconds.
 */

const CHANGES_A_WRITE = 500;

/** With the time of the call. */
const WRITE_MS = 60;

/** What goes with one write: the first of it was said at this time. */
interface Write {
  readonly from: number;
  changes: number;
}

interface Written {
  readonly from: number;
  readonly knownAt: number;
}

export class Backlog {
  readonly #waiting: Write[] = [];
  readonly #written: Written[] = [];
  /** The end of the last write, or of the time without the store. */
  #freeAt = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  /** When all that has waited for the store is written, at its last return. */
  returnedAt = Number.NEGATIVE_INFINITY;
  readonly #spreadMs: number;

  /** @param spreadMs so long after it was said, a vote is known when none waits before it */
  constructor(spreadMs: number) {
    this.#spreadMs = spreadMs;
  }

  /** A vote was cast or removed. */
  add(now: number): void {
    this.#writeUntil(now);
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.changes < CHANGES_A_WRITE) last.changes += 1;
    else this.#waiting.push({ from: now, changes: 1 });
  }

  /** The member does not reach the store any more. */
  stop(now: number): void {
    this.#writeUntil(now);
    this.#isStopped = true;
  }

  resume(at: number): void {
    this.#freeAt = Math.max(this.#freeAt, at);
    this.#isStopped = false;
    this.returnedAt = this.#freeAt + this.#waiting.length * WRITE_MS;
  }

  /** All that was said before this time is written, and those that hear know it. */
  knownUntil(now: number): number {
    this.#writeUntil(now);
    while ((this.#written[0]?.knownAt ?? Number.POSITIVE_INFINITY) <= now) this.#written.shift();
    const [waiting] = this.#written.length > 0 ? this.#written : this.#waiting;
    return Math.min(now - this.#spreadMs, waiting?.from ?? now);
  }

  #writeUntil(now: number): void {
    if (this.#isStopped) return;
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const writtenAt = Math.max(this.#freeAt, next.from) + WRITE_MS;
      if (writtenAt > now) return;
      this.#freeAt = writtenAt;
      this.#waiting.shift();
      this.#written.push({ from: next.from, knownAt: writtenAt - WRITE_MS + this.#spreadMs });
    }
  }
}
