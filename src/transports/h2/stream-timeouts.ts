/**
 * Deadlines of streams: a request has `requestTimeoutMs` to arrive, an answer may wait for `answerTimeoutMs` without
 * progress.
 *
 * Most requests are complete in the read that began them, and most answers fit the client's window. Those cost nothing
 * here: one timer a connection, armed only while a stream waits.
 */
import type { CancelTimer } from "../../core/clock.js";
import type { Connection } from "./connection.js";
import type { Streams } from "./streams.js";

/** Times of streams, in milliseconds. */
export interface StreamTimes {
  /** From the read that began the request to its last frame. */
  readonly requestTimeoutMs: number;
  /** Between two steps of an answer that the client does not take. */
  readonly answerTimeoutMs: number;
}

export class StreamTimeouts {
  readonly #streams: Streams;
  readonly #connection: Connection;
  readonly #times: StreamTimes;
  #cancel: CancelTimer | undefined;

  constructor(streams: Streams, connection: Connection, times: StreamTimes) {
    this.#streams = streams;
    this.#connection = connection;
    this.#times = times;
  }

  /** Arms the timer when a stream waits. Called after each read. */
  watch(): void {
    if (this.#cancel === undefined && this.#streams.hasWaiting) this.#check();
  }

  end(): void {
    this.#cancel?.();
  }

  #check(): void {
    const { clock } = this.#connection;
    const now = clock.now();
    const nextAt = this.#streams.expire(now, this.#times);
    const check = () => this.#connection.guard(() => this.#check());
    this.#cancel = nextAt === undefined ? undefined : clock.setTimer(nextAt - now, check);
  }
}
