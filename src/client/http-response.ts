/**
 * Reads an HTTP/1.1 response from its bytes as they come.
 *
 *     bytes --> head (64 KiB at most) --> body (kept up to a limit) --> response
 *                 ^      | 1xx: another head follows
 *                 '------'
 *
 * Most responses come in one piece. They are read in place; only what is kept of the body is copied.
 */
import { BrokenCall, Unanswered } from "./broken-call.js";
import type { AnswerReader } from "./exchange.js";
import { ChunkedBody } from "./http-chunks.js";
import { type HttpHead, readHead } from "./http-head.js";

/** A response to an HTTP request that healthbridge has sent. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHead["headers"];
  /** The body as it came, or the first part of it: `http-content` decodes it. */
  readonly body: Buffer;
  /** Whether there was more of the body. */
  readonly isCut: boolean;
  /** Whether the connection may be used for another request. */
  readonly isReusable: boolean;
}

const MAX_HEAD_BYTES = 65_536;

/** Limit of heads before the final one (100 Continue, 103 Early Hints). */
export const MAX_INTERIM_HEADS = 8;

/** The end of a line and an empty line. Either may be LF alone (RFC 9112, section 2.2). */
const EMPTY_LINE = "\n\r\n";
const EMPTY_LINE_OF_LF = "\n\n";
/** CR LF CR LF. */
const END_BYTES = 4;
const START = "HTTP/1.";
const CARRIAGE_RETURN = 13;

const NO_BYTES = Buffer.alloc(0);

/** The request that a response belongs to. */
interface ResponseContext {
  /** Whether it is a HEAD: its response has no body, whatever its fields say. Default false. */
  readonly isToHead?: boolean;
  /** Whether it is the first one on its connection. Default true. */
  readonly isFirst?: boolean;
}

/**
 * Some servers end an idle connection with this status (RFC 9110, section 15.5.9). If it crosses a request, it is not the
 * answer to that request: only a new connection shows what the server answers.
 */
const REQUEST_TIMEOUT = 408;

export class ResponseReader implements AnswerReader<HttpResponse> {
  readonly #maxBodyBytes: number;
  readonly #hasNoBody: boolean;
  readonly #isFirst: boolean;
  /** The beginning of a head that came in parts. */
  #pending: BoundedBytes | undefined;
  #interimHeads = 0;
  #head: HttpHead | undefined;
  #chunks: ChunkedBody | undefined;
  readonly #body: BoundedBytes;
  #bodyBytes = 0;

  constructor(maxBodyBytes: number, { isToHead = false, isFirst = true }: ResponseContext = {}) {
    this.#maxBodyBytes = maxBodyBytes;
    this.#hasNoBody = isToHead;
    this.#isFirst = isFirst;
    this.#body = new BoundedBytes(maxBodyBytes);
  }

