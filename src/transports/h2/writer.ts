/**
 * Writes frames to sockets. All frames of one turn leave in one write for each connection.
 *
 *     read of a socket --> answer, answer, answer --> [ outbox: 64 KiB for all connections ] --> one write
 *     one transition   --> 256 watchers, by connection ------------^
 *
 * The engine has one outbox. When another connection writes while the outbox holds bytes, the pending bytes are sent
 * first. The rest is sent at the end of the present callback of the event loop.
 */
import type { Duplex } from "node:stream";
import { FRAME_HEADER_BYTES, HEADERS, writeFrameHeader } from "../../wire/http2/frames.js";
import { EMPTY_TABLE } from "../../wire/http2/hpack-encoder.js";

/** A whole answer with zeros in place of its stream identifiers. */
export interface Template {
  readonly bytes: Buffer;
  /** The offset of each stream identifier. */
  readonly idOffsets: readonly number[];
}

/** Above this, a connection's answers wait, and its socket is not read. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** No frame of ours is longer than a quarter of it. */
const OUTBOX_BYTES = 64 * 1024;

/** Collects the bytes of one connection at a time. */
export class Outbox {
  readonly #bytes = Buffer.allocUnsafe(OUTBOX_BYTES);
  #length = 0;
  #writer: FrameWriter | undefined;
  #held = false;
  #scheduled = false;

  /** Collects until `release`. Bytes leave earlier when the outbox is full or another connection writes. */
  hold(): void {
    this.#held = true;
  }

  /** Sends the bytes that were collected since `hold`. */
  release(): void {
    this.#held = false;
    this.flush();
  }

  /** Adds bytes with the stream identifier written at each offset. */
  add(writer: FrameWriter, bytes: Uint8Array, streamId: number, idOffsets: readonly number[]): void {
    const at = this.#reserve(writer, bytes.length);
    this.#bytes.set(bytes, at);
    for (const offset of idOffsets) this.#bytes.writeUInt32BE(streamId, at + offset);
  }

  addFrame(writer: FrameWriter, type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const at = this.#reserve(writer, FRAME_HEADER_BYTES + payload.length);
    writeFrameHeader(this.#bytes, at, { length: payload.length, type, flags, streamId });
    this.#bytes.set(payload, at + FRAME_HEADER_BYTES);
  }

  /** Sends the collected bytes. Never throws: a connection that cannot be written to is reported to its owner. */
  flush(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    // a copy: the socket may keep what it cannot write at once
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#length = 0;
    this.#writer = undefined;
    writer.transmit(bytes);
  }

  #reserve(writer: FrameWriter, length: number): number {
    if (length > OUTBOX_BYTES) throw new RangeError(`a write of ${length} bytes; at most ${OUTBOX_BYTES} fit`);
    if (this.#writer !== writer || this.#length + length > OUTBOX_BYTES) this.flush();
    this.#writer = writer;
    const at = this.#length;
    this.#length += length;
    if (!this.#held && !this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
    return at;
  }
}

const NO_IDS: readonly number[] = [];

/** The sending side of one connection. */
export class FrameWriter {
  /** The client has reduced the header table: the next header block must begin with our table size (RFC 7541, 4.2). */
  owesTableSize = false;
  readonly #socket: Duplex;
  readonly #outbox: Outbox;
  readonly #onFull: () => void;
  readonly #onError: (error: unknown) => void;
  #waiting: (() => void)[] | undefined;
  #writtenBytes = 0;

  /**
   * @param onFull called when a write has filled the socket: a client that does not read its answers may not ask for more
   * @param onError called with what a write or a waiting action throws
   */
  constructor(socket: Duplex, outbox: Outbox, events: { onFull: () => void; onError: (error: unknown) => void }) {
    const { onFull, onError } = events;
    this.#socket = socket;
    this.#outbox = outbox;
    this.#onFull = onFull;
    this.#onError = onError;
  }

  /** Bytes that the kernel has taken, so far. */
  get sentBytes(): number {
    return this.#writtenBytes - this.#socket.writableLength;
  }

  /** The client does not read from its socket: nothing that can wait is written now. */
  get isFull(): boolean {
    return this.#socket.writableLength >= MAX_UNSENT_BYTES;
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const owes = this.owesTableSize && type === HEADERS;
    if (owes) this.owesTableSize = false;
    const whole = owes ? Buffer.concat([EMPTY_TABLE, payload]) : payload;
    this.#outbox.addFrame(this, type, flags, streamId, whole);
  }

  /** Writes ready-made frames, at most 64 KiB. */
  frames(bytes: Uint8Array): void {
    this.#outbox.add(this, bytes, 0, NO_IDS);
  }

  /** Writes a ready-made answer. Must not be used while `owesTableSize`. */
  answer({ bytes, idOffsets }: Template, streamId: number): void {
    this.#outbox.add(this, bytes, streamId, idOffsets);
  }

  /** Calls `action` in a later step, when the socket takes more. Never calls it after the socket was closed. */
  whenWritable(action: () => void): void {
    if (!this.#socket.writableNeedDrain) {
      queueMicrotask(() => this.#run(action));
      return;
    }
    if (this.#waiting === undefined) this.#socket.once("drain", () => this.#onDrain());
    this.#waiting ??= [];
    this.#waiting.push(action);
  }

  /** Hands bytes to the socket. Called by the outbox. */
  transmit(bytes: Buffer): void {
    this.#run(() => {
      if (this.#socket.destroyed) return;
      this.#writtenBytes += bytes.length;
      this.#socket.write(bytes);
      if (this.isFull) this.#onFull();
    });
  }

  #onDrain(): void {
    const actions = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of actions) this.#run(action);
  }

  #run(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#onError(error);
    }
  }
}
