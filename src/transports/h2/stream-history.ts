/**
 * The streams of a connection that are not open: closed, or never opened (RFC 9113, section 5.1).
 *
 * A client cannot open a stream below the last one, so two numbers are enough for most of them. The streams that the
 * server reset last are listed: the client may have sent frames on them before it received the reset.
 */
import { ConnectionError, MAX_31_BITS } from "../../wire/http2/frames.js";

const MAX_RESETS_KEPT = 1_024;

export class StreamHistory {
  #lastId = 0;
  #opened = 0;
  #servedUpTo = MAX_31_BITS;
  #resets: Set<number> | undefined;

  /** The last stream that was opened; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The last stream that was opened and served. */
  get lastServed(): number {
    return Math.min(this.#lastId, this.#servedUpTo);
  }

  /** The client opens a stream above the last one. */
  open(streamId: number): void {
    this.#lastId = streamId;
    this.#opened += 1;
  }

  /** The server has reset a stream. */
  reset(streamId: number): void {
    this.#resets ??= new Set();
    this.#resets.add(streamId);
    if (this.#resets.size > MAX_RESETS_KEPT) this.#resets.delete(this.#resets.values().next().value ?? 0);
  }

  /** No stream above this one is served. */
  serveUpTo(streamId: number): void {
    this.#servedUpTo = Math.min(this.#servedUpTo, streamId);
  }

  /** Whether a stream is served when the client opens it. */
  serves(streamId: number): boolean {
    return streamId <= this.#servedUpTo;
  }

  /** Only HEADERS and PRIORITY may come on an idle stream. @throws ConnectionError when the stream was never opened */
  requireNotIdle(streamId: number, what: string): void {
    if (streamId === 0 || streamId % 2 === 0 || streamId > this.#lastId)
      throw new ConnectionError("PROTOCOL_ERROR", `${what} on a stream that was not opened`);
  }

  /**
   * A frame has come for a stream that is not open. @throws ConnectionError unless the client may not have received
   * our reset yet
   */
  requireExcuse(streamId: number, what: string): void {
    this.requireNotIdle(streamId, what);
    if (this.#resets?.has(streamId) === true || !this.serves(streamId)) return;
    // without gaps in the identifiers, each one up to the last was a stream (section 5.1.1)
    const wasOpen = streamId === this.#lastId || this.#opened === (this.#lastId + 1) / 2;
    throw new ConnectionError(wasOpen ? "STREAM_CLOSED" : "PROTOCOL_ERROR", `${what} on a closed stream`);
  }
}
