/**
 * One request and its response on an HTTP/2 connection (RFC 9113, sections 5.1, 8.1 and 8.3.2).
 *
 *     HEADERS 1xx, any number --> HEADERS, the head --> DATA, any number --> HEADERS, the trailers
 *                                    | END_STREAM          | END_STREAM         '--> end
 *                                    '--> end              '--> end
 */
import { isFieldName } from "../wire/http2/fields.js";
import { type ErrorCode, MAX_31_BITS } from "../wire/http2/frames.js";
import type { HeaderList } from "../wire/http2/hpack-decoder.js";
import { BrokenCall } from "./broken-call.js";
import { addField } from "./http-head.js";

/** The fields of a head or of trailers: names in lower case; values of a repeated name are joined (`addField`). */
export type Fields = ReadonlyMap<string, string>;

/** Receives a response. What `onHead` and `onData` throw ends the call. */
export interface ResponseListener {
  /** The final head: interim ones (1xx) are skipped. */
  onHead(head: Fields): void;
  /** A part of the body. The bytes are not overwritten later. */
  onData(bytes: Buffer): void;
  /** Called once, last: the trailers, the head where it was all, no fields where there are no trailers; or an error. */
  onEnd(end: Fields | Error): void;
}

/** The target broke a rule that is about one stream (section 5.4.2). */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

export class Http2Stream {
  /** 0 until the request is sent. */
  id = 0;
  /** Octets of DATA that the target takes now. */
  sendWindow = 0;
  /** Octets of DATA since the last WINDOW_UPDATE of the stream. */
  unacknowledged = 0;
  readonly head: Buffer;
  /** The part of the body that is still to be sent. */
  unsent: Buffer;
  readonly #listener: ResponseListener;
  #hasBegun = false;
  #hasHead = false;
  #hasEnded = false;

  /** @param head the header block of the request */
  constructor(head: Buffer, body: Buffer, listener: ResponseListener) {
    this.head = head;
    this.unsent = body;
    this.#listener = listener;
  }

  /** Whether any part of the response has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes a header block. @throws StreamError, and what the listener throws */
  receiveHeaders({ fields, tooLong }: HeaderList, endsStream: boolean): void {
    this.#hasBegun = true;
    if (tooLong) throw new StreamError("ENHANCE_YOUR_CALM", "the header fields of the answer are too long");
    if (this.#hasHead) {
      if (!endsStream) throw new StreamError("PROTOCOL_ERROR", "the answer has a second head");
      this.#end(readFields(fields, "trailers"));
      return;
    }
    const head = readFields(fields, "head");
    if (head.get(":status")?.startsWith("1") === true) {
      if (endsStream) throw new StreamError("PROTOCOL_ERROR", "the answer ends with an interim (1xx) head");
      return;
    }
    this.#hasHead = true;
    this.#listener.onHead(head);
    if (endsStream) this.#end(head);
  }

  /** Takes a part of the body. @throws StreamError, and what the listener throws */
  receiveData(bytes: Buffer, endsStream: boolean): void {
    this.#hasBegun = true;
    if (!this.#hasHead) throw new StreamError("PROTOCOL_ERROR", "the answer has data before its head");
    if (bytes.length > 0) this.#listener.onData(bytes);
    if (endsStream) this.#end(NO_FIELDS);
  }

  /** The target takes so many octets more; a setting may take some back. Returns false when the window is too large. */
  widen(octets: number): boolean {
    this.sendWindow += octets;
    return this.sendWindow <= MAX_31_BITS;
  }

  /** Ends the call without a response. */
  fail(error: Error): void {
    this.#end(error);
  }

  #end(end: Fields | Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#listener.onEnd(end);
  }
}

/** Blanks at the ends of a value are taken from a target: they do no harm in an answer. */
const BAD_VALUE = /[\0\r\n]/;

/** A status that a response can have; 101 has no meaning in HTTP/2 (section 8.6). */
const STATUS = /^(?!101)[1-5]\d\d$/;

/** Reads a list of names and values in turn. @throws StreamError for one that is malformed (section 8.1.1) */
function readFields(list: readonly string[], kind: "head" | "trailers"): Fields {
  const fields = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at] ?? "";
    const value = list[at + 1] ?? "";
    const isStatus = name === ":status" && kind === "head" && at === 0 && STATUS.test(value);
    if (!isStatus && (!isFieldName(name) || BAD_VALUE.test(value)))
      throw new StreamError("PROTOCOL_ERROR", `the ${kind} of the answer has a malformed field`);
    addField(fields, name, value);
  }
  if (kind === "head" && !fields.has(":status")) throw new StreamError("PROTOCOL_ERROR", "the answer has no :status");
  return fields;
}

/** The error that the caller gets for an error of a stream. */
export function brokenBy(error: unknown): Error {
  if (error instanceof StreamError) return new BrokenCall("protocol", error.message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}
