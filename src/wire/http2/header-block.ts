/**
 * A header block in one frame or in several (RFC 9113, sections 4.3, 6.2 and 6.10).
 *
 * No other frame may come on the connection between the first and the last. A block that never ends would block the
 * connection, so its size and the number of its frames are limited.
 */
import { ConnectionError, PADDED, PRIORITY_FLAG } from "./frames.js";

/** Twice the longest header list: a block must be decoded before the length of its list is known. */
const MAX_BLOCK_BYTES = 32 * 1024;

const MAX_CONTINUATIONS = 64;

const PRIORITY_BYTES = 5;

export interface HeadersPayload {
  readonly fragment: Buffer;
  /** The stream that this one depends on. */
  readonly dependency: number | undefined;
}

/** A block that is not complete. */
export class HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly #fragments: Buffer[];
  #bytes: number;

  constructor(streamId: number, endStream: boolean, fragment: Buffer) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#fragments = [fragment];
    this.#bytes = fragment.length;
  }

  /** Adds the payload of a CONTINUATION. @throws ConnectionError above the limits */
  add(fragment: Buffer): void {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#fragments.length > MAX_CONTINUATIONS)
      throw new ConnectionError("ENHANCE_YOUR_CALM", "a header block that is too long");
  }

  whole(): Buffer {
    return Buffer.concat(this.#fragments);
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
