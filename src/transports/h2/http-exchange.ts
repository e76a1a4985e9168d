/**
 * One request that is plain HTTP: `curl --http2-prior-knowledge`, Envoy's and HAProxy's checks over HTTP/2.
 *
 * Where the body matters it is answered when it is whole, or longer than any that is wanted; else at once.
 */
import type { Clock } from "../../core/clock.js";
import type { SharedBytes } from "../../core/shared-bytes.js";
import type { HttpAnswer, HttpResponder } from "../../wire/http-message.js";
import { encodeHeaders } from "../../wire/http2/hpack-encoder.js";
import type { Exchange, Stream } from "./stream.js";

/** What requests are answered with. */
export interface HttpDeps {
  readonly clock: Clock;
  readonly responder: HttpResponder;
}

export class HttpExchange implements Exchange {
  readonly #stream: Stream;
  readonly #deps: HttpDeps;
  readonly #chunks: Buffer[] | undefined;
  #received = 0;
  #answered = false;

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
    this.#deps.responder.answer(request, (answer) => this.#send(answer));
  }

  #send({ status, headers, body }: HttpAnswer): void {
    const bytes = typeof body === "string" ? Buffer.from(body) : readAll(body);
    const fields: [string, string][] = [
      [":status", String(status)],
      ...Object.entries(headers),
      ["content-length", String(bytes.length)],
      ["date", new Date(this.#deps.clock.wallTime()).toUTCString()],
    ];
    const isBare = this.#stream.head.method === "HEAD" || bytes.length === 0;
    this.#stream.sendHead(encodeHeaders(fields), { end: isBare });
    if (!isBare) this.#stream.sendData(bytes, { end: true });
  }
}

function readAll(bytes: SharedBytes): Buffer {
  const reader = bytes.open(() => {});
  const chunks: Buffer[] = [];
  while (reader.bytesLeft > 0) chunks.push(reader.read(bytes.byteLength));
  reader.close();
  return Buffer.concat(chunks);
}
