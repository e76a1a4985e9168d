/**
 * Frames of WebSocket, as far as a client that asks and reads answers needs them (RFC 6455, section 5).
 *
 *     byte 0   FIN, RSV1-3, opcode (4)      byte 1   MASK, length (7): 126 and 127 announce 2 and 8 bytes of length
 *     a client masks what it sends with a key of 4 random bytes; a server must not mask
 *
 * The package `ws` is not used: it opens its sockets by itself, through Node's HTTP client, and buffers what a target
 * sends before anything counts it.
 */
import { isUtf8 } from "node:buffer";
import { BrokenCall } from "./broken-call.js";

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** A whole message, or a control frame. */
export interface WebSocketMessage {
  readonly opcode: Exclude<Opcode, typeof OPCODE.CONTINUATION>;
  readonly payload: Buffer;
}

/** Normal closure (section 7.4.1). */
export const NORMAL_CLOSURE = 1000;

/** Codes that stand for what is not in a close frame (section 7.4.1). */
const NEVER_SENT: ReadonlySet<number> = new Set([1004, 1005, 1006, 1015]);

const MAX_CONTROL_BYTES = 125;
const NO_BYTES = Buffer.alloc(0);
const KNOWN: ReadonlySet<number> = new Set(Object.values(OPCODE));

/** A frame as a client sends it. @param key 4 random bytes */
export function maskedFrame(opcode: Opcode, payload: Buffer, key: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  else if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  const masked = Buffer.from(payload); // a copy
  for (let at = 0; at < length; at += 1) masked[at] = (masked[at] ?? 0) ^ (key[at % 4] ?? 0);
  return Buffer.concat([head, key, masked]);
}

/** The payload of a close frame. */
export function closePayload(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return payload;
}

/** What a close frame says: a code, perhaps a text. Without a code it is 1005 (section 7.1.5). */
export function closeOf({ payload }: WebSocketMessage): { readonly code: number; readonly text: string } {
  if (payload.length === 0) return { code: 1005, text: "" };
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  if (code < 1000 || code >= 5000 || NEVER_SENT.has(code) || !isUtf8(payload.subarray(2)))
    throw broken("a malformed close frame");
  return { code, text: payload.toString("utf8", 2) };
}

/** Cuts the bytes of a server into messages, up to a limit. */
export class WebSocketReader {
  readonly #maxBytes: number;
  #received = 0;
  #pending: Buffer = NO_BYTES;
  /** The parts of a message that is not complete, and its opcode. */
  #parts: Buffer[] = [];
  #opcode: typeof OPCODE.TEXT | typeof OPCODE.BINARY | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The complete messages. @throws BrokenCall `protocol` */
  read(bytes: Buffer): readonly WebSocketMessage[] {
    this.#received += bytes.length;
    if (this.#received > this.#maxBytes) throw broken(`more than ${this.#maxBytes} bytes`);
    let rest = Buffer.concat([this.#pending, bytes]);
    const messages: WebSocketMessage[] = [];
    for (let frame = this.#frameOf(rest); frame !== undefined; frame = this.#frameOf(rest)) {
      const message = this.#add(frame);
      if (message !== undefined) messages.push(message);
      rest = rest.subarray(frame.end);
    }
    this.#pending = rest;
    return messages;
  }

  /** The first frame; `undefined` while it is not complete. Its head is checked as soon as it is there. */
  #frameOf(bytes: Buffer): Frame | undefined {
    const [first, second] = [bytes[0], bytes[1]];
    if (first === undefined || second === undefined) return undefined;
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    const short = second & 0x7f;
    if ((first & 0x70) !== 0) throw broken("a frame of an extension, which was not negotiated");
    if (!isOpcode(opcode)) throw broken(`a frame of the unknown opcode ${opcode}`);
    if ((second & 0x80) !== 0) throw broken("a masked frame");
    if (opcode >= OPCODE.CLOSE && (!isFinal || short > MAX_CONTROL_BYTES))
      throw broken("a control frame that is fragmented or too long");
    const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < headBytes) return undefined;
    const length = lengthOf(bytes, short);
    if (length > this.#maxBytes) throw broken(`a frame of ${length} bytes`);
    const end = headBytes + length;
    // a copy: the bytes may be overwritten
    return bytes.length < end
      ? undefined
      : { opcode, isFinal, payload: Buffer.from(bytes.subarray(headBytes, end)), end };
  }

  #add({ opcode, isFinal, payload }: Frame): WebSocketMessage | undefined {
    if (opcode === OPCODE.CLOSE || opcode === OPCODE.PING || opcode === OPCODE.PONG) return { opcode, payload };
    if (opcode === OPCODE.CONTINUATION ? this.#opcode === undefined : this.#opcode !== undefined)
      throw broken("fragments of a message out of order");
    if (opcode !== OPCODE.CONTINUATION) this.#opcode = opcode;
    this.#parts.push(payload);
    const kind = this.#opcode;
    if (!isFinal || kind === undefined) return undefined;
    const message = { opcode: kind, payload: Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#opcode = undefined;
    if (kind === OPCODE.TEXT && !isUtf8(message.payload)) throw broken("a text message that is not UTF-8");
    return message;
  }
}

interface Frame {
  readonly opcode: Opcode;
  readonly isFinal: boolean;
  readonly payload: Buffer;
  /** Where it ends in the bytes. */
  readonly end: number;
}

/** The length that a head announces. Each must be in its shortest form (section 5.2). */
function lengthOf(bytes: Buffer, short: number): number {
  if (short < 126) return short;
  const length = short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length < (short === 126 ? 126 : 65_536)) throw broken("a length that is not in its shortest form");
  return length;
}

function isOpcode(value: number): value is Opcode {
  return KNOWN.has(value);
}

function broken(what: string): BrokenCall {
  return new BrokenCall("protocol", `the target sent ${what}`);
}
