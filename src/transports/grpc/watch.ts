/**
 * One Watch stream, for any engine.
 *
 *     registry.set(name, S) --> watchers(name) --> latest.put(S) --> [ slot: S ] --> fan-out --> flush:
 *                                                  overwrites an                       S = latest.take()
 *                                                  unread value                        S == lastSent? nothing to say
 *                                                                                      call.send(S), one at a time
 *     end  =  the call is gone | the server ends it  --> unwatch
 *
 * A message is handed to the engine only when the one before has left, so a reader that stands still costs one slot:
 * it later gets the message that was in run and the newest, however many came between.
 *
 * Subscribing and reading the present status are one synchronous step of the registry: no change is lost or doubled.
 */
import { Latest } from "../../core/latest.js";
import type { WatchStatus } from "../../core/serving-status.js";
import type { StatusReader } from "../../registry/ports.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { healthCheckResponse } from "../../wire/health-messages.js";
import type { FanOut, Flushable } from "./fan-out.js";

/** One server-streaming call, as an engine offers it. */
export interface WatchCall {
  /** Sends a message; `onSent` is called when the engine has room for another, never before `send` has returned. */
  send(message: Buffer, onSent: () => void): void;
  /** Ends the call after what was sent before. */
  end(code: GrpcCode, text: string): void;
}

export class WatchStream implements Flushable {
  readonly #call: WatchCall;
  readonly #latest: Latest<WatchStatus>;
  readonly #unwatch: () => void;
  #lastSent: WatchStatus | undefined;
  #sending = false;
  #closed = false;

  /** Subscribes; the present status is sent in one of the next turns of the event loop. */
  constructor(reader: StatusReader, service: string, fanOut: FanOut, call: WatchCall) {
    this.#call = call;
    this.#latest = new Latest(() => fanOut.add(this));
    this.#unwatch = reader.watch(service, this.#latest);
  }

  /** Sends the newest status, unless the reader has it already or is still busy with the one before. */
  flush(): void {
    if (this.#closed || this.#sending) return;
    const status = this.#latest.take();
    if (status === undefined || status === this.#lastSent) return;
    this.#lastSent = status;
    this.#sending = true;
    this.#call.send(healthCheckResponse(status), this.#onSent);
  }

  /** The server ends the stream: the newest status first, then the code. */
  end(code: GrpcCode, text: string): void {
    if (this.#closed) return;
    this.#sending = false;
    this.flush();
    this.close();
    this.#call.end(code, text);
  }

  /** The call is gone, for whatever reason. Leaves nothing behind; calling it again does nothing. */
  close(): void {
    this.#closed = true;
    this.#unwatch();
  }

  readonly #onSent = (): void => {
    this.#sending = false;
    this.flush();
  };
}
