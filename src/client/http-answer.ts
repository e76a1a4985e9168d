/**
 * An HTTP/1.1 answer, as its bytes come in.
 *
 *     bytes --> head (16 KiB at most) --> body (kept up to a limit) --> answer
 *                 ^      | 1xx: another head follows
 *                 '------'
 *
 * Most answers come in one piece, and are read where they lie: nothing is copied but what is kept of the body.
 */
import { BrokenCall } from "./broken-call.js";
import { ByteStore } from "./byte-store.js";
import { ChunkedBody } from "./http-chunks.js";
import { type HttpHead, readHead } from "./http-head.js";

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHead["headers"];
  /** The body, or the first part of it. */
  readonly body: Buffer;
  /** Whether there was more of the body. */
  readonly isCut: boolean;
  /** Whether the connection may be used for another question. */
  readonly isReusable: boolean;
}

const MAX_HEAD_BYTES = 16_384;

/** So many heads may come before the one that counts (100 Continue, 103 Early Hints). */
const MAX_INTERIM_HEADS = 8;

const END_OF_HEAD = "\r\n\r\n";
const START = "HTTP/1.";
const [LINE_FEED, CARRIAGE_RETURN] = [10, 13];

const NOTHING = Buffer.alloc(0);

/** Reads one answer. */
export class AnswerReader {
  readonly #mostBodyBytes: number;
  #pending: Buffer = NOTHING;
  #interimHeads = 0;
  #head: HttpHead | undefined;
  #chunks: ChunkedBody | undefined;
  readonly #body: ByteStore;
  #bodyBytes = 0;

  constructor(mostBodyBytes: number) {
    this.#mostBodyBytes = mostBodyBytes;
    this.#body = new ByteStore(mostBodyBytes);
  }

  /** Whether a byte of the answer has come. */
  get started(): boolean {
    return this.#head !== undefined || this.#interimHeads > 0 || this.#pending.length > 0;
  }

  /**
   * Takes bytes, which may be overwritten afterwards. Gives the answer when it is whole, or has more of a body than is
   * kept.
   * @throws BrokenCall `protocol`
   */
  push(bytes: Buffer): HttpAnswer | undefined {
    if (this.#head !== undefined) return this.#pushBody(this.#head, bytes);
    const text = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const end = text.indexOf(END_OF_HEAD);
    if (end > MAX_HEAD_BYTES || (end === -1 && text.length > MAX_HEAD_BYTES + END_OF_HEAD.length))
      throw new BrokenCall("protocol", `the head of the answer is longer than ${MAX_HEAD_BYTES} bytes`);
    if (end === -1) {
      requireStart(text);
      this.#pending = text === bytes ? Buffer.from(bytes) : text;
      return undefined;
    }
    this.#pending = NOTHING;
    const head = readHead(text.toString("latin1", 0, end));
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
    if (this.#head?.bodyLength === "until-close") return this.#finish(this.#head, false);
    throw new BrokenCall("closed", this.started ? "the answer broke off" : "the connection ended without an answer");
  }

  #skip({ status }: HttpHead, rest: Buffer): HttpAnswer | undefined {
    this.#interimHeads += 1;
    if (status === 101) throw new BrokenCall("protocol", "the target switches protocols, and nobody asked it to");
    if (this.#interimHeads > MAX_INTERIM_HEADS)
      throw new BrokenCall("protocol", "the target sends interim answers without end");
    return rest.length === 0 ? undefined : this.push(rest);
  }

  #pushBody(head: HttpHead, bytes: Buffer): HttpAnswer | undefined {
    const { bodyLength } = head;
    if (typeof bodyLength === "number") {
      const missing = bodyLength - this.#bodyBytes;
      this.#keep(bytes.length > missing ? bytes.subarray(0, missing) : bytes);
      if (bytes.length >= missing) return this.#finish(head, bytes.length === missing);
    } else if (this.#chunks === undefined) this.#keep(bytes);
    else {
      const surplus = this.#chunks.push(bytes, (part) => this.#keep(part));
      if (surplus !== undefined) return this.#finish(head, surplus === 0);
    }
    return this.#bodyBytes > this.#mostBodyBytes ? this.#finish(head, false) : undefined;
  }

  #keep(part: Buffer): void {
    this.#body.add(part);
    this.#bodyBytes += part.length;
  }

  #finish({ status, headers, keepAlive }: HttpHead, endsHere: boolean): HttpAnswer {
    const isCut = this.#bodyBytes > this.#mostBodyBytes;
    return { status, headers, body: this.#body.bytes, isCut, isReusable: keepAlive && endsHere && !isCut };
  }
}

/** What doesn't begin as an answer must is told at once, not when the time is over. */
function requireStart(text: Buffer): void {
  const start = text.toString("latin1", 0, START.length);
  const end = text.indexOf(LINE_FEED);
  if (!START.startsWith(start) || (end !== -1 && text[end - 1] !== CARRIAGE_RETURN))
    throw new BrokenCall("protocol", "the answer does not start with a status line of HTTP/1");
}
