/**
 * How many probes are in flight: so many at most, the others wait in line.
 *
 * Whoever is due first asks first, so the line is ordered by due time. When there is more to do than this machine can,
 * checks become late, which is measured (`startLagMs`); they don't time out in a crowd and turn everything red, as
 * Envoy's do near 4,000 checks a second (envoy#28699).
 *
 * No more than a few depart in one turn of our loop: hundreds of connections at once would make the turn so long that
 * their deadlines measure us.
 */

/** Probes in flight over all checks of an engine. */
export const MOST_IN_FLIGHT = 256;

/** So many depart in one turn of our loop: more would make the turn so long that it is us whom they measure. */
export const MOST_IN_A_TURN = 32;

export class Flights {
  readonly #most: number;
  readonly #nextTurn: (action: () => void) => void;
  readonly #line: (() => void)[] = [];
  /** The first in line: what is before it has gone. */
  #first = 0;
  #inFlight = 0;
  /** Departures in this turn of the loop. */
  #departed = 0;

  /** @param nextTurn calls an action in the next turn of the loop */
  constructor(nextTurn: (action: () => void) => void, most: number = MOST_IN_FLIGHT) {
    this.#nextTurn = nextTurn;
    this.#most = most;
  }

  /** Calls `depart` at once, or when a place is free. It must `land` once for each departure. */
  request(depart: () => void): void {
    this.#line.push(depart);
    this.#departNext();
  }

  /** Gives a place back. */
  land(): void {
    this.#inFlight -= 1;
    this.#departNext();
  }

  #departNext(): void {
    if (this.#inFlight >= this.#most || this.#departed >= MOST_IN_A_TURN) return;
    const next = this.#line[this.#first];
    if (next === undefined) return;
    this.#first += 1;
    if (this.#first * 2 > this.#line.length) {
      this.#line.splice(0, this.#first);
      this.#first = 0;
    }
    this.#inFlight += 1;
    this.#departed += 1;
    if (this.#departed === MOST_IN_A_TURN) this.#nextTurn(() => this.#beginTurn());
    next();
  }

  #beginTurn(): void {
    this.#departed = 0;
    while (this.#first < this.#line.length && this.#inFlight < this.#most && this.#departed < MOST_IN_A_TURN)
      this.#departNext();
  }
}
