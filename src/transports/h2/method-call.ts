/**
 * A call of a method with one request message, for a service that answers with any number of messages.
 *
 *     DATA --> message, within its limits --> end of the request --> method --> send, send, ... end
 *
 * Error texts may differ from call to call, so they are not cached as those of the health service are.
 */
import type { CancelTimer } from "../../core/clock.js";
import { MAX_TIMER_MS } from "../../core/option.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { encodeGrpcMessage } from "../../wire/grpc-headers.js";
import type { GrpcMethod, StreamCall } from "../grpc/engine.js";
import { frameMessage, MessageReader } from "../grpc/message-reader.js";
import { OK_HEAD, trailersOf } from "./grpc-frames.js";
import type { Call, Stream } from "./stream.js";

export class MethodCall implements Call, StreamCall {
  readonly #stream: Stream;
  readonly #method: GrpcMethod;
  readonly #message: MessageReader;
  #headSent = false;
  #onClose: () => void = () => {};
  #cancelDeadline: CancelTimer | undefined;

  constructor(stream: Stream, timeoutMs: number, method: GrpcMethod) {
    this.#stream = stream;
    this.#method = method;
    this.#message = new MessageReader(stream.head.grpcEncoding, false);
    if (timeoutMs <= MAX_TIMER_MS)
      this.#cancelDeadline = stream.setTimer(timeoutMs, () => this.end("DEADLINE_EXCEEDED", "deadline exceeded"));
  }

  onData(bytes: Buffer): void {
    const refusal = this.#message.read(bytes);
    if (refusal !== undefined) this.end(refusal.code, refusal.text);
  }

  onEnd(): void {
    const message = this.#message.end();
    if ("code" in message) this.end(message.code, message.text);
    else this.#onClose = this.#method(message, this);
  }

  abort(why: "late" | "closing"): void {
    if (why === "late") this.end("DEADLINE_EXCEEDED", "request took too long to arrive");
    else this.end("UNAVAILABLE", "connection is closing");
  }

  onClose(): void {
    this.#cancelDeadline?.();
    this.#onClose();
  }

  send(message: Buffer, onSent: () => void): void {
    this.#sendHead();
    this.#stream.sendData(frameMessage(message), { onSent });
  }

  end(code: GrpcCode, text: string): void {
    this.#sendHead();
    this.#stream.sendTrailers(trailersOf(code, encodeGrpcMessage(text)));
  }

  #sendHead(): void {
    if (!this.#headSent) this.#stream.sendHead(OK_HEAD, { end: false });
    this.#headSent = true;
  }
}
