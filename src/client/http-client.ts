/**
 * One HTTP/1.1 question, asked again and again on a connection that is kept, or on a fresh one each time.
 *
 * Node's own client builds streams, an agent's bookkeeping and a parser for every question; a probe's question is always
 * the same, and its answer is read once and forgotten. Straight on the socket it costs a third.
 *
 * A kept connection that ends before a byte of an answer says nothing of the target: it may have ended just then. The
 * question is asked once more, on a fresh one.
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { connectOptions } from "./connecting.js";
import { AnswerReader, type HttpAnswer } from "./http-answer.js";
import type { Resolver } from "./resolver.js";
import { certificateEnd, type TlsWishes, tlsOptions } from "./tls-options.js";

/** What is asked, and where. */
export interface HttpClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsWishes | undefined;
  readonly resolver: Resolver;
  /** The whole request, as it is sent. */
  readonly request: Buffer;
  /** Keep the connection for the next question. */
  readonly reuse: boolean;
}

/** How a call may take its time. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** A question that waits for its answer. */
interface Call {
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #reader = new AnswerReader();
  #socket: Socket | undefined;
  #call: Call | undefined;
  #certificateEndsAt: number | undefined;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** When the certificate of the present connection ends, in wall time. */
  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /** Asks. One question at a time. Rejects with the error of the connection, or a BrokenCall. */
  async ask({ signal, timeoutMs }: CallContext): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const onAbort = () => this.#fail(new BrokenCall("cancelled", "the deadline is over"));
    signal.addEventListener("abort", onAbort);
    const wasKept = this.#socket !== undefined;
    try {
      return await this.#askOnce(timeoutMs);
    } catch (error) {
      if (!wasKept || signal.aborted || !(error instanceof UnansweredError)) throw causeOf(error);
      return await this.#askOnce(timeoutMs).catch((second: unknown) => Promise.reject(causeOf(second)));
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends the connection, and what runs on it. */
  close(): void {
    this.#fail(new BrokenCall("cancelled", "the client has closed the connection"));
  }

  #askOnce(timeoutMs: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#call = { resolve, reject };
      this.#reader.reset();
      const kept = this.#socket;
      if (kept === undefined) {
        this.#open(timeoutMs);
        return;
      }
      kept.ref();
      kept.write(this.#options.request);
    });
  }

  #open(timeoutMs: number): void {
    const { host, port, resolver, tls, request } = this.#options;
    const options = connectOptions({ host, port, resolver, timeoutMs });
    const socket =
      tls === undefined ? connect(options) : connectTls({ ...options, ...tlsOptions(host, tls, ["http/1.1"]) });
    this.#socket = socket;
    const isOurs = () => this.#socket === socket;
    socket.on("data", (bytes) => {
      if (isOurs()) this.#onData(bytes);
    });
    socket.on("end", () => {
      if (isOurs()) this.#onEnd();
    });
    // an error before `close` that nobody hears would end the process
    socket.on("error", (error) => {
      if (isOurs()) this.#fail(this.#reader.started ? error : new UnansweredError(error));
    });
    socket.on("close", () => {
      if (isOurs()) this.#fail(new UnansweredError(new BrokenCall("closed", "the connection ended without an answer")));
    });
    if (socket instanceof TLSSocket)
      socket.once("secureConnect", () => {
        this.#certificateEndsAt = certificateEnd(socket);
      });
    socket.write(request);
  }

  #onData(bytes: Buffer): void {
    const call = this.#call;
    if (call === undefined) {
      this.#drop(); // nobody asked: such a connection is not to be trusted with the next question
      return;
    }
    try {
      const answer = this.#reader.push(bytes);
      if (answer !== undefined) this.#settle(call, answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onEnd(): void {
    const call = this.#call;
    if (call === undefined || !this.#reader.started) {
      this.#fail(new UnansweredError(new BrokenCall("closed", "the connection ended without an answer")));
      return;
    }
    try {
      this.#settle(call, this.#reader.end());
    } catch (error) {
      this.#fail(error);
    }
  }

  #settle(call: Call, answer: HttpAnswer): void {
    this.#call = undefined;
    if (answer.isReusable && this.#options.reuse) this.#socket?.unref();
    else this.#drop();
    call.resolve(answer);
  }

  #fail(error: unknown): void {
    const call = this.#call;
    this.#call = undefined;
    this.#drop();
    call?.reject(error);
  }

  /** Lets go of the connection. One that is kept for nothing would wait in TIME_WAIT: a plain one is reset instead. */
  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    if (socket instanceof TLSSocket || socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }
}

/** The connection ended before a byte of an answer. */
class UnansweredError extends Error {
  constructor(cause: unknown) {
    super("no answer", { cause });
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof UnansweredError ? error.cause : error;
}
