/**
 * Cuts the bytes of a connection into frames (RFC 9113, sections 3.4 and 4.1).
 *
 * A frame that came whole is handed on as a view of the bytes that were read. Only a frame that was cut is copied.
 */
import { ConnectionError, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from "./frames.js";

/** The first bytes of every client (section 3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Takes one frame. The payload stays valid: it is not written to again. */
export type FrameListener = (type: number, flags: number, streamId: number, payload: Buffer) => void;

const NO_BYTES = Buffer.alloc(0);

const always = () => true;

export class FrameReader {
  readonly #onFrame: FrameListener;
  #rest: Buffer = NO_BYTES;
  #hasPreface: boolean;
  #stopped = false;

  /** @param peer a client begins with the preface, a server with its first frame */
  constructor(onFrame: FrameListener, peer: "client" | "server" = "client") {
    this.#onFrame = onFrame;
    this.#hasPreface = peer === "server";
  }

  /**
   * Reads bytes as they came from the socket, while `mayContinue` allows it: it is called before each frame.
   * @returns false when frames are left; a call without bytes reads on
   * @throws ConnectionError, and what the listener throws
   */
  read(chunk: Buffer = NO_BYTES, mayContinue: () => boolean = always): boolean {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = this.#hasPreface ? 0 : this.#readPreface(bytes);
    while (this.#hasPreface && !this.#stopped && bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = lengthAt(bytes, at);
      if (length > MAX_FRAME_BYTES) throw new ConnectionError("FRAME_SIZE_ERROR", "a frame above 16,384 bytes");
      const start = at + FRAME_HEADER_BYTES;
      if (bytes.length < start + length) break;
      if (!mayContinue()) {
        this.#rest = bytes.subarray(at);
        return false;
      }
      at = start + length;
      const streamId = bytes.readUInt32BE(start - 4) & 0x7fff_ffff;
      this.#onFrame(bytes[start - 6] ?? 0, bytes[start - 5] ?? 0, streamId, bytes.subarray(start, at));
    }
    // a copy: a view would keep all that was read
    this.#rest = at === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(at));
    return true;
  }

  /** Reads no more frames. May be called from the listener. */
  stop(): void {
    this.#stopped = true;
  }

  #readPreface(bytes: Buffer): number {
    const length = Math.min(bytes.length, PREFACE.length);
    if (PREFACE.compare(bytes, 0, length, 0, length) !== 0)
      throw new ConnectionError("PROTOCOL_ERROR", "no connection preface");
    if (length < PREFACE.length) return 0;
    this.#hasPreface = true;
    return PREFACE.length;
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}
