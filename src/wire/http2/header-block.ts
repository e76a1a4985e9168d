/**
 * A header block in one frame or in several (RFC 9113, sections 4.3, 6.2 and 6.10).
 *
 * No other frame may come on the connection between the first and the last. A block that never ends would block the
 * connection, so its size and the number of its frames are limited.
 */
import { CONTINUATION, ConnectionError, END_HEADERS, END_STREAM, PADDED, PRIORITY_FLAG } from "./frames.js";

/** Twice the longest header list: a block must be decoded before the length of its list is known. */
const MAX_BLOCK_BYTES = 32 * 1024;

const MAX_CONTINUATIONS = 64;

const PRIORITY_BYTES = 5;

export interface HeadersPayload {
  readonly fragment: Buffer;
  /** The stream that this one depends on. */
  readonly dependency: number | undefined;
}

/** Takes a block that is complete. */
export type BlockListener = (streamId: number, endStream: boolean, block: Buffer) => void;

/** The header blocks of a connection. One at a time may be incomplete. */
export class HeaderBlocks {
  readonly #onBlock: BlockListener;
  #fragments: Buffer[] = [];
  #streamId = 0;
  #endStream = false;
  #bytes = 0;

  constructor(onBlock: BlockListener) {
    this.#onBlock = onBlock;
  }

  /** Checks, for each frame, that a block is not interrupted. @throws ConnectionError */
  requireInOrder(type: number, streamId: number): void {
    if (this.#fragments.length === 0) {
      if (type === CONTINUATION) throw new ConnectionError("PROTOCOL_ERROR", "CONTINUATION without HEADERS");
    } else if (type !== CONTINUATION || streamId !== this.#streamId)
      throw new ConnectionError("PROTOCOL_ERROR", "a frame within a header block");
  }

  /** Takes the fragment of a HEADERS frame. */
  begin(flags: number, streamId: number, fragment: Buffer): void {
    const endStream = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) {
      this.#onBlock(streamId, endStream, fragment);
      return;
    }
    this.#fragments = [fragment];
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#bytes = fragment.length;
  }

  /** Takes a CONTINUATION frame. @throws ConnectionError above the limits */
  continue(flags: number, fragment: Buffer): void {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#fragments.length > MAX_CONTINUATIONS)
      throw new ConnectionError("ENHANCE_YOUR_CALM", "a header block that is too long");
    if ((flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#onBlock(this.#streamId, this.#endStream, block);
  }
}

/** Removes the padding of a payload. @throws ConnectionError */
export function withoutPadding(flags: number, payload: Buffer): Buffer {
  if ((flags & PADDED) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined)
    throw new ConnectionError("FRAME_SIZE_ERROR", "a padded frame without a length of padding");
  if (padding >= payload.length) throw new ConnectionError("PROTOCOL_ERROR", "more padding than payload");
  return payload.subarray(1, payload.length - padding);
}

/** Reads the payload of a HEADERS frame. @throws ConnectionError */
export function readHeadersPayload(flags: number, payload: Buffer): HeadersPayload {
  const content = withoutPadding(flags, payload);
  if ((flags & PRIORITY_FLAG) === 0) return { fragment: content, dependency: undefined };
  if (content.length < PRIORITY_BYTES) throw new ConnectionError("FRAME_SIZE_ERROR", "a priority that is cut");
  return { fragment: content.subarray(PRIORITY_BYTES), dependency: content.readUInt32BE(0) & 0x7fff_ffff };
}
