/**
 * One request of a server of Node and its answer, the same over HTTP/1.1 and HTTP/2 (the compatibility API of node:http2).
 *
 *     onBody(part), onBody(part), ... onEnd()          head() --> write(), write(), ... --> end()
 *                                                        '------------ or ----------------> reset()
 *
 * A client may go away at any step, also before the request gets here: what is called here then does nothing.
 */
import type { IncomingHttpHeaders } from "node:http";
import { constants } from "node:http2";
import type { Writable } from "node:stream";
import type { Headers } from "../http/answers.js";
import type { NodeRequest, NodeResponse } from "../http/node-request.js";

/** Takes the body of a request. */
export interface BodyReceiver {
  onBody(bytes: Buffer): void;
  onEnd(): void;
  /** Called instead of both when the body was read before, and is not there any more. */
  onLost(): void;
}

/** The bytes of a body that was read before; `undefined` when they are lost: an empty request has a meaning of its own. */
function bodyLeft({ body, headers }: NodeRequest & { readonly body?: unknown }): Buffer | undefined {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body);
  return headers["content-length"] === "0" ? Buffer.alloc(0) : undefined;
}

export class NodeExchange {
  readonly isHttp2: boolean;
  readonly #request: NodeRequest & { readonly body?: unknown };
  readonly #response: NodeResponse;
  #stopReading: () => void = () => {};

  constructor(request: NodeRequest, response: NodeResponse) {
    this.isHttp2 = request.httpVersionMajor === 2;
    this.#request = request;
    this.#response = response;
    // after the listener of Node's own, which sends the trailers
    if ("stream" in response) response.stream?.once("wantTrailers", () => setImmediate(() => this.#resetUnread()));
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  get remoteAddress(): string {
    return this.#request.socket?.remoteAddress ?? "unix";
  }

  /** Nothing can be sent any more: the answer is complete, or the client has gone. */
  get isClosed(): boolean {
    const response = this.#response;
    const stream = "stream" in response ? response.stream : response;
    return response.writableEnded || stream === undefined || stream.destroyed || ("closed" in stream && stream.closed);
  }

  /** The client has not taken all that was written. */
  get isWaiting(): boolean {
    return this.output.writableLength > 0;
  }

  /** Where a body is written to. */
  get output(): Writable {
    return this.#response;
  }

  /** Calls `listener` when the exchange is over, for any cause. */
  onClose(listener: () => void): void {
    this.#response.once("close", listener);
  }

  /** Reads the body. A body parser of the application may have read it: it leaves bytes or a text as `body`. */
  read(receiver: BodyReceiver): void {
    const request = this.#request;
    if (request.readableDidRead || request.readableEnded) {
      const body = bodyLeft(request);
      if (body === undefined) receiver.onLost();
      else {
        receiver.onBody(body);
        receiver.onEnd();
      }
      return;
    }
    const onBody = (bytes: Buffer) => receiver.onBody(bytes);
    const onEnd = () => receiver.onEnd();
    this.#stopReading = () => void request.off("data", onBody).off("end", onEnd).pause();
    request.on("data", onBody).once("end", onEnd);
  }

  /** Sets status and header fields; they are sent with the first bytes. `closes`: the connection ends with the answer. */
  head(status: number, fields: Headers, closes: boolean): void {
    if (this.isClosed) return;
    this.#response.statusCode = status;
    for (const [name, value] of Object.entries(fields)) this.#response.setHeader(name, value);
    if (!this.isHttp2 && (closes || !this.#request.readableEnded)) this.#response.setHeader("connection", "close");
  }

  /** Writes a part of the body; `onSent` is called when the client has room for another. */
  write(bytes: Buffer, onSent: () => void): void {
    if (!this.isClosed) this.output.write(bytes, (error) => error ?? onSent());
  }

  /** The trailers of the answer, before its end. Only HTTP/2 has them. */
  trailers(fields: Headers): void {
    if (this.isHttp2 && !this.isClosed) this.#response.addTrailers(fields);
  }

  /** Ends the answer. The rest of the request is not read. */
  end(bytes: Buffer): void {
    this.#stopReading();
    if (!this.isClosed) this.output.end(bytes);
  }

  /** Ends the answer abruptly: the client must not take it for complete. */
  reset(): void {
    this.#stopReading();
    if ("stream" in this.#response) this.#response.stream?.close(constants.NGHTTP2_CANCEL);
    else this.#response.destroy();
  }

  /**
   * After the answer, RST_STREAM(NO_ERROR) asks the client to stop sending (RFC 9113, section 8.1).
   *
   * Node must have sent the trailers before, and not be about to: it aborts the process when a listener of `finish` closes
   * the stream (`Assertion failed: !this->is_destroyed()` in Http2Stream::OnTrailers, with 20.20.2).
   */
  #resetUnread(): void {
    if (this.#request.readableEnded || !("stream" in this.#response)) return;
    this.#response.stream?.close(constants.NGHTTP2_NO_ERROR);
  }
}
