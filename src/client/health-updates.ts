/**
 * A Watch as an async iterator, which connects again by itself (gRFC A17).
 *
 *     next() --> Watch --status--> [ the newest update ] --> next()
 *                  ^      end          ^
 *                  |       '--> TRANSIENT_FAILURE
 *                  '---- back-off -----'        UNIMPLEMENTED: next() rejects
 *
 * A slow consumer gets the newest update, and never one that a later update has replaced. A status is not given twice in
 * a row.
 */
import { keepAlive } from "../core/background.js";
import type { CancelTimer, Clock, Random } from "../core/clock.js";
import { Latest } from "../core/latest.js";
import type { WatchStatus } from "../core/serving-status.js";
import { BrokenCall } from "./broken-call.js";
import type { CallStatus } from "./grpc-call.js";
import { callErrorOf, type HealthCallError } from "./health-call-error.js";
import type { ReportedStatus } from "./health-stub.js";
import { WatchRetry } from "./watch-retry.js";

/** What a Watch has to say: a status of the service, or that its status is not known now. */
export type HealthUpdate =
  | { readonly status: WatchStatus }
  | {
      /** There is no Watch at the moment: the status that came before may be wrong. */
      readonly status: "TRANSIENT_FAILURE";
      readonly error: HealthCallError;
      /** Milliseconds until the next attempt. */
      readonly retryInMs: number;
    };

/** The updates of a Watch. `break` ends it, and so does `return()`. */
export interface HealthUpdateIterator extends AsyncIterableIterator<HealthUpdate> {
  return(): Promise<IteratorResult<HealthUpdate, undefined>>;
}

export interface HealthUpdatesDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** How errors name the call. */
  readonly call: string;
  /** Runs one Watch. Resolves or rejects when it has ended. */
  readonly run: (signal: AbortSignal, onStatus: (status: ReportedStatus) => void) => Promise<CallStatus>;
  /** Called once, when the Watch is over for good. */
  readonly onClose: () => void;
}

/** A consumer that waits for an update. */
interface WaitingConsumer {
  readonly resolve: (result: IteratorResult<HealthUpdate, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class HealthUpdates implements HealthUpdateIterator {
  readonly #deps: HealthUpdatesDeps;
  readonly #retry: WatchRetry;
  readonly #latest = new Latest<HealthUpdate>(() => this.#deliver());
  readonly #waiting: WaitingConsumer[] = [];
  readonly #abort = new AbortController();
  #lastStatus: HealthUpdate["status"] | undefined;
  #hasStarted = false;
  #cancelTimer: CancelTimer = () => {};
  /** Set when it is over: the error that the next consumer gets, if there is one. */
  #end: { error?: unknown } | undefined;

  constructor(deps: HealthUpdatesDeps) {
    this.#deps = deps;
    this.#retry = new WatchRetry(deps.clock, deps.random);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next update. The first call starts the Watch. */
  next(): Promise<IteratorResult<HealthUpdate, undefined>> {
    const update = new Promise<IteratorResult<HealthUpdate, undefined>>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
    if (!this.#hasStarted && this.#end === undefined) {
      this.#hasStarted = true;
      this.#run();
    }
    this.#deliver();
    return keepAlive(update);
  }

  /** Ends the Watch: called by `break` in a `for await` loop. */
  async return(): Promise<IteratorResult<HealthUpdate, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  /** Ends the Watch: consumers get the end of the iteration. */
  close(): void {
    this.#finish({});
  }

  /** Ends the Watch: one consumer gets the error, and the others the end of the iteration. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #run(): void {
    let hadMessage = false;
    const onStatus = (status: ReportedStatus) => {
      if (status === "unreadable") throw new BrokenCall("protocol", "the message is not a HealthCheckResponse");
      hadMessage = true;
      this.#latest.put({ status });
    };
    this.#deps.run(this.#abort.signal, onStatus).then(
      (end) => this.#onEnd(end, hadMessage),
      (error: Error) => this.#onEnd(error, hadMessage),
    );
  }

  #onEnd(end: CallStatus | Error, hadMessage: boolean): void {
    if (this.#end !== undefined) return;
    const error = callErrorOf(this.#deps.call, end);
    if (error.grpcCode === "UNIMPLEMENTED") {
      this.fail(error);
      return;
    }
    const retryInMs = Math.round(this.#retry.delayMs(hadMessage));
    this.#cancelTimer = this.#deps.clock.setTimer(retryInMs, () => this.#run());
    this.#latest.put({ status: "TRANSIENT_FAILURE", error, retryInMs });
  }

  /** Gives the newest update to the consumer that has waited longest. */
  #deliver(): void {
    while (this.#waiting.length > 0) {
      const update = this.#latest.take();
      if (update === undefined && this.#end === undefined) return;
      if (update !== undefined && update.status === this.#lastStatus && update.status !== "TRANSIENT_FAILURE") continue;
      const consumer = this.#waiting.shift();
      if (update !== undefined) {
        this.#lastStatus = update.status;
        consumer?.resolve({ done: false, value: update });
      } else if (this.#end !== undefined && "error" in this.#end) {
        const { error } = this.#end;
        this.#end = {};
        consumer?.reject(error);
      } else consumer?.resolve({ done: true, value: undefined });
    }
  }

  #finish(end: { error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#latest.take(); // what came before the end is not current any more
    this.#cancelTimer();
    this.#abort.abort();
    this.#deps.onClose();
    this.#deliver();
  }
}
