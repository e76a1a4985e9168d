/**
 * One HTTP/1.1 question, asked again and again on a connection that is kept, or on a fresh one each time.
 *
 * Node's own client builds streams, an agent's bookkeeping and a parser for every question; a probe's question is always
 * the same, and its answer is read once and forgotten. Straight on the socket it costs a quarter of the time.
 *
 * A kept connection that ends before a byte of an answer says nothing of the target: it may have ended just then. The
 * question is asked once more, on a fresh one.
 */
import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { connectOptions } from "./connecting.js";
import { AnswerReader, type HttpAnswer } from "./http-answer.js";
import type { Resolver } from "./resolver.js";
import { certificateEnd, type TlsClientOptions, tlsOptions } from "./tls-options.js";

/** What is asked, and where. */
export interface HttpClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
  readonly resolver: Resolver;
  /** The whole request, as it is sent. */
  readonly request: Buffer;
  /** Keep the connection for the next question. */
  readonly reuse: boolean;
  /** The longest body that is kept; a connection on which there is more is closed. Default 64 KiB. */
  readonly mostBodyBytes?: number | undefined;
}

/** A question that waits for its answer. */
interface Call {
  readonly timeoutMs: number;
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: unknown) => void;
  readonly reader: AnswerReader;
  /** It was sent on a kept connection, which may have ended just then. */
  mayAskAgain: boolean;
}

const DEFAULT_MOST_BODY_BYTES = 65_536;

/**
 * Where the bytes of every plain connection land. They are handed on as soon as they are there, and nobody keeps them
 * where they lie, so one place is enough; by default Node takes 64 KiB for each read.
 */
const LANDING = Buffer.allocUnsafeSlow(65_536);

const NO_ANSWER = "the connection ended without an answer";

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #tls: ConnectionOptions | undefined;
  #socket: Socket | undefined;
  #call: Call | undefined;
  #certificateEndsAt: number | undefined;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    if (options.tls !== undefined) this.#tls = tlsOptions(options.host, options.tls, ["http/1.1"]);
  }

  /** When the certificate of the last connection ends, in wall time. */
  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /**
   * Asks. One question at a time. Rejects with the error of the connection, or a BrokenCall; at once when it is
   * cancelled, and then no connection is left. `timeoutMs` is shared out among a target's addresses.
   */
  ask(timeoutMs: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const reader = new AnswerReader(this.#options.mostBodyBytes ?? DEFAULT_MOST_BODY_BYTES);
      this.#call = { timeoutMs, resolve, reject, reader, mayAskAgain: this.#socket !== undefined };
      if (this.#socket === undefined) this.#open(timeoutMs);
      else this.#socket.ref().write(this.#options.request);
    });
  }

  /** Ends the question that was asked last, if it has no answer. */
  cancel(): void {
    if (this.#call !== undefined) this.#fail(new BrokenCall("cancelled", "the deadline is over"));
  }

  /** Ends the connection, and what runs on it. */
  close(): void {
    this.#fail(new BrokenCall("cancelled", "the client has closed the connection"));
  }

  #open(timeoutMs: number): void {
    const { host, port, resolver, request } = this.#options;
    const options = connectOptions({ host, port, resolver, timeoutMs });
    const onData = (bytes: Buffer) => {
      if (this.#socket === socket) this.#onData(bytes);
    };
    const socket = this.#tls === undefined ? connectPlain(options, onData) : connectTls({ ...options, ...this.#tls });
    this.#socket = socket;
    const onEnd = () => {
      if (this.#socket === socket) this.#onEnd();
    };
    socket.on("end", onEnd);
    socket.on("close", onEnd);
    // it stays, for an error after the end would end the process too
    socket.on("error", (error) => {
      if (this.#socket === socket) this.#lose(error);
    });
    if (socket instanceof TLSSocket) {
      socket.on("data", onData);
      socket.once("secureConnect", () => {
        this.#certificateEndsAt = certificateEnd(socket);
      });
    }
    socket.write(request);
  }

  #onData(bytes: Buffer): void {
    const call = this.#call;
    if (call === undefined) {
      this.#drop(); // nobody asked: such a connection is not to be trusted with the next question
      return;
    }
    try {
      const answer = call.reader.push(bytes);
      if (answer !== undefined) this.#settle(call, answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onEnd(): void {
    const call = this.#call;
    if (call === undefined || !call.reader.started) {
      this.#lose(new BrokenCall("closed", NO_ANSWER));
      return;
    }
    try {
      this.#settle(call, call.reader.end());
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

  /** The connection is gone. */
  #lose(error: Error): void {
    const call = this.#call;
    if (call?.mayAskAgain !== true || call.reader.started) {
      this.#fail(error);
      return;
    }
    call.mayAskAgain = false;
    this.#drop();
    this.#open(call.timeoutMs);
  }

  #fail(error: unknown): void {
    const call = this.#call;
    this.#call = undefined;
    this.#drop();
    call?.reject(error);
  }

  /**
   * Lets go of the connection. A plain one is reset: there is nothing left to say, and none waits in TIME_WAIT. Node
   * would have one that is not made yet be made first.
   */
  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    if (socket instanceof TLSSocket || socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }
}

/** Connects, with `LANDING` for its bytes. */
function connectPlain(options: TcpNetConnectOpts, onData: (bytes: Buffer) => void): Socket {
  const callback = (length: number) => {
    onData(LANDING.subarray(0, length));
    return true;
  };
  return connect({ ...options, onread: { buffer: LANDING, callback } });
}
