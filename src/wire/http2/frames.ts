/**
 * The frames of HTTP/2 as bytes (RFC 9113, sections 4.1, 6 and 7).
 *
 *     +-----------------------------------------------+
 *     | length (24)   | type (8) | flags (8)           |
 *     +-+-------------+-------------------------------+
 *     |R| stream identifier (31)                       |
 *     +-+---------------------------------------------+
 *     | payload (length bytes)                         |
 *     +-----------------------------------------------+
 */

/** Bytes before the payload. */
export const FRAME_HEADER_BYTES = 9;

/** The longest payload that healthbridge accepts: the default of SETTINGS_MAX_FRAME_SIZE (section 4.2). */
export const MAX_FRAME_BYTES = 16_384;

/** Types of frames (section 6). */
export const DATA = 0x0;
export const HEADERS = 0x1;
export const PRIORITY = 0x2;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const PUSH_PROMISE = 0x5;
export const PING = 0x6;
export const GOAWAY = 0x7;
export const WINDOW_UPDATE = 0x8;
export const CONTINUATION = 0x9;

/** Flags; ACK and END_STREAM share a bit, on frames of different types. */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY_FLAG = 0x20;

/** Why a stream or a connection ends (section 7). */
export const ERROR_CODES = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** The name of an error code. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The largest value of a window, an identifier or an increment: 31 bits. */
export const MAX_31_BITS = 0x7fff_ffff;

/** The initial window of a stream and of the connection, in octets of DATA (section 6.9.2). */
export const DEFAULT_WINDOW = 65_535;

/** The peer has broken the protocol: the connection must end with `code` (section 5.4.1). */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Writes the header of a frame into `bytes` at `offset`. */
export function writeFrameHeader(
  bytes: Buffer,
  offset: number,
  frame: { readonly length: number; readonly type: number; readonly flags: number; readonly streamId: number },
): void {
  bytes.writeUIntBE(frame.length, offset, 3);
  bytes[offset + 3] = frame.type;
  bytes[offset + 4] = frame.flags;
  bytes.writeUInt32BE(frame.streamId, offset + 5);
}

export function frameOf(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, { length: payload.length, type, flags, streamId });
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** RST_STREAM: ends one stream (section 6.4). */
export function resetFrame(streamId: number, code: ErrorCode): Buffer {
  return frameOf(RST_STREAM, 0, streamId, uint32(ERROR_CODES[code]));
}

/** GOAWAY: the peer must open no more streams. Streams after `lastStreamId` were not served (section 6.8). */
export function goAwayFrame(lastStreamId: number, code: ErrorCode): Buffer {
  return frameOf(GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(ERROR_CODES[code])]));
}

/** WINDOW_UPDATE: the peer may send `increment` octets more. Stream 0 is the connection (section 6.9). */
export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return frameOf(WINDOW_UPDATE, 0, streamId, uint32(increment));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
