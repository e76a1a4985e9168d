/**
 * The answers of gRPC as bytes (grpc/grpc doc/PROTOCOL-HTTP2.md, "Responses"), made once for each.
 *
 *     HEADERS  :status 200, content-type            HEADERS  :status 200, content-type, grpc-status, grpc-message
 *     DATA     flag, length, message                         (trailers-only: an error, and nothing else)
 *     HEADERS  grpc-status
 */
import { GRPC_CODES, type GrpcCode } from "../../wire/grpc-code.js";
import { DATA, END_HEADERS, END_STREAM, frameOf, HEADERS } from "../../wire/http2/frames.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import { DEGRADED_KEY } from "../grpc/answers.js";
import { KNOWN_ENCODINGS, type Refusal } from "./message-reader.js";
import type { ReadyAnswer } from "./stream.js";

const HEAD = [
  [":status", "200"],
  ["content-type", "application/grpc"],
] as const;

/** The fields before a message. */
export const OK_HEAD = encodeHeaders(HEAD);

const DEGRADED_HEAD = encodeHeaders([...HEAD, [DEGRADED_KEY, "true"]]);

/** The fields after the messages of a call that went well. */
export const OK_TRAILERS = encodeHeaders([["grpc-status", String(GRPC_CODES.OK)]]);

/** Offset of a stream's identifier in its frame. */
const ID_OFFSET = 5;

const PREFIX_BYTES = 5;

/** Makes answers, and keeps those that will be wanted again: one for each status, one for each text of an error. */
export class GrpcAnswerBytes {
  readonly #ready = new Map<Buffer, ReadyAnswer>();
  readonly #readyDegraded = new Map<Buffer, ReadyAnswer>();
  readonly #framed = new Map<Buffer, Buffer>();
  readonly #refusals = new Map<string, Buffer>();

  /** A whole answer with one of the four messages that Check has. */
  check(message: Buffer, degraded: boolean): ReadyAnswer {
    const kept = degraded ? this.#readyDegraded : this.#ready;
    let answer = kept.get(message);
    if (answer === undefined) {
      answer = readyAnswer(message, degraded);
      kept.set(message, answer);
    }
    return answer;
  }

  /** One of the four messages, as DATA carries it. */
  framed(message: Buffer): Buffer {
    let bytes = this.#framed.get(message);
    if (bytes === undefined) {
      bytes = framed(message);
      this.#framed.set(message, bytes);
    }
    return bytes;
  }

  /** The fields of an answer that is only an error. The texts are constants, so there are few. */
  refusal({ code, text, tellsEncodings = false }: Refusal): Buffer {
    const key = `${code} ${text}`;
    let block = this.#refusals.get(key);
    if (block === undefined) {
      const encodings = tellsEncodings ? ([["grpc-accept-encoding", KNOWN_ENCODINGS]] as const) : [];
      block = encodeHeaders([...HEAD, ...statusFields(code, text), ...encodings]);
      this.#refusals.set(key, block);
    }
    return block;
  }
}

/** A whole answer with a message of a few bytes. */
function readyAnswer(message: Buffer, degraded: boolean): ReadyAnswer {
  const head = degraded ? DEGRADED_HEAD : OK_HEAD;
  const data = framed(message);
  const frames = [
    frameOf(HEADERS, END_HEADERS, 0, head),
    frameOf(DATA, 0, 0, data),
    frameOf(HEADERS, END_HEADERS | END_STREAM, 0, OK_TRAILERS),
  ];
  const offsets = frames.map((_, index) => Buffer.concat(frames.slice(0, index)).length + ID_OFFSET);
  return { template: { bytes: Buffer.concat(frames), idOffsets: offsets }, head, data, trailers: OK_TRAILERS };
}

/** The fields after messages that end with an error. */
export function errorTrailers(code: GrpcCode, text: string): Buffer {
  return encodeHeaders(statusFields(code, text));
}

/** A message as DATA carries it: not compressed. */
export function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function statusFields(code: GrpcCode, text: string): readonly (readonly [string, string])[] {
  return [
    ["grpc-status", String(GRPC_CODES[code])],
    ["grpc-message", text],
  ];
}
