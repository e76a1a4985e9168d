/** HTTP requests and answers as plain data, for every carrier: HTTP/1, Node's HTTP/2 and our own. */
import type { Clock } from "../core/clock.js";
import type { SharedBytes } from "../core/shared-bytes.js";

/** The parts of a request that an answer depends on. */
export interface HttpRequest {
  readonly method: string;
  /** The request target as it was sent: path and query. */
  readonly target: string;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  /** The field `X-Consul-Token`, with which clients of Consul send their token. */
  readonly consulToken?: string | undefined;
  /** The host that the client has asked: `:authority`, or the field `Host`. */
  readonly host?: string | undefined;
  /** The body of a call as JSON. No other request's body is read. */
  readonly body: Buffer | undefined;
  /** The last event that a client of an event stream has got. */
  readonly lastEventId?: string | undefined;
  /** Identifies a connection that carries many requests at a time (HTTP/2). */
  readonly connection?: object | undefined;
}

/** Where a carrier takes a streamed body. */
export interface StreamOutput {
  /** Sends a piece. `onSent` is called when the client has room for another one, never before this returns. */
  write(bytes: Buffer, onSent: () => void): void;
  /** Sends the last piece, which is not empty, and ends the body. */
  end(bytes: Buffer): void;
  /** Ends the answer abruptly: HTTP/1 closes the connection, HTTP/2 resets the stream. */
  abort(): void;
}

/** A body that grows, and ends when the server or the client ends it. */
export interface StreamedBody {
  /** Starts to send. The carrier calls the returned function when the answer is over for any cause; it may do so twice. */
  start(output: StreamOutput): () => void;
}

/** An answer. The carrier adds `content-length`, if the length is known, and sends no body for HEAD. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Text, a large body, or a streamed one. The carrier opens a large one and sends it as fast as the client reads. When its
   * reader is evicted, the carrier ends the answer abruptly: HTTP/1 closes the connection, HTTP/2 resets the stream.
   */
  readonly body: string | SharedBytes | StreamedBody;
}

/** Answers requests that a carrier has read. */
export interface HttpResponder {
  /** The size at which a body is too large for any request; the carrier need not read further. */
  readonly tooManyBodyBytes: number;
  /** Whether the answer depends on the body. */
  wantsBody(method: string, target: string): boolean;
  /**
   * Calls `send` once with the answer, in the same step or later. An answer that waits for something returns a function: the
   * carrier calls it when the answer is over, or when its client has gone. It may do so twice.
   */
  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): (() => void) | undefined;
}

/** What a server needs beside the answers. */
export interface ServerResponder extends HttpResponder {
  readonly clock: Clock;
  /** The `Health` whose messages are published. */
  readonly instance: string;
  /** Whether this server is draining: a carrier closes the connection after the answer. */
  readonly draining: boolean;
  /** Counts an answer that a carrier gave to a request that it could not read in one way only. */
  countRefusal(status: number): void;
}
