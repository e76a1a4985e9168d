/**
 * HTTP/2 frames as bytes, for what no HTTP/2 library does: cut prefaces, single bytes, CONTINUATION.
 */
import { connect, type Socket } from "node:net";
import { eventually } from "./eventually.js";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 };

/** The error codes by their numbers (RFC 9113, section 7). */
const ERRORS = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
] as const;

/** The name of an error code. */
export type Http2Error = (typeof ERRORS)[number];

const FRAME_HEADER_BYTES = 9;

/** The payload of one 32-bit number. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

/** A frame. */
export function h2frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** A header block of literals, by default without indexing (RFC 7541, section 6.2.2). */
export function headerBlock(headers: readonly (readonly [string, string])[], kind = 0x00): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([kind]), hpackString(name), hpackString(value)]),
  );
}

/** A string without Huffman coding, of any length (RFC 7541, sections 5.1 and 5.2). */
function hpackString(text: string): Buffer {
  const length: number[] = [Math.min(text.length, 127)];
  if (text.length >= 127) {
    let rest = text.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, "latin1")]);
}

/** The headers of a call. */
export function callHeaders(path: string): readonly (readonly [string, string])[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}

/** A frame that has arrived. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/**
 * A connection on which frames are written and read as bytes. Each byte is parsed once: a test asks again and again what has
 * arrived, on many connections, in the thread of the server.
 */
export class RawPeer {
  readonly socket: Socket;
  closed = false;
  #chunks: Buffer[] = [];
  readonly #frames: ReceivedFrame[] = [];
  readonly #resets = new Map<number, Http2Error | undefined>();
  #goAway: Http2Error | undefined;
  /** Chunks that are not parsed: an HTTP/1 answer is never parsed. */
  #unparsed: Buffer[] = [];

  /** Connects to a port of loopback, or takes a socket that is connected or connects. */
  constructor(to: number | Socket) {
    this.socket = typeof to === "number" ? connect({ port: to, host: "127.0.0.1", noDelay: true }) : to;
    this.socket.on("data", (bytes: Buffer) => {
      this.#chunks.push(bytes);
      this.#unparsed.push(bytes);
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
  }

  /** All bytes that have arrived. */
  get received(): Buffer {
    const bytes = wholeOf(this.#chunks);
    this.#chunks = [bytes];
    return bytes;
  }

  write(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Opens HTTP/2: sends the preface, SETTINGS, and the acknowledgement of the server's SETTINGS. */
  async greet(): Promise<void> {
    this.write(PREFACE, h2frame(TYPE.SETTINGS, 0, 0));
    await eventually(
      () => this.closed || this.frames().some(({ type, flags }) => type === TYPE.SETTINGS && flags === 0),
      "the server's SETTINGS",
    );
    this.write(h2frame(TYPE.SETTINGS, FLAG.ACK, 0));
  }

  /** The error code of the first GOAWAY with an error; `undefined` without one. */
  goAway(): Http2Error | undefined {
    this.#parse();
    return this.#goAway;
  }

  /** The error code of RST_STREAM for a stream; `undefined` without one. */
  reset(stream: number): Http2Error | undefined {
    this.#parse();
    return this.#resets.get(stream);
  }

  /** The complete frames that have arrived. */
  frames(): readonly ReceivedFrame[] {
    this.#parse();
    return this.#frames;
  }

  /** The content of the DATA frames of a stream. */
  data(stream: number): Buffer {
    const frames = this.frames().filter((frame) => frame.type === TYPE.DATA && frame.stream === stream);
    return Buffer.concat(frames.map(({ payload }) => payload));
  }

  close(): void {
    this.socket.destroy();
  }

  #parse(): void {
    if (this.#unparsed.length === 0) return;
    const { frames, rest } = readFrames(wholeOf(this.#unparsed));
    this.#unparsed = rest.length > 0 ? [rest] : [];
    for (const frame of frames) this.#onFrame(frame);
  }

  #onFrame(frame: ReceivedFrame): void {
    const { type, stream, payload } = frame;
    this.#frames.push(frame);
    if (type === TYPE.RST_STREAM && !this.#resets.has(stream)) this.#resets.set(stream, errorIn(payload, 0));
    if (type === TYPE.GOAWAY && (this.#goAway ?? "NO_ERROR") === "NO_ERROR") this.#goAway = errorIn(payload, 4);
  }
}

/** The complete frames at the beginning of bytes, and what follows them. */
export function readFrames(bytes: Buffer): { readonly frames: readonly ReceivedFrame[]; readonly rest: Buffer } {
  const frames: ReceivedFrame[] = [];
  let at = 0;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const end = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

function wholeOf(chunks: readonly Buffer[]): Buffer {
  const [only, ...more] = chunks;
  return only !== undefined && more.length === 0 ? only : Buffer.concat(chunks);
}

/** The error code in a payload; `undefined` when it is too short for one. */
function errorIn(payload: Buffer, at: number): Http2Error | undefined {
  return payload.length < at + 4 ? undefined : ERRORS[payload.readUInt32BE(at)];
}
