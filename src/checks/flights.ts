/**
 * How many probes are in flight: so many at most, the others wait in line.
 *
 * Whoever is due first asks first, so the line is ordered by due time. When there is more to do than this machine can,
 * checks become late, which is measured (`startLagMs`); they don't time out in a crowd and turn everything red, as
 * Envoy's do near 4,000 checks a second (envoy#28699).
 */

/** Probes in flight over all checks of an engine. */
export const MOST_IN_FLIGHT = 256;

export class Flights {
  readonly #most: number;
  readonly #line: (() => void)[] = [];
  /** The first in line: what is before it has gone. */
  #first = 0;
  #inFlight = 0;

  constructor(most: number = MOST_IN_FLIGHT) {
    this.#most = most;
  }

  /** Calls `depart` at once, or when a place is free. It must `land` once for each departure. */
  request(depart: () => void): void {
    if (this.#inFlight >= this.#most) {
      this.#line.push(depart);
      return;
    }
    this.#inFlight += 1;
    depart();
  }

  /** Gives a place back. */
  land(): void {
    this.#inFlight -= 1;
    const next = this.#line[this.#first];
    if (next === undefined) return;
    this.#first += 1;
    if (this.#first * 2 > this.#line.length) {
      this.#line.splice(0, this.#first);
      this.#first = 0;
    }
    this.#inFlight += 1;
    next();
  }
}