  /**
   * Takes the next bytes, which may be overwritten afterwards. Returns the response when it is complete, or when its
   * body has more bytes than are kept.
   * @throws BrokenCall `protocol`; Unanswered when the target has ended the idle connection with 408
   */
  push(bytes: Buffer): HttpResponse | undefined {
    if (this.#head !== undefined) return this.#pushBody(this.#head, bytes);
    const known = this.#pending?.bytes.length ?? 0;
    this.#pending?.add(bytes);
    const text = this.#pending?.bytes ?? bytes;
    const end = endOfHead(text, Math.max(0, known - EMPTY_LINE.length));
    if (end === undefined ? text.length >= MAX_HEAD_BYTES + END_BYTES : end.at > MAX_HEAD_BYTES)
      throw new BrokenCall("protocol", `the head of the answer is longer than ${MAX_HEAD_BYTES} bytes`);
    if (end === undefined) {
      requireStart(text);
      if (this.#pending === undefined) {
        this.#pending = new BoundedBytes(MAX_HEAD_BYTES + END_BYTES);
        this.#pending.add(bytes);
      }
      return undefined;
    }
    const rest = bytes.subarray(end.next - known);
    const head = readHead(text.toString("latin1", 0, end.at));
    this.#pending = undefined;
    if (head.status < 200) return this.#skip(head, rest);
    if (head.status === REQUEST_TIMEOUT && !head.keepAlive && !this.#isFirst)
      throw new Unanswered(new BrokenCall("closed", "the target ended the idle connection (HTTP status 408)"));
    this.#head = this.#hasNoBody ? { ...head, bodyLength: 0 } : head;
    if (this.#head.bodyLength === "chunked") this.#chunks = new ChunkedBody();
    return this.#pushBody(this.#head, rest);
  }

  /**
   * The connection has ended. Returns the response where that is the end of its body.
   * @throws BrokenCall `closed` when the response is not complete
   */
  end(): HttpResponse {
    if (this.#head?.bodyLength === "until-close") return this.#finish(this.#head, false);
    throw new BrokenCall("closed", "the connection ended within the answer");
  }

  #skip({ status }: HttpHead, rest: Buffer): HttpResponse | undefined {
    this.#interimHeads += 1;
    if (status === 101)
      throw new BrokenCall("protocol", "the target answers 101 Switching Protocols, which was not asked for");
    if (this.#interimHeads > MAX_INTERIM_HEADS)
      throw new BrokenCall("protocol", `the target sends more than ${MAX_INTERIM_HEADS} interim (1xx) responses`);
    return rest.length === 0 ? undefined : this.push(rest);
  }

  #pushBody(head: HttpHead, bytes: Buffer): HttpResponse | undefined {
    const { bodyLength } = head;
    if (typeof bodyLength === "number") {
      const missing = bodyLength - this.#bodyBytes;
      this.#addBody(bytes.length > missing ? bytes.subarray(0, missing) : bytes);
      if (bytes.length >= missing) return this.#finish(head, bytes.length === missing);
    } else if (this.#chunks === undefined) this.#addBody(bytes);
    else {
      const surplus = this.#chunks.push(bytes, (part) => this.#addBody(part));
      if (surplus !== undefined) return this.#finish(head, surplus === 0);
    }
    return this.#bodyBytes > this.#maxBodyBytes ? this.#finish(head, false) : undefined;
  }

  #addBody(part: Buffer): void {
    this.#body.add(part);
    this.#bodyBytes += part.length;
  }

  #finish({ status, headers, keepAlive }: HttpHead, endsHere: boolean): HttpResponse {
    const isCut = this.#bodyBytes > this.#maxBodyBytes;
    return { status, headers, body: this.#body.bytes, isCut, isReusable: keepAlive && endsHere && !isCut };
  }
}

/**
 * Where the head ends, and where the body begins; `undefined` before the end. The search begins at `from`: a target may
 * send the head byte by byte.
 */
export function endOfHead(text: Buffer, from: number): { readonly at: number; readonly next: number } | undefined {
  const end = text.indexOf(EMPTY_LINE, from);
  const endOfLf = (end === -1 ? text : text.subarray(0, end + 1)).indexOf(EMPTY_LINE_OF_LF, from);
  const at = endOfLf === -1 ? end : endOfLf;
  if (at === -1) return undefined;
  const next = at + (endOfLf === -1 ? EMPTY_LINE : EMPTY_LINE_OF_LF).length;
  return { at: text[at - 1] === CARRIAGE_RETURN ? at - 1 : at, next };
}

/** Fails at the first bytes that cannot be HTTP/1, and not only at the deadline. */
export function requireStart(text: Buffer): void {
  const start = text.toString("latin1", 0, START.length);
  if (!START.startsWith(start))
    throw new BrokenCall("protocol", "the answer does not start with a status line of HTTP/1");
}

/**
 * Bytes that come in parts, kept up to a limit. They are copied into one buffer that grows: a list of the parts would
 * let a target that sends byte by byte fill the memory with what is around each byte.
 */
export class BoundedBytes {
  readonly #maxBytes: number;
  #buffer: Buffer = NO_BYTES;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get isFull(): boolean {
    return this.#length === this.#maxBytes;
  }

  /** Adds a copy of `part`, up to the limit. */
  add(part: Buffer): void {
    const length = Math.min(this.#maxBytes, this.#length + part.length);
    if (length > this.#buffer.length) {
      // exactly what is needed at first: most bodies come in one part
      const buffer = Buffer.allocUnsafe(this.#length === 0 ? length : Math.min(this.#maxBytes, length * 2));
      this.#buffer.copy(buffer, 0, 0, this.#length);
      this.#buffer = buffer;
    }
    part.copy(this.#buffer, this.#length, 0, length - this.#length);
    this.#length = length;
  }
}
