/**
 * A limit on what all probes of a `Health` take from this machine: file descriptors, or running programs.
 *
 *     reserve --> room? --yes--> start --> probe --> end: the connection may be kept, and its place with it
 *                  | no                                 |
 *                  +--> an idle prober? --yes--> it is closed, the least recently used one first
 *                  '--> wait, first come first served
 *
 * A check whose last probe was abandoned and still runs does not wait: the abandoned probe may never end. Its next probe
 * takes further places, so others wait.
 *
 * A probe gets its place before its deadline begins to run. So a check whose probe waits here starts late, which is
 * measured, and keeps its state until `staleAfter`: no target is reported down because healthbridge has no descriptor left.
 */

/** What takes a place: one prober. */
export interface Claim {
  /** How many places it takes. */
  readonly cost: number;
  /** Ends what is kept between probes. */
  readonly close: () => void;
}

export class ResourceBudget {
  readonly #max: number;
  #used = 0;
  /** Claims with running probes, and their number: two while an abandoned one has not ended. */
  readonly #busy = new Map<Claim, number>();
  /** Claims between two probes, the least recently used one first. */
  readonly #idle = new Set<Claim>();
  readonly #waiting = new Map<Claim, () => void>();

  /** @param max places in all. A claim that costs more takes all of them */
  constructor(max: number) {
    this.#max = max;
  }

  /** Calls `start` when the claim has its place: at once if there is room. */
  reserve(claim: Claim, start: () => void): void {
    if (this.#idle.delete(claim)) this.#begin(claim, start, 0);
    else if ((this.#waiting.size === 0 && this.#makeRoom(claim)) || this.#busy.has(claim)) this.#begin(claim, start);
    else this.#waiting.set(claim, start);
  }

  /** A probe of the claim has ended. After the last one, its place is kept as long as no other claim needs it. */
  end(claim: Claim): void {
    const running = this.#busy.get(claim);
    if (running === undefined) return;
    if (running > 1) {
      this.#busy.set(claim, running - 1);
      this.#used -= this.#costOf(claim);
    } else {
      this.#busy.delete(claim);
      this.#idle.add(claim);
    }
    this.#startWaiting();
  }

  /** Gives up the place, or the wait for one. */
  release(claim: Claim): void {
    this.#waiting.delete(claim);
    const places = this.#idle.delete(claim) ? 1 : this.#busy.get(claim);
    if (places === undefined) return;
    this.#busy.delete(claim);
    this.#used -= places * this.#costOf(claim);
    this.#startWaiting();
  }

  /** Closes half of the idle claims: the system says that there are fewer descriptors than this budget assumes. */
  shrink(): void {
    for (const claim of [...this.#idle].slice(0, Math.ceil(this.#idle.size / 2))) this.#evict(claim);
  }

  #startWaiting(): void {
    for (const [claim, start] of this.#waiting) {
      if (!this.#makeRoom(claim)) return;
      this.#waiting.delete(claim);
      this.#begin(claim, start);
    }
  }

  #begin(claim: Claim, start: () => void, cost = this.#costOf(claim)): void {
    this.#used += cost;
    this.#busy.set(claim, (this.#busy.get(claim) ?? 0) + 1);
    start();
  }

  #makeRoom(claim: Claim): boolean {
    const limit = this.#max - this.#costOf(claim);
    for (const oldest of this.#idle) {
      if (this.#used <= limit) break;
      this.#evict(oldest);
    }
    return this.#used <= limit;
  }

  #evict(claim: Claim): void {
    this.#idle.delete(claim);
    this.#used -= this.#costOf(claim);
    claim.close();
  }

  #costOf({ cost }: Claim): number {
    return Math.min(cost, this.#max);
  }
}
