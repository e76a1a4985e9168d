/**
 * Frames and methods of AMQP 0-9-1, as far as a login and a channel need them.
 *
 *     frame   = type (1) channel (2) size (4) payload 0xCE             method payload = class (2) method (2) arguments
 *
 * Source: the AMQP 0-9-1 specification, sections 4.2.3 (frames), 4.2.5 (fields) and 4.2.5.5 (tables).
 */
import { BrokenCall } from "../client/broken-call.js";

/** The first bytes of a client (section 4.2.2). */
export const PROTOCOL_HEADER = Buffer.from("AMQP\0\0\x09\x01", "latin1");

/** A method frame: `10.30` is Connection.Tune. */
export interface Method {
  readonly name: string;
  readonly args: Buffer;
}

const METHOD = 1;
const HEARTBEAT = 8;
const FRAME_END = 0xce;
const HEAD_BYTES = 7;
/** The methods of a login are far below this. Until both sides have agreed on it, the limit is 4,096 (section 4.2.3). */
export const MAX_FRAME_BYTES = 8_192;

const NO_BYTES = Buffer.alloc(0);

/** A method frame with its arguments. */
export function methodFrame(
  channel: number,
  [classId, methodId]: readonly [number, number],
  ...args: Buffer[]
): Buffer {
  const payload = Buffer.concat(args);
  const head = Buffer.alloc(HEAD_BYTES + 4);
  head.writeUInt8(METHOD, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(4 + payload.length, 3);
  head.writeUInt16BE(classId, 7);
  head.writeUInt16BE(methodId, 9);
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])]);
}

/** A text of at most 255 bytes. */
export function shortText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** A text, or the content of a table, with a length of four bytes. */
export function longText(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A table of texts and truth values, and of such tables. */
export type Table = { readonly [name: string]: string | boolean | Table };

export function table(entries: Table): Buffer {
  const fields = Object.entries(entries).flatMap(([name, value]) => [shortText(name), fieldOf(value)]);
  return longText(Buffer.concat(fields));
}

function fieldOf(value: Table[string]): Buffer {
  if (typeof value === "string") return Buffer.concat([Buffer.from("S"), longText(value)]);
  if (typeof value === "boolean") return Buffer.from(["t".charCodeAt(0), value ? 1 : 0]);
  return Buffer.concat([Buffer.from("F"), table(value)]);
}

/** What Connection.Close and Channel.Close say: a reply code and a text. */
export function refusalOf({ args }: Method): { readonly code: number; readonly text: string } {
  if (args.length < 3) throw new BrokenCall("protocol", "the broker closes without a reply code");
  return { code: args.readUInt16BE(0), text: args.toString("utf8", 3, 3 + (args[2] ?? 0)) };
}

/** Cuts the bytes of a broker into methods, up to a limit. */
export class MethodReader {
  readonly #maxBytes: number;
  #received = 0;
  #rest: Buffer = NO_BYTES;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The complete methods. Heartbeats are left out. @throws BrokenCall `protocol` */
  read(bytes: Buffer): readonly Method[] {
    this.#received += bytes.length;
    if (this.#received > this.#maxBytes)
      throw new BrokenCall("protocol", `the target sent more than ${this.#maxBytes} bytes`);
    let rest = Buffer.concat([this.#rest, bytes]);
    const methods: Method[] = [];
    for (let end = endOfFrame(rest); end !== undefined; end = endOfFrame(rest)) {
      if (rest[end - 1] !== FRAME_END) throw notAmqp();
      const payload = rest.subarray(HEAD_BYTES, end - 1);
      if (rest[0] === METHOD && payload.length >= 4)
        methods.push({ name: `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`, args: payload.subarray(4) });
      else if (rest[0] !== HEARTBEAT) throw notAmqp();
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return methods;
  }
}

/** Where the first frame ends; `undefined` while it is not complete. */
function endOfFrame(bytes: Buffer): number | undefined {
  if (bytes.length > 0 && bytes[0] !== METHOD && bytes[0] !== HEARTBEAT) throw notAmqp();
  if (bytes.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + bytes.readUInt32BE(3) + 1;
  if (end > MAX_FRAME_BYTES) throw new BrokenCall("protocol", `the target announces a frame of ${end} bytes`);
  return end <= bytes.length ? end : undefined;
}

function notAmqp(): BrokenCall {
  return new BrokenCall("protocol", "the target does not speak AMQP 0-9-1");
}
