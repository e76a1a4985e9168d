/**
 * An HTTP client for one server on one connection, which is made when it is needed and reused (`reused-connection`).
 *
 *     request --> bytes of HTTP/1.1, or a header block of HTTP/2 --> connection --> response, its body up to a limit
 *
 * Which version is spoken is decided beforehand: a client of HTTP/2 does not fall back to HTTP/1.1.
 *
 * A request may be sent twice: a kept connection can be lost before the first byte of the answer. Methods that are not
 * idempotent are no exception, because a probe is repeated for ever in any case.
 */
import { encodeHeaders } from "../wire/http2/hpack-encoder.js";
import { BrokenCall } from "./broken-call.js";
import { exchange } from "./exchange.js";
import { contentLengthOf } from "./http-head.js";
import { BoundedBytes, type HttpResponse, ResponseReader } from "./http-response.js";
import { Http2Connection, type Http2Request } from "./http2-connection.js";
import { brokenBy, type Fields, type ResponseListener } from "./http2-stream.js";
import { type Ask, ReusedConnection, type ReuseOptions } from "./reused-connection.js";
import { TargetSocket, type TargetSocketOptions } from "./target-socket.js";

/** A request. The same object for each probe: it is encoded once. */
export interface HttpClientRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case; `host` is among them. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Sends requests, one at a time. */
export interface HttpClient {
  /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
  readonly certificateEndsAt: number | undefined;
  /**
   * Sends a request. Rejects with an error of the system or a BrokenCall when no answer came. `timeoutMs` is the time
   * until the caller cancels. After a response that is not reusable, the caller must call `close`.
   */
  send(request: HttpClientRequest, timeoutMs: number): Promise<HttpResponse>;
  /** Ends the request that is sent, if there is one, and the connection with it. */
  cancel(): void;
  close(): void;
}

/** Where the server is, how long a connection is kept, and more bytes of a body are not read. */
export interface HttpClientOptions {
  readonly address: TargetSocketOptions;
  readonly reuse: ReuseOptions;
  readonly maxBodyBytes: number;
}

export class Http1Client implements HttpClient {
  readonly #connection: ReusedConnection<TargetSocket>;
  readonly #maxBodyBytes: number;
  #encoded: { readonly request: HttpClientRequest; readonly ask: Ask<TargetSocket, HttpResponse> } | undefined;

  constructor({ address, reuse, maxBodyBytes }: HttpClientOptions) {
    this.#connection = new ReusedConnection((timeoutMs) => new TargetSocket(address, timeoutMs), reuse);
    this.#maxBodyBytes = maxBodyBytes;
  }

  get certificateEndsAt(): number | undefined {
    return this.#connection.certificateEndsAt;
  }

