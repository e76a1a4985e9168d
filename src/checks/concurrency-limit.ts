/**
 * A limit on the probes that run at the same time. The others wait in a queue.
 *
 * A probe asks for its slot when it is due, so the queue is in the order of due times. When there are more probes than
 * this machine can run, checks start late, which is measured (`startLagMs`). Without the limit, they would time out and
 * all turn to failing, as Envoy's checks do near 4,000 checks a second
 * (https://github.com/envoyproxy/envoy/issues/28699).
 *
 * Only a few probes start in one turn of the event loop. Hundreds of new connections would make the turn so long that
 * the deadlines measure healthbridge instead of the targets.
 */

/** Maximum number of probes that run at the same time, over all checks of an engine. */
export const MAX_CONCURRENT_PROBES = 256;

/** Maximum number of probes that start in one turn of the event loop. */
export const MAX_STARTS_PER_TURN = 32;

export class ConcurrencyLimit {
  readonly #maxRunning: number;
  readonly #nextTurn: (action: () => void) => void;
  readonly #queue: (() => void)[] = [];
  /** Index of the first waiting entry: the entries before it have started. */
  #first = 0;
  #running = 0;
  /** Starts in this turn of the event loop. */
  #started = 0;

  /** @param nextTurn calls an action in the next turn of the event loop */
  constructor(nextTurn: (action: () => void) => void, maxRunning: number = MAX_CONCURRENT_PROBES) {
    this.#nextTurn = nextTurn;
    this.#maxRunning = maxRunning;
  }

  /** Calls `start` at once, or when a slot is free. The caller must call `release` once for each start. */
  acquire(start: () => void): void {
    this.#queue.push(start);
    this.#startNext();
  }

  release(): void {
    this.#running -= 1;
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running >= this.#maxRunning || this.#started >= MAX_STARTS_PER_TURN) return;
    const next = this.#queue[this.#first];
    if (next === undefined) return;
    this.#first += 1;
    if (this.#first * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    this.#running += 1;
    this.#started += 1;
    if (this.#started === MAX_STARTS_PER_TURN) this.#nextTurn(() => this.#beginTurn());
    next();
  }

  #beginTurn(): void {
    this.#started = 0;
    while (this.#first < this.#queue.length && this.#running < this.#maxRunning && this.#started < MAX_STARTS_PER_TURN)
      this.#startNext();
  }
}
