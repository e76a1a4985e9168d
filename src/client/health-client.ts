/**
 * A client of `grpc.health.v1` on one connection, which is made when it is needed and kept while it is good.
 *
 *     check(service)     one answer
 *     watch(service)     every change, on the connection that check has made
 *
 * A peer that says GOAWAY finishes what it has; the next call takes a new connection, and nothing has failed.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { WatchStatus } from "../core/serving-status.js";
import { HEALTH_SERVICE, readHealthCheckResponse, writeHealthCheckRequest } from "../wire/health-messages.js";
import { type CallStatus, hasStatus, startCall } from "./grpc-call.js";

/** Where a health service is. */
export interface HealthClientOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** The answer to a Check: a status, `unreadable` for a message that is none, or how the call ended instead. */
export type CheckAnswer = { readonly status: WatchStatus | "unreadable" } | CallStatus;

/** How a call may take its time. */
export interface CallContext {
  /** Cancels the call, and the connecting before it. */
  readonly signal: AbortSignal;
  /** The time that `signal` leaves: half of it may go to one address of several. */
  readonly timeoutMs: number;
}

export class HealthClient {
  readonly #options: HealthClientOptions;
  readonly #authority: string;
  #session: ClientHttp2Session | undefined;

  constructor(options: HealthClientOptions) {
    const { host, port } = options;
    this.#options = options;
    this.#authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /**
   * Asks once. Rejects with the error of the connection when no answer came; an old connection that breaks just then
   * is replaced, and the question asked again.
   */
  async check(service: string, context: CallContext): Promise<CheckAnswer> {
    const kept = this.#session !== undefined && isOpen(this.#session);
    try {
      return await this.#checkOnce(service, context);
    } catch (error) {
      const lost = this.#session === undefined || !isOpen(this.#session);
      if (!kept || !lost || context.signal.aborted || !isConnectionLoss(error)) throw error;
      return this.#checkOnce(service, context);
    }
  }

  /** Starts to watch on the present connection, if there is one. Returns the stream. */
  watch(
    service: string,
    listener: { onStatus(status: WatchStatus | "unreadable"): void; onEnd(end: CallStatus | Error): void },
  ): ClientHttp2Stream | undefined {
    if (this.#session === undefined || !isOpen(this.#session)) return undefined;
    return startCall(this.#session, this.#callOf("Watch", service), {
      onMessage: (message) => listener.onStatus(readHealthCheckResponse(message) ?? "unreadable"),
      onEnd: listener.onEnd,
    });
  }

  /** Ends the connection. */
  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #checkOnce(service: string, context: CallContext): Promise<CheckAnswer> {
    const session = this.#open(context);
    return new Promise((resolve, reject) => {
      let answer: CheckAnswer | undefined;
      const stream = startCall(session, this.#callOf("Check", service), {
        onMessage: (message) => {
          answer ??= { status: readHealthCheckResponse(message) ?? "unreadable" };
        },
        onEnd: (end) => {
          context.signal.removeEventListener("abort", onAbort);
          if (!hasStatus(end)) reject(end);
          else resolve(end.code === "OK" ? (answer ?? { status: "unreadable" }) : end);
        },
      });
      const onAbort = () => {
        stream.destroy(new Error("the deadline is over"));
        // a connection that is not there after a whole timeout is given up, as is one whose peer doesn't answer
        session.destroy();
      };
      context.signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #open(context: CallContext): ClientHttp2Session {
    if (this.#session !== undefined && isOpen(this.#session)) return this.#session;
    const { tls } = this.#options;
    const dualStack = { autoSelectFamilyAttemptTimeout: Math.max(1, Math.floor(context.timeoutMs / 2)) };
    const session = connect(`${tls ? "https" : "http"}://${this.#authority}`, {
      ...dualStack,
      settings: { enablePush: false },
      maxSessionMemory: 1,
    });
    // the calls on it end with the error; unheard, it would end the process
    session.on("error", () => {});
    session.unref();
    this.#session = session;
    return session;
  }

  #callOf(method: "Check" | "Watch", service: string) {
    const path = `/${HEALTH_SERVICE}/${method}`;
    return { path, authority: this.#authority, message: writeHealthCheckRequest(service) };
  }
}

function isOpen(session: ClientHttp2Session): boolean {
  return !session.closed && !session.destroyed;
}

function isConnectionLoss(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code));
}
