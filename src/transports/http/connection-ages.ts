/**
 * Bounds the age of HTTP/1 connections.
 *
 *     accepted --age--> the next answer has `Connection: close` --grace time--> closed
 *
 * A connection that waits for a request is not closed at its age: the client may be sending one at that moment.
 */
import type { Duplex } from "node:stream";
import type { Clock, Random } from "../../core/clock.js";
import { variedAge } from "../../core/connection-age.js";

/** Times in milliseconds, and what they are measured with. */
export interface ConnectionAgesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
}

export class ConnectionAges {
  readonly #options: ConnectionAgesOptions;
  readonly #aged = new WeakSet<Duplex>();

  constructor(options: ConnectionAgesOptions) {
    this.#options = options;
  }

  /** Takes a new connection. Its timer ends with it. */
  watch(socket: Duplex): void {
    const { clock, random, maxConnectionAgeMs, maxConnectionAgeGraceMs } = this.#options;
    let cancel = clock.setTimer(variedAge(maxConnectionAgeMs, random), () => {
      this.#aged.add(socket);
      cancel = clock.setTimer(maxConnectionAgeGraceMs, () => void socket.destroy());
    });
    socket.once("close", () => cancel());
  }

  /** Whether the next answer must be the last of its connection. */
  isAged(socket: Duplex): boolean {
    return this.#aged.has(socket);
  }
}
