/** HTTP requests and answers as plain data, for every carrier: HTTP/1, Node's HTTP/2 and our own. */
import type { SharedBytes } from "../core/shared-bytes.js";

/** The parts of a request that an answer depends on. */
export interface HttpRequest {
  readonly method: string;
  /** The request target as it was sent: path and query. */
  readonly target: string;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  /** The body of a call as JSON. No other request's body is read. */
  readonly body: Buffer | undefined;
}

/** An answer. The carrier adds `content-length`, and sends no body for HEAD. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Text, or a large body. The carrier opens a large one and sends it as fast as the client reads. When its reader is
   * evicted, the carrier ends the answer abruptly: HTTP/1 closes the connection, HTTP/2 resets the stream.
   */
  readonly body: string | SharedBytes;
}

/** Answers requests that a carrier has read. */
export interface HttpResponder {
  /** The size at which a body is too large for any request; the carrier need not read further. */
  readonly tooManyBodyBytes: number;
  /** Whether the answer depends on the body. */
  wantsBody(method: string, target: string): boolean;
  /** Calls `send` once with the answer, in the same step or later. */
  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): void;
}
