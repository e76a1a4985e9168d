/**
 * An HTTP/1.1 answer, as its bytes come in.
 *
 *     bytes --> head (16 KiB at most) --> body (64 KiB are kept) --> answer
 *                 ^      | 1xx: another head follows
 *                 '------'
 *
 * A probe asks the same question again and again, so the head is mostly the one of the last answer: it is compared with
 * that, and read only when it is another.
 */
import { BrokenCall } from "./broken-call.js";
import { ChunkedBody } from "./http-chunks.js";
import { type HttpHead, readHead } from "./http-head.js";

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHead["headers"];
  /** The body, or the first 64 KiB of it. */
  readonly body: Buffer;
  /** Whether there was more of the body. */
  readonly isCut: boolean;
  /** Whether the connection may be used for another question. */
  readonly isReusable: boolean;
}

/** The longest body that is kept. */
export const MOST_BODY_BYTES = 65_536;

const MOST_HEAD_BYTES = 16_384;

/** So many heads may come before the one that counts (100 Continue, 103 Early Hints). */
const MOST_INTERIM_HEADS = 8;

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const START_OF_ANSWER = Buffer.from("HTTP/1.");
const NOTHING = Buffer.alloc(0);

/** The head of the last answer: its bytes, and what they mean. */
interface KnownHead {
  readonly bytes: Buffer;
  readonly head: HttpHead;
}

/** Reads one answer after the other. */
export class AnswerReader {
  #known: KnownHead | undefined;
  #pending: Buffer = NOTHING;
  #head: HttpHead | undefined;
  #interimHeads = 0;
  #parts: Buffer[] = [];
  #bodyBytes = 0;
  #chunks: ChunkedBody | undefined;

  /** Whether a byte of the answer has come. */
  get started(): boolean {
    return this.#head !== undefined || this.#interimHeads > 0 || this.#pending.length > 0;
  }

  /**
   * Takes bytes; gives the answer when it is whole, or when 64 KiB of its body are there.
   * @throws BrokenCall `protocol`
   */
  push(bytes: Buffer): HttpAnswer | undefined {
    if (this.#head !== undefined) return this.#pushBody(this.#head, bytes);
    const text = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const end = this.#endOfKnown(text) ?? text.indexOf(END_OF_HEAD);
    if (end > MOST_HEAD_BYTES || (end === -1 && text.length > MOST_HEAD_BYTES))
      throw new BrokenCall("protocol", `the head of the answer is longer than ${MOST_HEAD_BYTES} bytes`);
    if (end === -1) {
      requireHttp(text);
      this.#pending = text;
      return undefined;
    }
    this.#pending = NOTHING;
    const head = this.#readHead(text.subarray(0, end));
    const rest = text.subarray(end + END_OF_HEAD.length);
    if (head.status < 200) return this.#skip(head, rest);
    this.#head = head;
    if (head.bodyLength === "chunked") this.#chunks = new ChunkedBody();
    return this.#pushBody(head, rest);
  }

  /**
   * The connection has ended; gives the answer where its end is what ends it.
   * @throws BrokenCall `closed` when it is not whole
   */
  end(): HttpAnswer {
    if (this.#head?.bodyLength === "until-close") return this.#finish(this.#head, false, false);
    throw new BrokenCall("closed", this.started ? "the answer broke off" : "the connection ended without an answer");
  }

  /** Forgets an answer that is not whole. */
  reset(): void {
    this.#pending = NOTHING;
    this.#head = undefined;
    this.#interimHeads = 0;
    this.#parts = [];
    this.#bodyBytes = 0;
    this.#chunks = undefined;
  }

  /** The length of the head, where it is the one of the last answer. */
  #endOfKnown(text: Buffer): number | undefined {
    const length = this.#known?.bytes.length ?? 0;
    if (this.#known === undefined || text.length < length + END_OF_HEAD.length) return undefined;
    const isSame = text.compare(this.#known.bytes, 0, length, 0, length) === 0;
    return isSame && text.compare(END_OF_HEAD, 0, 4, length, length + 4) === 0 ? length : undefined;
  }

  #readHead(bytes: Buffer): HttpHead {
    if (this.#known?.bytes.equals(bytes)) return this.#known.head;
    const head = readHead(bytes.toString("latin1"));
    this.#known = { bytes: Buffer.from(bytes), head };
    return head;
  }

  #skip({ status }: HttpHead, rest: Buffer): HttpAnswer | undefined {
    this.#interimHeads += 1;
    if (status === 101) throw new BrokenCall("protocol", "the target switches protocols, and nobody asked it to");
    if (this.#interimHeads > MOST_INTERIM_HEADS)
      throw new BrokenCall("protocol", "the target sends interim answers without end");
    return rest.length === 0 ? undefined : this.push(rest);
  }

  #pushBody(head: HttpHead, bytes: Buffer): HttpAnswer | undefined {
    const { bodyLength } = head;
    if (this.#chunks !== undefined) {
      const surplus = this.#chunks.push(bytes, (part) => this.#keep(part));
      if (surplus !== undefined) return this.#finish(head, false, surplus === 0);
    } else if (bodyLength === "until-close") this.#keep(bytes);
    else {
      const missing = Number(bodyLength) - this.#bodyBytes;
      this.#keep(bytes.length > missing ? bytes.subarray(0, missing) : bytes);
      if (bytes.length >= missing)
        return this.#finish(head, this.#bodyBytes > MOST_BODY_BYTES, bytes.length === missing);
    }
    return this.#bodyBytes > MOST_BODY_BYTES ? this.#finish(head, true, false) : undefined;
  }

  #keep(part: Buffer): void {
    const room = MOST_BODY_BYTES - this.#bodyBytes;
    if (room > 0 && part.length > 0) this.#parts.push(part.length > room ? part.subarray(0, room) : part);
    this.#bodyBytes += part.length;
  }

  #finish({ status, headers, keepAlive }: HttpHead, isCut: boolean, isWhole: boolean): HttpAnswer {
    const [first = NOTHING] = this.#parts;
    const body = this.#parts.length <= 1 ? first : Buffer.concat(this.#parts);
    this.reset();
    return { status, headers, body, isCut, isReusable: keepAlive && isWhole && !isCut };
  }
}

/** Tells at the first bytes what will never be an answer, rather than to wait for more of it. */
function requireHttp(text: Buffer): void {
  const length = Math.min(text.length, START_OF_ANSWER.length);
  if (text.compare(START_OF_ANSWER, 0, length, 0, length) !== 0)
    throw new BrokenCall("protocol", "the answer does not start with a status line of HTTP/1");
}
