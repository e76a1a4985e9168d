/**
 * A header block that comes in one frame or in many (RFC 9113, sections 4.3, 6.2 and 6.10).
 *
 * Between the first frame and the last no other frame may come on the connection, so one that never ends would hold it
 * up: its size and the number of its frames are limited.
 */
import { ConnectionError, PADDED, PRIORITY_FLAG } from "./frames.js";

/** A block may be longer than a list that we take, since it has to be read to know; twice as long is enough. */
const MAX_BLOCK_BYTES = 32 * 1024;

const MAX_CONTINUATIONS = 64;

const PRIORITY_BYTES = 5;

/** What the payload of a HEADERS frame holds. */
export interface HeadersPayload {
  readonly fragment: Buffer;
  /** The stream that it says it depends on. */
  readonly dependency: number | undefined;
}

/** A block whose end has not come yet. */
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

  /** Adds the payload of a CONTINUATION. @throws ConnectionError when that is too much */
  add(fragment: Buffer): void {
    this.#fragments.push(fragment);
    this.#bytes += fragment.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#fragments.length > MAX_CONTINUATIONS)
      throw new ConnectionError("ENHANCE_YOUR_CALM", "a header block that is too long");
  }

  /** The block. */
  whole(): Buffer {
    return Buffer.concat(this.#fragments);
  }
}

/** The payload of a padded frame without its padding. @throws ConnectionError */
export function withoutPadding(flags: number, payload: Buffer): Buffer {
  if ((flags & PADDED) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined)
    throw new ConnectionError("FRAME_SIZE_ERROR", "a padded frame without a length of padding");
  if (padding >= payload.length) throw new ConnectionError("PROTOCOL_ERROR", "more padding than payload");
  return payload.subarray(1, payload.length - padding);
}

/** Takes the payload of a HEADERS frame apart. @throws ConnectionError */
export function readHeadersPayload(flags: number, payload: Buffer): HeadersPayload {
  const content = withoutPadding(flags, payload);
  if ((flags & PRIORITY_FLAG) === 0) return { fragment: content, dependency: undefined };
  if (content.length < PRIORITY_BYTES) throw new ConnectionError("FRAME_SIZE_ERROR", "a priority that is cut");
  return { fragment: content.subarray(PRIORITY_BYTES), dependency: content.readUInt32BE(0) & 0x7fff_ffff };
}
