/**
 * One call of `grpc.health.v1.Health`, or of a method that answers by its code (grpc/grpc doc/PROTOCOL-HTTP2.md).
 *
 *     head --refused? (method, path, deadline)--> an error at once
 *       '--> message, within its limits --> end of the request --> HealthService --> answer | Watch stream
 */
import type { CancelTimer, Clock } from "../../core/clock.js";
import { MAX_TIMER_MS } from "../../core/option.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { parseGrpcTimeout } from "../../wire/grpc-timeout.js";
import type { UnaryAnswer } from "../grpc/answers.js";
import type { HealthService } from "../grpc/health-service.js";
import type { WatchCall } from "../grpc/watch.js";
import { errorTrailers, framed, type GrpcAnswerBytes, OK_HEAD, OK_TRAILERS } from "./grpc-answer-bytes.js";
import { MessageReader, type Refusal } from "./message-reader.js";
import type { Exchange, Stream } from "./stream.js";

/** What a call asks. */
export type GrpcMethod = "Check" | "List" | "Watch" | "status-code";

/** What calls are answered with. */
export interface GrpcDeps {
  readonly clock: Clock;
  readonly service: HealthService;
  readonly answers: GrpcAnswerBytes;
}

/** A request that is refused has its answer; what still comes is nobody's. */
export const DONE: Exchange = { onData: () => {}, onEnd: () => {}, giveUp: () => {}, onClose: () => {} };

/** Takes a call of a known method, or answers that it is refused. */
export function openGrpcCall(stream: Stream, method: GrpcMethod, deps: GrpcDeps): Exchange {
  const { grpcTimeout } = stream.head;
  const timeoutMs = grpcTimeout === undefined ? Number.POSITIVE_INFINITY : parseGrpcTimeout(grpcTimeout);
  if (timeoutMs === undefined) return refuseCall(stream, deps, { code: "INTERNAL", text: "invalid grpc-timeout" });
  if (timeoutMs === 0) return refuseCall(stream, deps, { code: "DEADLINE_EXCEEDED", text: "deadline exceeded" });
  return new GrpcExchange(stream, method, timeoutMs, deps);
}

/** Answers a call with an error. */
export function refuseCall(stream: Stream, { answers }: Pick<GrpcDeps, "answers">, refusal: Refusal): Exchange {
  stream.sendHead(answers.refusal(refusal), { end: true });
  return DONE;
}

class GrpcExchange implements Exchange, WatchCall {
  readonly #stream: Stream;
  readonly #method: GrpcMethod;
  readonly #timeoutMs: number;
  readonly #deps: GrpcDeps;
  /** Until the request is whole. */
  #message: MessageReader | undefined;
  #headSent = false;
  #closeWatch: (() => void) | undefined;
  #cancelDeadline: CancelTimer | undefined;

  constructor(stream: Stream, method: GrpcMethod, timeoutMs: number, deps: GrpcDeps) {
    this.#stream = stream;
    this.#method = method;
    this.#timeoutMs = timeoutMs;
    this.#deps = deps;
    this.#message = new MessageReader(stream.head.grpcEncoding);
  }

  onData(bytes: Buffer): void {
    const refusal = this.#message?.read(bytes);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onEnd(): void {
    const message = this.#message?.end();
    this.#message = undefined; // a Watch lives on for days, and needs nothing of what was read
    if (message === undefined) return;
    if ("code" in message) this.#refuse(message);
    else if (this.#method === "Watch") this.#watch(message);
    else this.#answer(this.#unaryAnswer(message, this.#method));
  }

  giveUp(why: "late" | "closing"): void {
    if (why === "late") this.#refuse({ code: "DEADLINE_EXCEEDED", text: "request took too long to arrive" });
    else this.end("UNAVAILABLE", "connection is closing");
  }

  onClose(): void {
    this.#cancelDeadline?.();
    this.#closeWatch?.();
  }

  /** Sends a message of the Watch. */
  send(message: Buffer, onSent: () => void): void {
    if (!this.#headSent) this.#stream.sendHead(OK_HEAD, { end: false });
    this.#headSent = true;
    this.#stream.sendData(this.#deps.answers.framed(message), { onSent });
  }

  /** Ends the Watch. */
  end(code: GrpcCode, text: string): void {
    if (this.#headSent) this.#stream.sendTrailers(errorTrailers(code, text));
    else this.#refuse({ code, text });
  }

  #unaryAnswer(message: Buffer, method: Exclude<GrpcMethod, "Watch">): UnaryAnswer {
    const { service } = this.#deps;
    switch (method) {
      case "Check":
        return service.check(message);
      case "List":
        return service.list(message, this.#stream.head.authorization);
      case "status-code":
        return service.byCode();
    }
  }

  #answer(answer: UnaryAnswer): void {
    if ("code" in answer) this.#refuse(answer);
    else if (this.#method === "List") this.#answerAtLength(answer.message);
    else this.#stream.answer(this.#deps.answers.check(answer.message, answer.degraded));
  }

  /** Sends a message that may be longer than a frame, and than the windows. */
  #answerAtLength(message: Buffer): void {
    this.#stream.sendHead(OK_HEAD, { end: false });
    this.#stream.sendData(framed(message));
    this.#stream.sendTrailers(OK_TRAILERS);
  }

  #watch(message: Buffer): void {
    const { clock, service } = this.#deps;
    // a deadline beyond what a timer can count is none: grpc-js ends such a Watch at once (known fault 0.5)
    if (this.#timeoutMs <= MAX_TIMER_MS) this.#cancelDeadline = clock.setTimer(this.#timeoutMs, () => this.#timeUp());
    this.#closeWatch = service.watch(message, this);
  }

  /** The deadline is over. A reader who stands still would not read so either, and must not keep its Watch by that. */
  #timeUp(): void {
    if (this.#stream.isStuck) this.#stream.reset("CANCEL");
    else this.end("DEADLINE_EXCEEDED", "deadline exceeded");
  }

  /** Answers with an error; a Watch never with UNIMPLEMENTED, which clients take for healthy and ask no more (gRFC A17). */
  #refuse(refusal: Refusal): void {
    const isMisleading = this.#method === "Watch" && refusal.code === "UNIMPLEMENTED";
    refuseCall(this.#stream, this.#deps, isMisleading ? { ...refusal, code: "INTERNAL" } : refusal);
  }
}
