/**
 * One Watch stream, for any engine.
 *
 *     registry.set(name, S) --> watchers(name) --> latest.put(S) --> [ slot: S ] --> flush: S == lastSent ? skip : send
 *                                                  overwrites an
 *                                                  unread value
 *     Order that must not change: subscribe first, then read the current status into the slot, in one synchronous step.
 *
 * The engine gets the next message only when it has room for it. A client that does not read costs one slot: it later
 * gets the message that was already sent and the newest status, however many statuses came between.
 *
 * A stream whose engine throws is ended. A Watch that stays open without messages would mean to its client that nothing
 * changed.
 */
import { publish } from "../../core/channels.js";
import { Latest } from "../../core/latest.js";
import type { WatchStatus } from "../../core/serving-status.js";
import type { StatusReader } from "../../registry/ports.js";
import type { GrpcCode } from "../../wire/grpc-code.js";
import { healthCheckResponse } from "../../wire/health-messages.js";
import type { StreamCall } from "./engine.js";
import type { FanOut, Flushable } from "./fan-out.js";

export class WatchStream implements Flushable {
  readonly #instance: string;
  readonly #call: StreamCall;
  readonly #latest: Latest<WatchStatus>;
  readonly #unwatch: () => void;
  #lastSent: WatchStatus | undefined;
  #sending = false;
  #closed = false;

  /** Subscribes. The current status is sent in one of the next turns of the event loop. */
  constructor(reader: StatusReader, service: string, fanOut: FanOut, call: StreamCall) {
    this.#instance = reader.instance;
    this.#call = call;
    this.#latest = new Latest(() => fanOut.add(this));
    this.#unwatch = reader.watch(service, this.#latest);
  }

  /** Sends the newest status, unless the client has it already or the engine has no room for it. */
  flush(): void {
    if (this.#closed || this.#sending) return;
    const status = this.#latest.take();
    if (status === undefined || status === this.#lastSent) return;
    this.#lastSent = status;
    this.#sending = true;
    try {
      this.#call.send(healthCheckResponse(status), this.#onSent);
    } catch (error) {
      this.#publishFault(error);
      this.#end("INTERNAL", "internal error");
    }
  }

  /** Ends the stream from the server's side: the newest status first, then the code. */
  end(code: GrpcCode, text: string): void {
    if (this.#closed) return;
    this.#sending = false;
    this.flush();
    this.#end(code, text);
  }

  /** Unsubscribes, after the call has ended. Calling it again does nothing. */
  close(): void {
    this.#closed = true;
    this.#unwatch();
  }

  #end(code: GrpcCode, text: string): void {
    if (this.#closed) return;
    this.close();
    try {
      this.#call.end(code, text);
    } catch (error) {
      this.#publishFault(error);
    }
  }

  #publishFault(error: unknown): void {
    publish("fault", { instance: this.#instance, where: "watch stream", error });
  }

  readonly #onSent = (): void => {
    this.#sending = false;
    this.flush();
  };
}
