/**
 * Collects what is written in one go, so that it leaves in one write.
 *
 *     read of a socket --> answer, answer, answer --> [ 64 KiB for all connections ] --> one write
 *     one transition   --> 256 watchers, by connection ------------^
 *
 * There is one for all connections of an engine. Whoever writes while it holds what another has written has that sent
 * first; what is left is sent when the present callback of the event loop is over.
 */
import { FRAME_HEADER_BYTES, writeFrameHeader } from "../../wire/http2/frames.js";

/** Has the bytes of a connection sent. */
export interface Sender {
  transmit(bytes: Buffer): void;
}

/** A whole answer with zeros where the identifier of its stream belongs. */
export interface Template {
  readonly bytes: Buffer;
  /** Where each identifier begins. */
  readonly idOffsets: readonly number[];
}

const CAPACITY_BYTES = 64 * 1024;

export class Outbox {
  readonly #bytes = Buffer.allocUnsafe(CAPACITY_BYTES);
  #length = 0;
  #sender: Sender | undefined;
  #held = false;
  #deferred = false;

  /** Sends nothing until `release`, unless it must: its owner's bytes are full, or another writes. */
  hold(): void {
    this.#held = true;
  }

  /** Sends what has been collected since `hold`. */
  release(): void {
    this.#held = false;
    this.flush();
  }

  /** Adds a frame. */
  frame(sender: Sender, type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const length = FRAME_HEADER_BYTES + payload.length;
    const at = this.#reserve(sender, length);
    writeFrameHeader(this.#bytes, at, { length: payload.length, type, flags, streamId });
    this.#bytes.set(payload, at + FRAME_HEADER_BYTES);
  }

  /** Adds bytes that are frames already; at most 16 KiB. */
  frames(sender: Sender, bytes: Uint8Array): void {
    const at = this.#reserve(sender, bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Adds a ready-made answer for a stream. */
  answer(sender: Sender, template: Template, streamId: number): void {
    const at = this.#reserve(sender, template.bytes.length);
    this.#bytes.set(template.bytes, at);
    for (const offset of template.idOffsets) this.#bytes.writeUInt32BE(streamId, at + offset);
  }

  /** Sends what is there. */
  flush(): void {
    const sender = this.#sender;
    if (sender === undefined) return;
    // a copy: the socket may keep what it can't write at once
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#length = 0;
    this.#sender = undefined;
    sender.transmit(bytes);
  }

  /** Room for bytes of `sender`; returns where it begins. No frame of ours is longer than a quarter of it. */
  #reserve(sender: Sender, length: number): number {
    if (length > CAPACITY_BYTES) throw new RangeError(`${length} bytes at once are more than any frame of ours has`);
    if (this.#sender !== sender || this.#length + length > CAPACITY_BYTES) this.flush();
    this.#sender = sender;
    const at = this.#length;
    this.#length += length;
    this.#flushLater();
    return at;
  }

  #flushLater(): void {
    if (this.#held || this.#deferred) return;
    this.#deferred = true;
    queueMicrotask(() => {
      this.#deferred = false;
      this.flush();
    });
  }
}
