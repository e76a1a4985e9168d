/**
 * Clients that have asked for methods of both engines on one connection.
 *
 * Such a client is sent away with a GOAWAY and comes again; if its next connection began with a health call once more,
 * its other call would be sent away once more. So for a while its connections go to the other engine, which has all
 * methods.
 */
import type { Clock } from "../../core/clock.js";

/** A client that is sent away comes again at once; most within a second. */
const REMEMBERED_MS = 10_000;

const MAX_REMEMBERED = 1_024;

export class Elsewhere {
  readonly #clock: Clock;
  /** Addresses and until when they are remembered, the oldest first. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers an address for a while. */
  note(address: string): void {
    this.#until.delete(address);
    this.#until.set(address, this.#clock.now() + REMEMBERED_MS);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= MAX_REMEMBERED) return;
      this.#until.delete(oldest);
    }
  }

  /** Whether an address is remembered. */
  has(address: string): boolean {
    const until = this.#until.get(address);
    if (until === undefined) return false;
    if (until > this.#clock.now()) return true;
    this.#until.delete(address);
    return false;
  }
}
