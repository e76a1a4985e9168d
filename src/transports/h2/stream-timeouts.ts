/**
 * Deadlines of streams: a request has `requestTimeoutMs` to arrive, an answer may wait for `answerTimeoutMs` without
 * progress.
 *
 * Most requests are complete in the read that began them, and most answers fit the client's window. Those cost nothing
 * here: one timer a connection, armed only while a stream waits.
 */
import type { CancelTimer } from "../../core/clock.js";
import type { Connection } from "./connection.js";
import type { Stream } from "./stream.js";
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
    let nextAt = Number.POSITIVE_INFINITY;
    const isReading = this.#streams.flow.checkSocketProgress();
    for (const stream of this.#streams.all()) {
      if (stream.arriving && !stream.isOpenEnded) nextAt = Math.min(nextAt, this.#checkRequest(stream, now));
      if (!stream.isWaiting || stream.mayStall) continue;
      // the socket drains as a whole: a slow client makes progress while this stream waits
      if (isReading && stream.hasSendWindow) stream.progressAt = now;
      nextAt = Math.min(nextAt, this.#checkAnswer(stream, now));
    }
    const check = () => this.#connection.guard(() => this.#check());
    this.#cancel = nextAt === Number.POSITIVE_INFINITY ? undefined : clock.setTimer(nextAt - now, check);
  }

  /** Ends a request that is late. Returns when it is due, or when to check again one whose answer is being made. */
  #checkRequest(stream: Stream, now: number): number {
    const { requestTimeoutMs } = this.#times;
    stream.requestDueAt ??= now + requestTimeoutMs;
    if (stream.requestDueAt > now) return stream.requestDueAt;
    stream.requestDueAt = now + requestTimeoutMs;
    stream.abort("late");
    return stream.arriving ? stream.requestDueAt : Number.POSITIVE_INFINITY;
  }

  #checkAnswer(stream: Stream, now: number): number {
    const dueAt = stream.progressAt + this.#times.answerTimeoutMs;
    if (dueAt > now) return dueAt;
    stream.reset("CANCEL");
    return Number.POSITIVE_INFINITY;
  }
}
