/**
 * One Watch on one connection, which notices that the target does not answer any more. A Watch says nothing while nothing
 * changes: the last status of a target that has lost its network, or that hangs, would stay for ever.
 *
 *     start --> first status --> silence for 30 s --> Check on the same connection --> any answer: the target lives
 *       |                                                   |
 *       '--> none in time: the call is cancelled            '--> none in time: the connection is closed
 *
 * A PING of HTTP/2 would be cheaper. But servers of gRPC end a connection on which PINGs come more often than every five
 * minutes (gRFC A8), and a process that hangs may still have them answered.
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import { readHealthCheckResponse } from "../wire/health-messages.js";
import { type CallListener, type CallRequest, type CallStatus, callUnary, hasStatus, startCall } from "./grpc-call.js";
import type { ReportedStatus } from "./health-stub.js";
import type { Http2Connection } from "./http2-connection.js";

/** The times of a Watch. */
export interface WatchTimes {
  readonly clock: Clock;
  /** Milliseconds without a message, after which the target must show that it answers. */
  readonly silenceMs: number;
  /** Milliseconds for the first status, and for that answer. */
  readonly answerMs: number;
}

/** The two requests of a session. */
export interface WatchRequests {
  readonly watch: CallRequest;
  /** Sent on the same connection after a silence: it shows whether the server still answers. */
  readonly check: CallRequest;
}

export class WatchSession implements CallListener {
  /** The status that ends the call; rejects with an error of the system, a BrokenCall, Unanswered or a TimeoutError. */
  readonly end: Promise<CallStatus>;
  readonly #connection: Http2Connection;
  readonly #check: CallRequest;
  readonly #times: WatchTimes;
  readonly #onStatus: (status: ReportedStatus) => void;
  /** What the connection had answered when the call began. */
  readonly #answered: number;
  readonly #cancelCall: () => void;
  #cancelCheck: () => void = () => {};
  #settle: (end: CallStatus | Error) => void = () => {};
  #cancelTimer: CancelTimer;
  #failure: Error | undefined;
  #isOver = false;

  /** Starts the call. What `onStatus` throws ends it. */
  constructor(
    connection: Http2Connection,
    requests: WatchRequests,
    { times, onStatus }: { readonly times: WatchTimes; readonly onStatus: (status: ReportedStatus) => void },
  ) {
    this.#connection = connection;
    this.#check = requests.check;
    this.#times = times;
    this.#onStatus = onStatus;
    this.#answered = connection.answered;
    this.end = new Promise((resolve, reject) => {
      this.#settle = (end) => (hasStatus(end) ? resolve(end) : reject(end));
    });
    this.#cancelTimer = times.clock.setTimer(times.answerMs, () => this.#onLate());
    this.#cancelCall = startCall(connection, requests.watch, this);
  }

  /** Ends the call as cancelled. */
  cancel(): void {
    this.#cancelCall();
  }

  onMessage(message: Buffer): void {
    this.#rest();
    this.#onStatus(readHealthCheckResponse(message) ?? "unreadable");
  }

  onEnd(end: CallStatus | Error): void {
    this.#isOver = true;
    this.#cancelTimer();
    this.#cancelCheck();
    this.#settle(this.#failure ?? end);
  }

  /** Waits for the next silence. */
  #rest(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#times.clock.setTimer(this.#times.silenceMs, () => void this.#ask());
  }

  /** Any end of a Check is an answer, except the end of the connection, with which the Watch ends too. */
  async #ask(): Promise<void> {
    // a target that allows no further call at the same time cannot be asked
    if (this.#connection.isOpen) {
      const error = this.#timeoutError("no answer to a Check");
      this.#cancelTimer = this.#times.clock.setTimer(this.#times.answerMs, () => this.#connection.close(error));
      const onStart = (cancel: () => void) => {
        this.#cancelCheck = cancel;
      };
      await callUnary(this.#connection, this.#check, onStart).catch(() => {});
    }
    if (!this.#isOver) this.#rest();
  }

  /** A target that answers other calls, and not the Watch, keeps its connection. */
  #onLate(): void {
    const failure = this.#connection.connectError ?? this.#timeoutError("no status");
    if (this.#connection.answered === this.#answered) {
      this.#connection.close(failure);
      return;
    }
    this.#failure = failure;
    this.#cancelCall();
  }

  #timeoutError(missing: string): Error {
    return new DOMException(`${missing} within ${this.#times.answerMs} ms`, "TimeoutError");
  }
}
