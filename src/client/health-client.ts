/**
 * A client of `grpc.health.v1` on one connection, which is made when it is needed and kept while it is good.
 *
 *     check(service)     one answer
 *     watch(service)     every change, on the connection that check has made
 *
 * A peer that says GOAWAY finishes what it has; the next call takes a new connection, and nothing has failed.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { WatchStatus } from "../core/serving-status.js";
import { HEALTH_SERVICE, readHealthCheckResponse, writeHealthCheckRequest } from "../wire/health-messages.js";
import { BrokenCall } from "./broken-call.js";
import { connectOptions } from "./connecting.js";
import { type CallStatus, hasStatus, startCall } from "./grpc-call.js";
import type { Resolver } from "./resolver.js";
import { certificateEnd, type TlsClientOptions, tlsOptions } from "./tls-options.js";

/** Where a health service is. */
export interface HealthClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
  readonly resolver: Resolver;
}

/** A status as a peer tells it; `unreadable` for a message that is none. */
export type ReportedStatus = WatchStatus | "unreadable";

/** The answer to a Check: a status, or how the call ended instead. */
export type CheckAnswer = { readonly status: ReportedStatus } | CallStatus;

/** How a call may take its time. */
export interface CallContext {
  /** Cancels the call, and the connecting before it. */
  readonly signal: AbortSignal;
  /** The time that `signal` leaves: half of it may go to one address of several. */
  readonly timeoutMs: number;
}

/** Who hears of a Watch. */
export interface WatchListener {
  /** Throws to give the Watch up. */
  onStatus(status: ReportedStatus): void;
  /** Called once, last. */
  onEnd(end: CallStatus | Error): void;
}

export class HealthClient {
  readonly #options: HealthClientOptions;
  readonly #authority: string;
  #session: ClientHttp2Session | undefined;
  #socket: Socket | undefined;
  #certificateEndsAt: number | undefined;

  constructor(options: HealthClientOptions) {
    const { host, port } = options;
    this.#options = options;
    this.#authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /** When the certificate of the present connection ends, in wall time. */
  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /**
   * Asks once. Rejects with the error of the connection when no answer came; a kept connection that ends just then, or
   * that the peer was about to leave, is replaced, and the question asked again.
   */
  async check(service: string, context: CallContext): Promise<CheckAnswer> {
    const kept = isOpen(this.#session);
    try {
      return await this.#checkOnce(service, context);
    } catch (error) {
      if (!kept || isOpen(this.#session) || context.signal.aborted || !neverAnswered(error)) throw error;
      return this.#checkOnce(service, context);
    }
  }

  /** Starts to watch on the present connection. Returns false where there is none, or no room beside a Check. */
  watch(service: string, listener: WatchListener): boolean {
    const session = this.#session;
    if (!isOpen(session) || (session.remoteSettings.maxConcurrentStreams ?? Infinity) < 2) return false;
    startCall(session, this.#callOf("Watch", service), {
      onMessage: (message) => listener.onStatus(readHealthCheckResponse(message) ?? "unreadable"),
      onEnd: (end) => listener.onEnd(end),
    });
    return true;
  }

  /** Ends the connection, and what runs on it as `cancelled`. */
  close(): void {
    this.#session?.destroy(new BrokenCall("cancelled", "the client has closed the connection"));
    this.#session = undefined;
    // a session that was told to go ends its side alone and waits for the peer to end the other, for ever if need be
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #checkOnce(service: string, { signal, timeoutMs }: CallContext): Promise<CheckAnswer> {
    signal.throwIfAborted();
    const session = this.#open(timeoutMs);
    // a connection that is not there after a whole timeout is given up, as is one whose peer doesn't answer
    const onAbort = () => {
      session.destroy(new BrokenCall("cancelled", "the deadline is over"));
      this.close();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#ask(session, service);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #ask(session: ClientHttp2Session, service: string): Promise<CheckAnswer> {
    return new Promise((resolve, reject) => {
      let answer: CheckAnswer | undefined;
      startCall(session, this.#callOf("Check", service), {
        onMessage: (message) => {
          if (answer !== undefined) throw new BrokenCall("protocol", "the answer has more than one message");
          answer = { status: readHealthCheckResponse(message) ?? "unreadable" };
        },
        onEnd: (end) => {
          if (!hasStatus(end)) reject(end);
          else resolve(end.code === "OK" ? (answer ?? { status: "unreadable" }) : end);
        },
      });
    });
  }

  #open(timeoutMs: number): ClientHttp2Session {
    if (isOpen(this.#session)) return this.#session;
    // a peer that has said goodbye may hold its connection for ever, with a Watch on it: nothing more is wanted of it
    this.close();
    const socket = this.#connect(timeoutMs);
    const session = connect(`${this.#options.tls === undefined ? "http" : "https"}://${this.#authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
      maxSessionMemory: 1,
    });
    // the calls on it end with the error; unheard, it would end the process
    session.on("error", () => {});
    session.unref();
    this.#socket = socket;
    this.#session = session;
    return session;
  }

  /** A session that is destroyed leaves a socket that is still connecting: it is ours to end. */
  #connect(timeoutMs: number): Socket {
    const { host, port, resolver, tls } = this.#options;
    const options = connectOptions({ host, port, resolver, timeoutMs });
    if (tls === undefined) return connectSocket(options);
    const socket = connectTls({ ...options, ...tlsOptions(host, tls, ["h2"]) });
    socket.once("secureConnect", () => {
      this.#certificateEndsAt = certificateEnd(socket);
    });
    return socket;
  }

  #callOf(method: "Check" | "Watch", service: string) {
    const path = `/${HEALTH_SERVICE}/${method}`;
    return { path, authority: this.#authority, message: writeHealthCheckRequest(service) };
  }
}

function isOpen(session: ClientHttp2Session | undefined): session is ClientHttp2Session {
  return session !== undefined && !session.closed && !session.destroyed;
}

/** Whether the connection was lost in a way that says nothing of the peer, if the connection was an old one. */
function neverAnswered(error: unknown): boolean {
  if (error instanceof BrokenCall) return error.kind === "closed" || error.kind === "unprocessed";
  return error instanceof Error && "code" in error && ["ECONNRESET", "EPIPE"].includes(String(error.code));
}
