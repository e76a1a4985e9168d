/**
 * How many probes are in run: so many at most, the others wait in line.
 *
 * Whoever is due first asks first, so the line is ordered by due time. When there is more to do than this machine can,
 * checks become late, which is measured (`startLagMs`); they don't time out in a crowd and turn everything red, as
 * Envoy's do near 4,000 checks a second (envoy#28699).
 *
 * No more than a few depart in one turn of our loop: hundreds of connections at once would make the turn so long that
 * their deadlines measure us.
 */

/** Probes in run over all checks of an engine. */
export const MAX_CONCURRENT_PROBES = 256;

/** So many depart in one turn of our loop: more would make the turn so long that it is us whom they measure. */
export const MAX_STARTS_PER_TURN = 32;

export class ConcurrencyLimit {
  readonly #most: number;
  readonly #nextTurn: (action: () => void) => void;
  readonly #line: (() => void)[] = [];
  /** The first in line: what is before it has gone. */
  #first = 0;
  #running = 0;
  /** Starts in this turn of the loop. */
  #started = 0;

  /** @param nextTurn calls an action in the next turn of the loop */
  constructor(nextTurn: (action: () => void) => void, most: number = MAX_CONCURRENT_PROBES) {
    this.#nextTurn = nextTurn;
    this.#most = most;
  }

  /** Calls `start` at once, or when a place is free. The caller must `release` once for each start. */
  acquire(start: () => void): void {
    this.#line.push(start);
    this.#startNext();
  }

  /** Gives a place back. */
  release(): void {
    this.#running -= 1;
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running >= this.#most || this.#started >= MAX_STARTS_PER_TURN) return;
    const next = this.#line[this.#first];
    if (next === undefined) return;
    this.#first += 1;
    if (this.#first * 2 > this.#line.length) {
      this.#line.splice(0, this.#first);
      this.#first = 0;
    }
    this.#running += 1;
    this.#started += 1;
    if (this.#started === MAX_STARTS_PER_TURN) this.#nextTurn(() => this.#beginTurn());
    next();
  }

  #beginTurn(): void {
    this.#started = 0;
    while (this.#first < this.#line.length && this.#running < this.#most && this.#started < MAX_STARTS_PER_TURN)
      this.#startNext();
  }
}
