/**
 * Flow control of what one connection sends (RFC 9113, section 5.2).
 *
 * DATA goes out while three limits allow it: the client's windows, the unsent bytes of the socket, and the turn of the
 * event loop. Answers that do not fit wait in their streams, in the order in which they began to wait.
 */
import type { BytesReader } from "../../core/shared-bytes.js";
import { ConnectionError, DEFAULT_WINDOW, MAX_31_BITS } from "../../wire/http2/frames.js";
import type { Connection } from "./connection.js";
import type { Stream } from "./stream.js";
import type { FrameWriter } from "./writer.js";

/** Above this, new requests are refused until the client has read. Shared bytes do not count. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** After this number of bytes, other connections get their turns. */
const MAX_BYTES_PER_TURN = 128 * 1024;

export class SendFlow {
  readonly writer: FrameWriter;
  /** Octets of DATA that the client takes on the connection now (section 6.9). */
  window = DEFAULT_WINDOW;
  readonly #connection: Connection;
  #waiting: Set<Stream> | undefined;
  #unsentBytes = 0;
  #bytesSinceTurn = 0;
  #pumpScheduled = false;
  #seenSentBytes = 0;

  constructor(writer: FrameWriter, connection: Connection) {
    this.writer = writer;
    this.#connection = connection;
  }

  get hasWaiting(): boolean {
    return this.#waiting !== undefined && this.#waiting.size > 0;
  }

  /** The answers that this connection alone holds in memory are too large. */
  get isOverfull(): boolean {
    return this.#unsentBytes > MAX_UNSENT_BYTES;
  }

  /** Octets of DATA that may be sent now. If only socket or turn forbid more, the waiting answers go on by themselves. */
  get room(): number {
    if (!this.writer.isFull && this.#bytesSinceTurn < MAX_BYTES_PER_TURN) return this.window;
    this.#pumpLater();
    return 0;
  }

  /** Whether the client has read from its socket since the last call. */
  checkSocketProgress(): boolean {
    const { sentBytes } = this.writer;
    const hasProgress = sentBytes !== this.#seenSentBytes;
    this.#seenSentBytes = sentBytes;
    return hasProgress;
  }

  now(): number {
    return this.#connection.clock.now();
  }

  /** DATA was sent. */
  spend(octets: number): void {
    this.window -= octets;
    this.#bytesSinceTurn += octets;
  }

  /** The client allows more. @throws ConnectionError for 0 and for a window above 2^31-1 (section 6.9) */
  widen(octets: number): void {
    if (octets === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE of 0");
    this.window += octets;
    if (this.window > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    this.pump();
  }

  /** Makes a body of bytes that this connection alone holds, counted until they are sent or dropped. */
  hold(bytes: Buffer): BytesReader {
    return new HeldBytes(bytes, (change) => {
      this.#unsentBytes += change;
    });
  }

  /** The answer of a stream waits for the client. */
  wait(stream: Stream): void {
    this.#waiting ??= new Set();
    this.#waiting.add(stream);
    this.#connection.watchTimeouts();
  }

  /** The answer of a stream does not wait any more. */
  forget(stream: Stream): void {
    this.#waiting?.delete(stream);
  }

  /** Sends what waits, as far as it may. */
  pump(): void {
    for (const stream of this.#waiting ?? []) {
      if (this.room <= 0) return;
      if (stream.pump()) this.#waiting?.delete(stream);
    }
  }

  /** Pumps when the socket takes more, and not before the next turn of the event loop. */
  #pumpLater(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.writer.whenWritable(() => {
      this.#connection.share.queue(() => {
        this.#pumpScheduled = false;
        this.#bytesSinceTurn = 0;
        this.#connection.guard(() => this.pump());
      });
    });
  }
}

class HeldBytes implements BytesReader {
  #bytes: Buffer;
  readonly #count: (change: number) => void;

  constructor(bytes: Buffer, count: (change: number) => void) {
    this.#bytes = bytes;
    this.#count = count;
    count(bytes.length);
  }

  get bytesLeft(): number {
    return this.#bytes.length;
  }

  read(maxBytes: number): Buffer {
    const bytes = this.#bytes.subarray(0, maxBytes);
    this.#bytes = this.#bytes.subarray(bytes.length);
    this.#count(-bytes.length);
    return bytes;
  }

  close(): void {
    this.#count(-this.#bytes.length);
    this.#bytes = this.#bytes.subarray(this.#bytes.length);
  }
}
