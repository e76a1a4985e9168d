/**
 * One connection on which a short question is asked and answered, kept for the next time or made anew.
 *
 *     talk(dialogue) --> kept, or connect --> dialogue: write, read until it has its answer --> kept again
 *                           | it ended before a byte of the answer: once more, on a fresh one
 *
 * For protocols that are simple enough to be spoken straight on the socket. What a target says is bounded: one that
 * talks on without an answer is broken off.
 */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { connectOptions } from "./connecting.js";
import type { Resolver } from "./resolver.js";
import { certificateEnd, type TlsWishes, tlsOptions } from "./tls-options.js";

/** Where to, and how. */
export interface KeptSocketOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsWishes | undefined;
  readonly resolver: Resolver;
  /** Keep the connection. */
  readonly reuse: boolean;
}

/** How a talk may take its time. */
export interface TalkContext {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** One question and its answer. */
export interface Dialogue<Answer> {
  /** What is said first; on a connection that was made just now, maybe more. */
  readonly open: (isFresh: boolean) => string;
  /**
   * Everything that was said since, as it comes in; gives the answer when it is whole.
   * @throws BrokenCall for what is no answer
   */
  readonly read: (said: Buffer) => Answer | undefined;
}

const MOST_BYTES = 65_536;

export class KeptSocket {
  readonly #options: KeptSocketOptions;
  readonly #tls: ConnectionOptions | undefined;
  #socket: Socket | undefined;
  #certificateEndsAt: number | undefined;

  constructor(options: KeptSocketOptions) {
    this.#options = options;
    if (options.tls !== undefined) this.#tls = tlsOptions(options.host, options.tls);
  }

  /** When the certificate of the present connection ends, in wall time. */
  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /** Asks; one talk at a time. Rejects with the error of the connection, or a BrokenCall. */
  async talk<Answer>(dialogue: Dialogue<Answer>, context: TalkContext): Promise<Answer> {
    context.signal.throwIfAborted();
    const kept = this.#socket;
    if (kept === undefined) return this.#talkOn(this.#open(context.timeoutMs), true, dialogue, context);
    try {
      return await this.#talkOn(kept, false, dialogue, context);
    } catch (error) {
      if (context.signal.aborted || !(error instanceof Unanswered)) throw error;
      return this.#talkOn(this.#open(context.timeoutMs), true, dialogue, context);
    }
  }

  /** Ends the connection. */
  close(): void {
    this.#socket?.destroy(new BrokenCall("cancelled", "the client has closed the connection"));
    this.#socket = undefined;
  }

  async #talkOn<Answer>(
    socket: Socket,
    isFresh: boolean,
    dialogue: Dialogue<Answer>,
    { signal }: TalkContext,
  ): Promise<Answer> {
    this.#socket = undefined;
    const onAbort = () => socket.destroy(new BrokenCall("cancelled", "the deadline is over"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const answer = await converse(socket, isFresh, dialogue);
      if (this.#options.reuse && !socket.destroyed) this.#keep(socket);
      else socket.destroy();
      return answer;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Whatever happens to a connection that waits, it is of no use then. */
  #keep(socket: Socket): void {
    const drop = () => {
      socket.destroy();
      if (this.#socket === socket) this.#socket = undefined;
    };
    socket.removeAllListeners("data").once("data", drop);
    socket.once("end", drop).once("close", drop).unref();
    this.#socket = socket;
  }

  #open(timeoutMs: number): Socket {
    const { host, port, resolver } = this.#options;
    const options = connectOptions({ host, port, resolver, timeoutMs });
    if (this.#tls === undefined) return connect(options);
    const socket = connectTls({ ...options, ...this.#tls });
    socket.once("secureConnect", () => {
      this.#certificateEndsAt = certificateEnd(socket);
    });
    return socket;
  }
}

function converse<Answer>(socket: Socket, isFresh: boolean, { open, read }: Dialogue<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let said = Buffer.alloc(0);
    const fail = (error: Error) => reject(said.length === 0 && !isFresh ? new Unanswered(error) : error);
    const onClosed = () => fail(new BrokenCall("closed", "the connection ended before the answer did"));
    socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close").ref();
    socket.on("data", (bytes) => {
      said = Buffer.concat([said, bytes]);
      try {
        if (said.length > MOST_BYTES) throw new BrokenCall("protocol", `no answer within ${MOST_BYTES} bytes`);
        const answer = read(said);
        if (answer !== undefined) resolve(answer);
      } catch (error) {
        reject(error);
      }
    });
    socket.on("error", fail); // stays: an error that nobody hears would end the process
    socket.once("end", onClosed).once("close", onClosed);
    socket.write(open(isFresh));
  });
}

/** A kept connection ended before a byte of an answer: that says nothing of the target. */
class Unanswered extends Error {
  constructor(cause: Error) {
    super("no answer", { cause });
  }
}
