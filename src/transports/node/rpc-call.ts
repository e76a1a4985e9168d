/**
 * One call of the health service on a server of Node, in any format.
 *
 *     headers --> deadline --> body, within its limits --> end of the request --> HealthService --> answer | Watch
 *         '---------'-----------------'--- refused, with the texts of all engines
 */
import { publish } from "../../core/channels.js";
import type { CancelTimer, Clock } from "../../core/clock.js";
import { DEFAULT_REQUEST_TIMEOUT_MS, MAX_TIMER_MS } from "../../core/option.js";
import type { SharedBytes, SharedBytesPool } from "../../core/shared-bytes.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { DEGRADED_KEY, type UnaryAnswer } from "../grpc/answers.js";
import type { StreamCall } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { KNOWN_ENCODINGS, type Refusal } from "../grpc/message-reader.js";
import { openTakenWatch } from "../grpc/taken-watch.js";
import type { Headers } from "../http/answers.js";
import { sendBytes, UNREAD_ANSWER, type UnreadAnswers } from "../http/sending.js";
import type { BodyReader } from "./bodies.js";
import type { RpcMethod } from "./codec.js";
import type { BodyReceiver, NodeExchange } from "./exchange.js";
import type { Format } from "./formats.js";

export interface RpcDeps {
  readonly service: HealthService;
  readonly clock: Clock;
  readonly instance: string;
  readonly unread: UnreadAnswers;
  readonly answers: ReadyAnswers;
  /** Whether connections shall end with their answer. */
  isDraining(): boolean;
}

/** The bodies of answers that succeed, each made once: a List of many services is read by many clients. */
export class ReadyAnswers {
  readonly #pool: SharedBytesPool;
  readonly #formats = new Map<Format, WeakMap<Buffer, SharedBytes>>();

  /** @param pool holds the long answers that clients are reading */
  constructor(pool: SharedBytesPool) {
    this.#pool = pool;
  }

  /** The body of an answer with one message, which is the same object as long as its content is. */
  of(format: Format, method: RpcMethod, message: Buffer): SharedBytes {
    const known = this.#formats.get(format) ?? new WeakMap<Buffer, SharedBytes>();
    this.#formats.set(format, known);
    const parts = () => [format.message(format.codec.encode(method, message)), format.ending("OK", "").bytes];
    const bytes = known.get(message) ?? this.#pool.share(parts());
    known.set(message, bytes);
    return bytes;
  }
}

const NO_BYTES = Buffer.alloc(0);

export class RpcCall implements StreamCall, BodyReceiver {
  readonly #exchange: NodeExchange;
  readonly #method: RpcMethod;
  readonly #format: Format;
  readonly #deps: RpcDeps;
  /** Until the request is complete. */
  #body: BodyReader | undefined;
  #cancelArrival: CancelTimer = () => {};
  #cancelDeadline: CancelTimer = () => {};
  #closeWatch = () => {};
  #headSent = false;
  #ended = false;

  constructor(exchange: NodeExchange, method: RpcMethod, { format, ...deps }: RpcDeps & { readonly format: Format }) {
    this.#exchange = exchange;
    this.#method = method;
    this.#format = format;
    this.#deps = deps;
  }

