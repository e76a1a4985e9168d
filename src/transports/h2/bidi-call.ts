/**
 * One stream with many request messages, of server reflection or of another service.
 *
 *     DATA --> message --> GrpcStream --> handled --> window given back --> next message
 *
 * The client may send ahead as much as the stream's window allows. A message that is longer than the window gets more
 * while it arrives.
 */
import type { GrpcStream, GrpcStreamMethod } from "../grpc/engine.js";
import { frameMessage, MessageReader, type Refusal } from "../grpc/message-reader.js";
import { GrpcAnswer, type GrpcDeps } from "./grpc-call.js";
import type { Call, Stream } from "./stream.js";

export interface BidiCallDeps extends GrpcDeps {
  readonly method: GrpcStreamMethod;
}

export class BidiCall implements Call {
  readonly #stream: Stream;
  readonly #answer: GrpcAnswer;
  readonly #messages: MessageReader;
  readonly #service: GrpcStream;
  /** Bytes of the request that are not given back to the client's window. */
  #unacknowledged = 0;
  #isAnswering = false;
  #halfClosed = false;
  #ended = false;

  constructor(stream: Stream, timeoutMs: number, { frames, method }: BidiCallDeps) {
    this.#stream = stream;
    this.#answer = new GrpcAnswer(stream, frames, frameMessage);
    this.#messages = new MessageReader(stream.head.grpcEncoding, true, method.maxRequestBytes);
    stream.leaveOpen();
    this.#answer.startDeadline(timeoutMs);
    this.#service = method.open(this.#answer, stream.head);
  }

  onData(bytes: Buffer): void {
    if (this.#ended) return;
    this.#unacknowledged += bytes.length;
    const refusal = this.#messages.read(bytes);
    if (refusal !== undefined && !this.#isAnswering) this.#end(refusal);
    else this.#handleNext();
  }

  onEnd(): void {
    this.#halfClosed = true;
    this.#handleNext();
  }

  abort(): void {
    this.#end({ code: "UNAVAILABLE", text: "connection is closing" });
  }

  onClose(): void {
    this.#ended = true;
    this.#answer.close();
    this.#service.close();
  }

  /** Answers the complete messages, one after the other. */
  #handleNext(): void {
    while (!this.#isAnswering && !this.#ended) {
      const message = this.#messages.take();
      if (message === undefined) this.#awaitMore();
      else if ("code" in message) this.#end(message);
      else this.#handle(message);
      if (message === undefined) return;
    }
  }

  #handle(message: Buffer): void {
    this.#isAnswering = true;
    // a write of the client may hold thousands of messages: each further one has a turn of its own
    this.#service.receive(message, () => this.#stream.queue(() => this.#onHandled()));
  }

  #onHandled(): void {
    this.#isAnswering = false;
    this.#handleNext();
  }

  /** Every complete message is answered: the client may send as much again. */
  #awaitMore(): void {
    if (!this.#halfClosed) {
      this.#stream.acknowledge(this.#unacknowledged);
      this.#unacknowledged = 0;
    } else if (this.#messages.isEmpty) this.#service.halfClose();
    else this.#end({ code: "INTERNAL", text: "no request message" });
  }

  #end({ code, text }: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#service.close();
    this.#answer.end(code, text);
  }
}
