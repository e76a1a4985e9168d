/**
 * The answers of gRPC as bytes (grpc/grpc doc/PROTOCOL-HTTP2.md, "Responses"), each made once.
 *
 *     HEADERS  :status 200, content-type            HEADERS  :status 200, content-type, grpc-status, grpc-message
 *     DATA     flag, length, message                         (trailers-only: an error without a message)
 *     HEADERS  grpc-status
 */
import type { SharedBytes, SharedBytesPool } from "../../core/shared-bytes.js";
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { DATA, END_HEADERS, END_STREAM, frameOf, HEADERS } from "../../wire/http2/frames.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import { DEGRADED_KEY } from "../grpc/answers.js";
import { frameMessage, KNOWN_ENCODINGS, type Refusal } from "../grpc/message-reader.js";
import type { ReadyAnswer } from "./stream.js";

const HEAD = [
  [":status", "200"],
  ["content-type", "application/grpc"],
] as const;

/** The header fields before a message. */
export const OK_HEAD = encodeHeaders(HEAD);

const DEGRADED_HEAD = encodeHeaders([...HEAD, [DEGRADED_KEY, "true"]]);

/** The trailers of a call that succeeded. */
export const OK_TRAILERS = encodeHeaders([["grpc-status", String(GRPC_CODES.OK)]]);

/** Offset of the stream identifier in a frame. */
const ID_OFFSET = 5;

/** Makes answers and caches them: one for each status, one for each error text. All of these are constants. */
export class GrpcFrames {
  readonly #answers = new Map<Buffer, ReadyAnswer>();
  readonly #degradedAnswers = new Map<Buffer, ReadyAnswer>();
  readonly #statusMessages = new Map<Buffer, Buffer>();
  readonly #refusals = new Map<string, Buffer>();
  readonly #pool: SharedBytesPool;
  #list: { readonly message: Buffer; readonly bytes: SharedBytes } | undefined;

  /** @param pool holds the long answers that clients are reading */
  constructor(pool: SharedBytesPool) {
    this.#pool = pool;
  }

  /** A whole answer with one of the four messages of Check. */
  check(message: Buffer, degraded: boolean): ReadyAnswer {
    const make = () => readyAnswer(message, degraded);
    return cached(degraded ? this.#degradedAnswers : this.#answers, message, make);
  }

  /** One of the four status messages, as DATA carries it. A property: every Watch keeps it. */
  readonly statusMessage = (message: Buffer): Buffer =>
    cached(this.#statusMessages, message, () => frameMessage(message));

  /** The message of a List, as DATA carries it: all streams that send the same message share it. */
  list(message: Buffer): SharedBytes {
    if (this.#list?.message !== message) this.#list = { message, bytes: this.#pool.share([frameMessage(message)]) };
    return this.#list.bytes;
  }

  /** The header fields of an error without a message. */
  refusal({ code, text, tellsEncodings = false }: Refusal): Buffer {
    const encodings = tellsEncodings ? ([["grpc-accept-encoding", KNOWN_ENCODINGS]] as const) : [];
    const make = () => encodeHeaders([...HEAD, ...statusFields(code, text), ...encodings]);
    return cached(this.#refusals, `${code} ${text}`, make);
  }
}

/** The trailers after messages. */
export function trailersOf(code: GrpcCode, text: string): Buffer {
  return code === "OK" ? OK_TRAILERS : encodeHeaders(statusFields(code, text));
}

function cached<Key, Value>(cache: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const value = make();
  cache.set(key, value);
  return value;
}

function readyAnswer(message: Buffer, degraded: boolean): ReadyAnswer {
  const head = degraded ? DEGRADED_HEAD : OK_HEAD;
  const data = frameMessage(message);
  const frames = [
    frameOf(HEADERS, END_HEADERS, 0, head),
    frameOf(DATA, 0, 0, data),
    frameOf(HEADERS, END_HEADERS | END_STREAM, 0, OK_TRAILERS),
  ];
  const idOffsets = frames.map((_, index) => Buffer.concat(frames.slice(0, index)).length + ID_OFFSET);
  return { template: { bytes: Buffer.concat(frames), idOffsets }, head, data, trailers: OK_TRAILERS };
}

function statusFields(code: GrpcCode, text: string): readonly (readonly [string, string])[] {
  return [
    ["grpc-status", String(GRPC_CODES[code])],
    ["grpc-message", text],
  ];
}
