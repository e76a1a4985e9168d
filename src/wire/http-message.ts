/** Requests and answers of HTTP as plain data, whatever carries them: HTTP/1, Node's HTTP/2 or our own. */

/** A request, as much of it as an answer depends on. */
export interface HttpRequest {
  readonly method: string;
  /** The request target as it was sent: path and query. */
  readonly target: string;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  /** The body of a call as JSON; every other request's body is not read. */
  readonly body: Buffer | undefined;
}

/** An answer. `content-length` is the carrier's business, as is a HEAD's missing body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers requests that a carrier has read. */
export interface HttpResponder {
  /** Octets of a body that is longer than any that is wanted. */
  readonly tooManyBodyBytes: number;
  /** Whether the answer depends on the body. */
  wantsBody(method: string, target: string): boolean;
  /** Answers by `send`, called once, now or later. */
  answer(request: HttpRequest, send: (answer: HttpAnswer) => void): void;
}
