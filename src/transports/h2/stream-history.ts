/**
 * What is known of the streams of a connection that are not open: which were, and which never (RFC 9113, section 5.1).
 *
 * A client can't open a stream below the last that it has opened, so two numbers tell most of it. Those that we have
 * reset last are kept by name: the client may have sent more before it knew, and that is no fault of its own.
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

  /** The last stream that was opened and is served. */
  get lastServed(): number {
    return Math.min(this.#lastId, this.#servedUpTo);
  }

  /** A stream above the last is opened. */
  open(streamId: number): void {
    this.#lastId = streamId;
    this.#opened += 1;
  }

  /** We have reset a stream. */
  reset(streamId: number): void {
    this.#resets ??= new Set();
    this.#resets.add(streamId);
    if (this.#resets.size > MAX_RESETS_KEPT) this.#resets.delete(this.#resets.values().next().value ?? 0);
  }

  /** No stream above this is served. */
  serveUpTo(streamId: number): void {
    this.#servedUpTo = Math.min(this.#servedUpTo, streamId);
  }

  /** Whether a stream is served, if it is opened. */
  serves(streamId: number): boolean {
    return streamId <= this.#servedUpTo;
  }

  /** @throws ConnectionError when the stream was never opened: but for HEADERS and PRIORITY nothing may come on it */
  requireNotIdle(streamId: number, what: string): void {
    if (streamId === 0 || streamId % 2 === 0 || streamId > this.#lastId)
      throw new ConnectionError("PROTOCOL_ERROR", `${what} on a stream that was not opened`);
  }

  /** A frame with content has come for a stream that is not open. @throws ConnectionError when the client knew that */
  requireExcuse(streamId: number, what: string): void {
    this.requireNotIdle(streamId, what);
    if (this.#resets?.has(streamId) === true || !this.serves(streamId)) return;
    // with no identifier left out, each up to the last was a stream; else this may be one that never was (section 5.1.1)
    const wasOpen = streamId === this.#lastId || this.#opened === (this.#lastId + 1) / 2;
    throw new ConnectionError(wasOpen ? "STREAM_CLOSED" : "PROTOCOL_ERROR", `${what} on a stream that is over`);
  }
}
