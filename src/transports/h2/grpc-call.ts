/**
 * One gRPC call over a stream (grpc/grpc doc/PROTOCOL-HTTP2.md).
 *
 *     head --(method, path, deadline)--> refused at once
 *       '--> message, within its limits --> end of the request --> HealthService --> answer | Watch stream
 */
import type { CancelTimer } from "../../core/clock.js";
import { MAX_TIMER_MS } from "../../core/option.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { parseGrpcTimeout } from "../../wire/grpc-headers.js";
import type { UnaryAnswer } from "../grpc/answers.js";
import type { StreamCall } from "../grpc/engine.js";
import type { HealthService } from "../grpc/health-service.js";
import { MessageReader, type Refusal } from "../grpc/message-reader.js";
import { type GrpcFrames, OK_HEAD, OK_TRAILERS, trailersOf } from "./grpc-frames.js";
import type { Call, Stream } from "./stream.js";

/** The methods of the health service, and the methods that answer by their status code alone. */
export type HealthMethod = "Check" | "List" | "Watch" | "status-code";

/** What gRPC calls are answered with. */
export interface GrpcDeps {
  readonly frames: GrpcFrames;
}

/** The call of a request that is answered already: the rest of the request is ignored. */
export const ANSWERED: Readonly<Call> = { onData: () => {}, onEnd: () => {}, abort: () => {}, onClose: () => {} };

/** Answers a call with an error and no message. */
export function refuseCall(stream: Stream, frames: GrpcFrames, refusal: Refusal): Call {
  stream.sendHead(frames.refusal(refusal), { end: true });
  return ANSWERED;
}

/** Milliseconds until the deadline of a call: infinite without one. A refusal when it is invalid or over. */
export function deadlineOf({ head: { grpcTimeout } }: Stream): number | Refusal {
  if (grpcTimeout === undefined) return Number.POSITIVE_INFINITY;
  const timeoutMs = parseGrpcTimeout(grpcTimeout);
  if (timeoutMs === undefined) return { code: "INTERNAL", text: "invalid grpc-timeout" };
  return timeoutMs === 0 ? { code: "DEADLINE_EXCEEDED", text: "deadline exceeded" } : timeoutMs;
}

/** The sending side of a streaming call. */
export class GrpcAnswer implements StreamCall {
  readonly #stream: Stream;
  readonly #frames: GrpcFrames;
  readonly #frameOf: (message: Buffer) => Buffer;
  #headSent = false;
  #cancelDeadline: CancelTimer | undefined;

  /** @param frameOf makes DATA of a message */
  constructor(stream: Stream, frames: GrpcFrames, frameOf: (message: Buffer) => Buffer) {
    this.#stream = stream;
    this.#frames = frames;
    this.#frameOf = frameOf;
  }

  /** Ends the call when its deadline is over. */
  startDeadline(timeoutMs: number): void {
    // a deadline beyond the longest timer never comes (docs/known-faults.md 0.5: grpc-js ends such a Watch at once)
    if (timeoutMs <= MAX_TIMER_MS) this.#cancelDeadline = this.#stream.setTimer(timeoutMs, () => this.#onDeadline());
  }

  /** Must be called when the stream is over. */
  close(): void {
    this.#cancelDeadline?.();
  }

  send(message: Buffer, onSent: () => void): void {
    if (!this.#headSent) this.#stream.sendHead(OK_HEAD, { end: false });
    this.#headSent = true;
    this.#stream.sendData(this.#frameOf(message), { onSent });
  }

  end(code: GrpcCode, text: string): void {
    if (!this.#headSent && code !== "OK") refuseCall(this.#stream, this.#frames, { code, text });
    else {
      if (!this.#headSent) this.#stream.sendHead(OK_HEAD, { end: false });
      this.#stream.sendTrailers(trailersOf(code, text));
    }
  }

  /** A client that does not read would not read the trailers either, and must not keep its call by that. */
  #onDeadline(): void {
    if (this.#stream.isWaiting) this.#stream.reset("CANCEL");
    else this.end("DEADLINE_EXCEEDED", "deadline exceeded");
  }
}

/** What calls of the health service are answered with. */
export interface HealthCallDeps extends GrpcDeps {
  readonly service: HealthService;
}

/** A call of the health service. */
export class HealthCall implements Call {
  readonly #stream: Stream;
  readonly #method: HealthMethod;
  readonly #timeoutMs: number;
  readonly #deps: HealthCallDeps;
  /** Until the request is complete. */
  #message: MessageReader | undefined;
  #watchAnswer: GrpcAnswer | undefined;
  #closeWatch: (() => void) | undefined;

  constructor(stream: Stream, method: HealthMethod, timeoutMs: number, deps: HealthCallDeps) {
    this.#stream = stream;
    this.#method = method;
    this.#timeoutMs = timeoutMs;
    this.#deps = deps;
    this.#message = new MessageReader(stream.head.grpcEncoding, false);
  }

  onData(bytes: Buffer): void {
    const refusal = this.#message?.read(bytes);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  onEnd(): void {
    const message = this.#message?.end();
    this.#message = undefined; // a Watch may live for days, and needs nothing of its request
    if (message === undefined) return;
    if ("code" in message) this.#refuse(message);
    else if (this.#method === "Watch") this.#openWatch(message);
    else this.#answer(this.#unaryAnswer(message, this.#method));
  }

  abort(why: "late" | "closing"): void {
    if (why === "late") this.#refuse({ code: "DEADLINE_EXCEEDED", text: "request took too long to arrive" });
    else if (this.#watchAnswer === undefined) this.#refuse({ code: "UNAVAILABLE", text: "connection is closing" });
    else this.#watchAnswer.end("UNAVAILABLE", "connection is closing");
  }

  onClose(): void {
    this.#watchAnswer?.close();
    this.#closeWatch?.();
  }

  #unaryAnswer(message: Buffer, method: Exclude<HealthMethod, "Watch">): UnaryAnswer {
    switch (method) {
      case "Check":
        return this.#deps.service.check(message);
      case "List":
        return this.#deps.service.list(message, this.#stream.head.authorization);
      case "status-code":
        return this.#deps.service.byCode();
      default:
        return method satisfies never;
    }
  }

  #answer(answer: UnaryAnswer): void {
    if ("code" in answer) this.#refuse(answer);
    else if (this.#method === "List") {
      this.#stream.sendHead(OK_HEAD, { end: false });
      const list = this.#deps.frames.list(answer.message);
      this.#stream.sendBody(
        list.open(() => this.#stream.reset("CANCEL")),
        OK_TRAILERS,
      );
    } else this.#stream.answer(this.#deps.frames.check(answer.message, answer.degraded));
  }

  #openWatch(message: Buffer): void {
    const { frames } = this.#deps;
    const answer = new GrpcAnswer(this.#stream, frames, frames.statusMessage);
    this.#stream.mayStall = true;
    answer.startDeadline(this.#timeoutMs);
    this.#watchAnswer = answer;
    this.#closeWatch = this.#deps.service.watch(message, answer);
  }

  /** A Watch is never refused with UNIMPLEMENTED: clients would take the server for healthy and stop (gRFC A17). */
  #refuse(refusal: Refusal): void {
    const isMisleading = this.#method === "Watch" && refusal.code === "UNIMPLEMENTED";
    refuseCall(this.#stream, this.#deps.frames, isMisleading ? { ...refusal, code: "INTERNAL" } : refusal);
  }
}
