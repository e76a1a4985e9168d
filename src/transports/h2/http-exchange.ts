/**
 * One request that is plain HTTP: `curl --http2-prior-knowledge`, Envoy's and HAProxy's checks over HTTP/2.
 *
 * Where the body matters it is answered when it is whole, or longer than any that is wanted; else at once.
 */
import type { Clock } from "../../core/clock.js";
import type { HttpAnswer, HttpResponder } from "../../wire/http-message.js";
import { encodeHeaders } from "./hpack-encoder.js";
import type { Exchange, Stream } from "./stream.js";

/** What requests are answered with. */
export interface HttpMeans {
  readonly clock: Clock;
  readonly responder: HttpResponder;
}

export class HttpExchange implements Exchange {
  readonly #stream: Stream;
  readonly #means: HttpMeans;
  readonly #chunks: Buffer[] | undefined;
  #received = 0;
  #answered = false;

  constructor(stream: Stream, means: HttpMeans) {
    this.#stream = stream;
    this.#means = means;
    const { method, path } = stream.head;
    this.#chunks = means.responder.wantsBody(method, path) ? [] : undefined;
    if (this.#chunks === undefined) this.#answer();
  }

  onData(bytes: Buffer): void {
    this.#received += bytes.length;
    this.#chunks?.push(bytes);
    if (this.#received >= this.#means.responder.tooManyBodyBytes) this.#answer();
  }

  onEnd(): void {
    this.#answer();
  }

  giveUp(why: "late" | "closing"): void {
    if (why === "closing") this.#stream.reset("CANCEL");
    else if (!this.#answered) this.#send({ status: 408, headers: {}, body: "" });
  }

  onClose(): void {
    this.#answered = true;
  }

  #answer(): void {
    if (this.#answered) return;
    this.#answered = true;
    const { method, path: target, accept, contentType, authorization } = this.#stream.head;
    const body = this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks);
    const request = { method, target, accept, contentType, authorization, body };
    this.#means.responder.answer(request, (answer) => this.#send(answer));
  }

  #send({ status, headers, body }: HttpAnswer): void {
    const bytes = Buffer.from(body);
    const fields: [string, string][] = [
      [":status", String(status)],
      ...Object.entries(headers),
      ["content-length", String(bytes.length)],
      ["date", new Date(this.#means.clock.wallTime()).toUTCString()],
    ];
    const isBare = this.#stream.head.method === "HEAD" || bytes.length === 0;
    this.#stream.sendHead(encodeHeaders(fields), { end: isBare });
    if (!isBare) this.#stream.sendData(bytes, { end: true });
  }
}