  /** Reads the request, and answers it. */
  start(): void {
    if (this.#exchange.isClosed) return;
    this.#exchange.onClose(() => this.#close());
    const timeoutMs = this.#format.timeoutOf(this.#exchange.headers);
    if (typeof timeoutMs !== "number") this.#refuse(timeoutMs);
    else if (timeoutMs === 0) this.end("DEADLINE_EXCEEDED", "deadline exceeded");
    else this.#read(timeoutMs);
  }

  onBody(bytes: Buffer): void {
    const refusal = this.#body?.read(bytes);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onEnd(): void {
    this.#cancelArrival();
    const body = this.#body?.end();
    this.#body = undefined; // a Watch may live for days, and needs nothing of its request
    if (body === undefined) return;
    const request = "code" in body ? body : this.#format.codec.decode(this.#method, body);
    if ("code" in request) this.#refuse(request);
    else if ("fault" in request) this.end("INVALID_ARGUMENT", request.fault);
    else if (this.#method === "Watch") this.#closeWatch = openTakenWatch(this, request, this.#deps);
    else if (this.#method === "List") this.#answer(this.#deps.service.list(request, this.#authorization));
    else this.#answer(this.#deps.service.check(request));
  }

  onLost(): void {
    this.end("INTERNAL", "the body of the request was read before it got here");
  }

  send(message: Buffer, onSent: () => void): void {
    this.#sendHead("OK");
    this.#exchange.write(this.#format.message(this.#format.codec.encode(this.#method, message)), onSent);
  }

  end(code: GrpcCode, text: string): void {
    if (this.#ended) return;
    this.#body = undefined;
    this.#sendHead(code);
    const { bytes, trailers } = this.#format.ending(code, text);
    this.#ended = true;
    this.#exchange.trailers(trailers);
    this.#exchange.end(bytes);
  }

  get #authorization(): string | undefined {
    return this.#exchange.headers.authorization;
  }

  #read(timeoutMs: number): void {
    const { clock } = this.#deps;
    const onLate = () => this.end("DEADLINE_EXCEEDED", "request took too long to arrive");
    this.#cancelArrival = clock.setTimer(DEFAULT_REQUEST_TIMEOUT_MS, onLate);
    // a deadline beyond the longest timer never comes (docs/known-faults.md 0.5)
    if (timeoutMs <= MAX_TIMER_MS) this.#cancelDeadline = clock.setTimer(timeoutMs, () => this.#onDeadline());
    this.#body = this.#format.openBody(this.#exchange.headers);
    this.#exchange.read(this);
  }

  #answer(answer: UnaryAnswer): void {
    if ("code" in answer) {
      this.end(answer.code, answer.text);
      return;
    }
    const { clock, answers, unread } = this.#deps;
    this.#sendHead("OK", answer.degraded ? { [DEGRADED_KEY]: "true" } : {});
    const body = answers.of(this.#format, this.#method, answer.message);
    this.#ended = true;
    this.#exchange.trailers(this.#format.ending("OK", "").trailers);
    if (body.byteLength === 0) this.#exchange.end(NO_BYTES);
    if (body.byteLength === 0 || this.#exchange.isClosed) return;
    const progress = sendBytes(this.#exchange.output, body, { clock, abort: () => this.#exchange.reset() });
    this.#exchange.onClose(unread.watch({ progress, end: () => this.#endUnread() }));
  }

  /** A Watch is never refused with UNIMPLEMENTED: clients would take the server for healthy and stop (gRFC A17). */
  #refuse({ code, text, tellsEncodings = false }: Refusal): void {
    const isMisleading = this.#method === "Watch" && code === "UNIMPLEMENTED";
    const sentCode = isMisleading ? "INTERNAL" : code;
    this.#sendHead(sentCode, tellsEncodings ? { [this.#format.encodingsHeader]: KNOWN_ENCODINGS } : {});
    this.end(sentCode, text);
  }

  #sendHead(code: GrpcCode, more: Headers = {}): void {
    if (this.#headSent) return;
    this.#headSent = true;
    const { status, fields } = this.#format.head(code);
    this.#exchange.head(status, { ...fields, ...more }, this.#deps.isDraining());
  }

  /** A client that does not read would not read the end either, and must not keep its call by that. */
  #onDeadline(): void {
    if (this.#exchange.isWaiting) this.#exchange.reset();
    else this.end("DEADLINE_EXCEEDED", "deadline exceeded");
  }

  #endUnread(): void {
    const { instance } = this.#deps;
    const { remoteAddress: address } = this.#exchange;
    if (!this.#exchange.isHttp2) publish("connection-ended", { instance, address, rule: UNREAD_ANSWER });
    this.#exchange.reset();
  }

  #close(): void {
    this.#ended = true;
    this.#body = undefined; // Node may report the end of a request after that of its stream
    this.#cancelArrival();
    this.#cancelDeadline();
    this.#closeWatch();
  }
}
