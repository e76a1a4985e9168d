/** One question to one name server: over UDP, and over TCP when the answer is too long for that. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { type CancelTimer, type Clock, setTimerInSteps } from "../core/clock.js";
import { type DnsResponse, decodeResponse, encodeQuery, type Question } from "./dns-message.js";

/** Where a name server listens; 53 is the usual port. */
export interface NameServer {
  readonly address: string;
  readonly port: number;
}

/** Which servers are asked, and for how long. */
export interface QueryOptions {
  /** In the order of the configuration. At least one. */
  readonly servers: readonly NameServer[];
  /** How long the answer of a server is awaited. Delays of this process do not count. */
  readonly timeoutMs: number;
  /** How often each server is asked. */
  readonly attempts: number;
  /** Ask over TCP only. */
  readonly useTcp: boolean;
  readonly clock: Clock;
}

/** Why a question has no answer. */
export type DnsErrorCode = "EBADNAME" | "ESERVFAIL" | "ETIMEOUT" | "EBADRESP" | "ECANCELLED";

/** A question that no server has answered. Errors of a socket are those of Node. */
export class DnsError extends Error {
  override readonly name = "DnsError";
  readonly code: DnsErrorCode;

  constructor(code: DnsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Receives the answer, or why there is none. */
export interface Settle {
  readonly resolve: (response: DnsResponse) => void;
  readonly reject: (error: Error) => void;
}

export class DnsAttempt {
  readonly server: NameServer;
  readonly startedAt: number;
  isOver = false;
  readonly #question: Question;
  readonly #options: QueryOptions;
  readonly #settle: Settle;
  readonly #query: Buffer | undefined;
  #cancelTimer: CancelTimer = () => {};
  #closeSocket: () => void = () => {};

  constructor(server: NameServer, question: Question, options: QueryOptions, settle: Settle) {
    this.server = server;
    this.#question = question;
    this.#options = options;
    this.startedAt = options.clock.now();
    this.#settle = settle;
    this.#query = encodeQuery(randomInt(0x10000), question);
  }

  start(): void {
    const query = this.#query;
    if (query === undefined) {
      process.nextTick(() => this.#fail(new DnsError("EBADNAME", `${this.#question.name} is not a valid name`)));
      return;
    }
    const { clock, timeoutMs } = this.#options;
    this.#cancelTimer = setTimerInSteps(clock, timeoutMs, () =>
      this.#fail(new DnsError("ETIMEOUT", `the name server ${this.server.address} does not answer`)),
    );
    if (this.#options.useTcp) this.#askTcp(query);
    else this.#askUdp(query);
  }

  close(): void {
    this.isOver = true;
    this.#cancelTimer();
    this.#closeSocket();
  }

  /** The socket is connected: it receives only what comes from the server, and the error of a closed port. */
  #askUdp(query: Buffer): void {
    const { address, port } = this.server;
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    let isClosed = false;
    this.#closeSocket = () => {
      if (!isClosed) socket.close();
      isClosed = true;
    };
    socket
      .on("error", (error) => this.#fail(error))
      .on("message", (message) => this.#onMessage(message, query, () => this.#askTcp(query)))
      .once("connect", () => {
        if (!isClosed) socket.send(query, (error) => error !== null && this.#fail(error));
      })
      .unref()
      .connect(port, address);
  }

  /** Each message has its length before it (RFC 1035, section 4.2.2). */
  #askTcp(query: Buffer): void {
    this.#closeSocket();
    const socket = connect({ host: this.server.address, port: this.server.port });
    this.#closeSocket = () => socket.destroy();
    let received: Buffer = Buffer.alloc(0);
    socket
      .on("error", (error) => this.#fail(error))
      .on("end", () =>
        this.#fail(new DnsError("EBADRESP", `the name server ${this.server.address} closed the connection`)),
      )
      .on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
        const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE(0);
        if (received.length >= end)
          this.#onMessage(received.subarray(2, end), query, () => this.#fail(this.#unreadable()));
      })
      .unref();
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  }

  #onMessage(message: Buffer, query: Buffer, onTruncated: () => void): void {
    if (this.isOver) return;
    let response: DnsResponse | undefined;
    try {
      response = decodeResponse(message, query, this.#question);
    } catch {
      this.#fail(this.#unreadable());
      return;
    }
    if (response === undefined) return; // it answers another question
    if (response.isTruncated) onTruncated();
    else {
      this.close();
      this.#settle.resolve(response);
    }
  }

  #fail(error: Error): void {
    if (this.isOver) return;
    this.close();
    this.#settle.reject(error);
  }

  #unreadable(): DnsError {
    return new DnsError("EBADRESP", `the answer of the name server ${this.server.address} is not valid`);
  }
}
