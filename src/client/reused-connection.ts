/**
 * The connection to a target: kept between calls, and replaced when it is no longer good.
 *
 *     call --> kept and good? --yes--> ask on it -- no answer, the connection was lost --+
 *                     |                   |                                              |
 *                     no: open one        '--> answer: kept for the next call            |
 *                           ^                                                            |
 *                           '------------------ once more, within the same deadline -----+
 *
 * A kept connection can be lost at the moment when it is used. That is not a failure of the target.
 *
 * Protocols that allow it make several calls at once. A connection that is replaced stays until its last call has ended.
 *
 * A connection is good until `maxConnectionAge`, so that a new certificate, address or backend of the target is noticed. It
 * ends earlier when its certificate ends, or when the target's name no longer has its address.
 */
import type { Clock, Random } from "../core/clock.js";
import { BrokenCall, Unanswered } from "./broken-call.js";

/** A connection that can be kept. It closes itself when it ends, or when something comes that was not asked for. */
export interface ReusableConnection {
  /** Whether another call can be made on it. */
  readonly isOpen: boolean;
  /** When the certificate that the target showed ends, in wall time; `undefined` without TLS. */
  readonly certificateEndsAt: number | undefined;
  /** Why it is not connected when the deadline is over; `undefined` where the target has not answered in time. */
  readonly connectError: Error | undefined;
  /** Whether the target's name no longer has the address of the connection. It answers at once. */
  hasMoved(): boolean;
  /** Keeps the process alive from here on, as a new connection does. */
  ref(): void;
  /** Does not keep the process alive from here on. */
  unref(): void;
  /**
   * Ends it, by the close of its protocol where it has one. A call that runs on it fails at once, with `error` or with
   * BrokenCall `cancelled`.
   */
  close(error?: Error): void;
}

/** How long a connection is kept. */
export interface ReuseOptions {
  /** Keep the connection for the next call. */
  readonly reuse: boolean;
  /** Replace a connection that is older than this. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes a call on a connection. `isNew` when it is the first one on it. */
export type Ask<Connection, Answer> = (connection: Connection, isNew: boolean) => Promise<Answer>;

/** The age varies by so much of `maxAgeMs`, downwards: many checks that start together don't reconnect together. */
const AGE_JITTER = 0.1;

/** Connections and calls on them. One call at a time, unless the connection takes several. */
export class ReusedConnection<Connection extends ReusableConnection> {
  readonly #open: (timeoutMs: number) => Connection;
  readonly #options: ReuseOptions;
  #connection: Connection | undefined;
  #certificateEndsAt: number | undefined;
  #replaceAt = 0;
  /** In wall time. */
  #openedAt = 0;
  /** How many calls run on each connection. */
  readonly #calls = new Map<Connection, number>();
  /** How often all calls were cancelled: those that ran then are not made again. */
  #cancellations = 0;

  /** @param open starts to connect; a call may be made on the connection at once. `timeoutMs` is the call's time */
  constructor(open: (timeoutMs: number) => Connection, options: ReuseOptions) {
    this.#open = open;
    this.#options = options;
  }

  /** The connection, if a call can be made on it. */
  get current(): Connection | undefined {
    return this.#connection?.isOpen === true ? this.#connection : undefined;
  }

  /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /**
   * Makes a call: `ask` is run with a kept or a new connection. When it rejects with Unanswered, it is run once more
   * with a new connection, if the first one was a kept one or the target refused the call unprocessed.
   * Rejects with the reason inside of Unanswered, or with what else `ask` rejects with.
   */
  async call<Answer>(timeoutMs: number, ask: Ask<Connection, Answer>): Promise<Answer> {
    const cancellations = this.#cancellations;
    const kept = this.#kept();
    const connection = kept ?? this.#connect(timeoutMs);
    try {
      return await this.#ask(connection, kept === undefined, ask);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      const isWorthAnother = kept !== undefined || isUnprocessed(error.reason);
      if (cancellations !== this.#cancellations || !isWorthAnother) throw error.reason;
      return await this.#askAgain(connection, timeoutMs, ask);
    }
  }

  /**
   * Ends the calls that run, if there are any, and closes their connections. They reject with the reason why there is no
   * connection yet, or with BrokenCall `cancelled`.
   */
  cancel(): void {
    if (this.#calls.size === 0) return;
    this.#end(this.#connection?.connectError ?? new BrokenCall("cancelled", "the deadline is over"));
  }

  /** Makes no further call on a connection: it does not answer. It is closed when the calls that run on it have ended. */
  retire(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
    if (!this.#calls.has(connection)) connection.close();
  }

  /** Ends all connections, and the calls that run on them. */
  close(): void {
    this.#end();
  }

  #end(error?: Error): void {
    this.#cancellations += 1;
    const connections = new Set(this.#calls.keys());
    if (this.#connection !== undefined) connections.add(this.#connection);
    // a closed socket that is referenced until the next call is copied by the garbage collector
    this.#connection = undefined;
    for (const connection of connections) connection.close(error);
  }

  async #ask<Answer>(connection: Connection, isNew: boolean, ask: Ask<Connection, Answer>): Promise<Answer> {
    this.#calls.set(connection, (this.#calls.get(connection) ?? 0) + 1);
    try {
      connection.ref();
      return await ask(connection, isNew);
    } finally {
      this.#release(connection);
    }
  }

  #release(connection: Connection): void {
    this.#certificateEndsAt = this.#connection?.certificateEndsAt;
    const calls = (this.#calls.get(connection) ?? 1) - 1;
    if (calls > 0) {
      this.#calls.set(connection, calls);
      return;
    }
    this.#calls.delete(connection);
    if (connection === this.#connection && this.#options.reuse) connection.unref();
    else this.retire(connection);
  }

  /** The connection, if it is still good for a call. */
  #kept(): Connection | undefined {
    const { clock } = this.#options;
    const connection = this.current;
    if (connection === undefined || clock.now() >= this.#replaceAt || connection.hasMoved()) return undefined;
    const { certificateEndsAt = Number.POSITIVE_INFINITY } = connection;
    // a certificate that had ended before is not verified: a new connection would show the same one
    const hasEnded = certificateEndsAt > this.#openedAt && certificateEndsAt <= clock.wallTime();
    return hasEnded ? undefined : connection;
  }

  #connect(timeoutMs: number): Connection {
    const { clock, random, maxAgeMs } = this.#options;
    const previous = this.#connection;
    // an HTTP/2 connection that the target is leaving may still be there, with a Watch on it
    if (previous !== undefined && !this.#calls.has(previous)) previous.close();
    this.#connection = this.#open(timeoutMs);
    this.#openedAt = clock.wallTime();
    this.#replaceAt = clock.now() + maxAgeMs * (1 - AGE_JITTER * random());
    return this.#connection;
  }

  /** Another call may have made a new connection meanwhile. */
  async #askAgain<Answer>(failed: Connection, timeoutMs: number, ask: Ask<Connection, Answer>): Promise<Answer> {
    const current = this.current === failed ? undefined : this.current;
    try {
      return await this.#ask(current ?? this.#connect(timeoutMs), current === undefined, ask);
    } catch (error) {
      throw error instanceof Unanswered ? error.reason : error;
    }
  }
}

function isUnprocessed(reason: unknown): boolean {
  return reason instanceof BrokenCall && reason.kind === "unprocessed";
}
