/**
 * One request of plain HTTP over HTTP/2: `curl --http2-prior-knowledge`, health checks of Envoy and HAProxy.
 *
 * A request whose body matters is answered when the body is complete, or longer than allowed. Any other is answered at
 * once.
 */
import type { Clock } from "../../core/clock.js";
import type { HttpAnswer, HttpResponder, StreamedBody } from "../../wire/http-message.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import type { Call, Stream } from "./stream.js";

/** What plain HTTP requests are answered with. */
export interface HttpDeps {
  readonly clock: Clock;
  readonly responder: HttpResponder;
}

export class HttpCall implements Call {
  readonly #stream: Stream;
  readonly #deps: HttpDeps;
  /** Undefined when the body does not matter. */
  readonly #chunks: Buffer[] | undefined;
  #received = 0;
  #answered = false;
  #isClosed = false;
  #stopAnswer: (() => void) | undefined;
  #stopStream: () => void = () => {};

  constructor(stream: Stream, deps: HttpDeps) {
    this.#stream = stream;
    this.#deps = deps;
    const { method, path } = stream.head;
    this.#chunks = deps.responder.wantsBody(method, path) ? [] : undefined;
    if (this.#chunks === undefined) this.#answer();
  }

  onData(bytes: Buffer): void {
    this.#received += bytes.length;
    this.#chunks?.push(bytes);
    if (this.#received >= this.#deps.responder.tooManyBodyBytes) this.#answer();
  }

  onEnd(): void {
    this.#answer();
  }

  abort(why: "late" | "closing"): void {
    if (why === "closing") this.#stream.reset("CANCEL");
    else if (!this.#answered) this.#send({ status: 408, headers: {}, body: "" });
  }

  onClose(): void {
    this.#answered = true;
    this.#isClosed = true;
    this.#stopAnswer?.();
    this.#stopStream();
  }

  #answer(): void {
    if (this.#answered) return;
    this.#answered = true;
    const {
      method,
      path: target,
      accept,
      contentType,
      authorization,
      consulToken,
      host,
      lastEventId,
    } = this.#stream.head;
    const body = this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks);
    const { connection } = this.#stream;
    const fields = { accept, contentType, authorization, consulToken, host, lastEventId };
    const request = { method, target, ...fields, body, connection };
    // many requests may wait for one page: each connection sends its answers in its own turns
    let send = (answer: HttpAnswer) => this.#send(answer);
    this.#stopAnswer = this.#deps.responder.answer(request, (answer) => send(answer));
    if (this.#isClosed) this.#stopAnswer?.();
    send = (answer) => this.#stream.queue(() => this.#send(answer));
  }

  #send({ status, headers, body }: HttpAnswer): void {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const length = "start" in bytes ? undefined : bytes.byteLength;
    const fields: [string, string][] = [
      [":status", String(status)],
      ...Object.entries(headers),
      ...(length === undefined ? [] : [["content-length", String(length)] satisfies [string, string]]),
      ["date", new Date(this.#deps.clock.wallTime()).toUTCString()],
    ];
    const hasBody = this.#stream.head.method !== "HEAD" && length !== 0;
    this.#stream.sendHead(encodeHeaders(fields), { end: !hasBody });
    if (!hasBody) return;
    if ("start" in bytes) this.#sendStream(bytes);
    else this.#stream.sendBody(Buffer.isBuffer(bytes) ? bytes : bytes.open(() => this.#stream.reset("CANCEL")));
  }

  #sendStream(body: StreamedBody): void {
    const stream = this.#stream;
    this.#stopStream = body.start({
      write: (bytes, onSent) => stream.sendData(bytes, { onSent: () => stream.queue(onSent) }),
      end: (bytes) => stream.sendBody(bytes),
      abort: () => stream.reset("CANCEL"),
    });
    if (this.#isClosed) this.#stopStream();
  }
}