  send(request: HttpClientRequest, timeoutMs: number): Promise<HttpResponse> {
    if (this.#encoded?.request !== request) this.#encoded = { request, ask: this.#askOf(request) };
    return this.#connection.call(timeoutMs, this.#encoded.ask);
  }

  cancel(): void {
    this.#connection.cancel();
  }

  close(): void {
    this.#connection.close();
  }

  #askOf(request: HttpClientRequest): Ask<TargetSocket, HttpResponse> {
    const bytes = encodeHttp1(request);
    const isToHead = request.method === "HEAD";
    return (socket, isFirst) => exchange(socket, bytes, new ResponseReader(this.#maxBodyBytes, { isToHead, isFirst }));
  }
}

export class Http2Client implements HttpClient {
  readonly #connection: ReusedConnection<Http2Connection>;
  readonly #maxBodyBytes: number;
  readonly #scheme: "http" | "https";
  #encoded: { readonly request: HttpClientRequest; readonly http2: Http2Request } | undefined;

  constructor({ address, reuse, maxBodyBytes }: HttpClientOptions) {
    const open = (timeoutMs: number) => new Http2Connection(new TargetSocket(address, timeoutMs), reuse.clock);
    this.#connection = new ReusedConnection(open, reuse);
    this.#maxBodyBytes = maxBodyBytes;
    this.#scheme = address.tls === undefined ? "http" : "https";
  }

  get certificateEndsAt(): number | undefined {
    return this.#connection.certificateEndsAt;
  }

  async send(request: HttpClientRequest, timeoutMs: number): Promise<HttpResponse> {
    if (this.#encoded?.request !== request) this.#encoded = { request, http2: encodeHttp2(request, this.#scheme) };
    const { http2 } = this.#encoded;
    if (http2.head.length > MAX_HTTP2_HEAD_BYTES)
      throw new BrokenCall("protocol", `the request has more than ${MAX_HTTP2_HEAD_BYTES} bytes of header fields`);
    return this.#connection.call(
      timeoutMs,
      (connection) =>
        new Promise((resolve, reject) => {
          const isToHead = request.method === "HEAD";
          connection.request(http2, new Http2Response(this.#maxBodyBytes, { resolve, reject, isToHead }));
        }),
    );
  }

  cancel(): void {
    this.#connection.cancel();
  }

  close(): void {
    this.#connection.close();
  }
}

function encodeHttp1({ method, path, fields, body }: HttpClientRequest): Buffer {
  const lines = [...fields].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, "latin1"), body]);
}

/** Fields of one connection of HTTP/1, and the one that `:authority` replaces (RFC 9113, sections 8.2.2 and 8.3.1). */
const NOT_IN_HTTP2: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** A longer header block would need CONTINUATION, which `http2-connection` does not send. */
export const MAX_HTTP2_HEAD_BYTES = 16_384;

export function encodeHttp2({ method, path, fields, body }: HttpClientRequest, scheme: "http" | "https"): Http2Request {
  const head = encodeHeaders([
    [":method", method],
    [":scheme", scheme],
    [":authority", fields.get("host") ?? ""],
    [":path", path],
    ...[...fields].filter(([name]) => !NOT_IN_HTTP2.has(name)),
  ]);
  return { head, body };
}

interface PendingResponse {
  /** The request is a HEAD: its response has no body, whatever its fields say. */
  readonly isToHead: boolean;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: Error) => void;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

class Http2Response implements ResponseListener {
  readonly #body: BoundedBytes;
  readonly #maxBodyBytes: number;
  readonly #pending: PendingResponse;
  #head: Fields = NO_FIELDS;
  #isCut = false;
  #bodyBytes = 0;

  constructor(maxBodyBytes: number, pending: PendingResponse) {
    this.#body = new BoundedBytes(maxBodyBytes);
    this.#maxBodyBytes = maxBodyBytes;
    this.#pending = pending;
  }

  onHead(head: Fields): void {
    this.#head = head;
  }

  onData(bytes: Buffer): void {
    this.#body.add(bytes);
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes <= this.#maxBodyBytes) return;
    this.#isCut = true;
    throw new BrokenCall("cancelled", "the rest of the body is not read");
  }

  onEnd(end: Fields | Error): void {
    if (end instanceof Error && !this.#isCut) {
      this.#pending.reject(end);
      return;
    }
    try {
      this.#requireLength();
      const status = Number(this.#head.get(":status"));
      this.#pending.resolve({
        status,
        headers: this.#head,
        body: this.#body.bytes,
        isCut: this.#isCut,
        isReusable: true,
      });
    } catch (error) {
      this.#pending.reject(brokenBy(error));
    }
  }

  /** Section 8.1.1. @throws BrokenCall `protocol` */
  #requireLength(): void {
    const status = this.#head.get(":status");
    if (this.#isCut || this.#pending.isToHead || status === "204" || status === "304") return;
    const length = contentLengthOf(this.#head);
    if (length !== undefined && length !== this.#bodyBytes)
      throw new BrokenCall("protocol", "the body of the answer is not as long as its content-length");
  }
}
