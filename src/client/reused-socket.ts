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
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { connectOptions } from "./connecting.js";
import type { Resolver } from "./resolver.js";
import { certificateEnd, type TlsClientOptions, tlsOptions } from "./tls-options.js";

/** Where to, and how. */
export interface ReusedSocketOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where the target speaks it. */
  readonly tls: TlsClientOptions | undefined;
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

const MAX_BYTES = 65_536;

export class ReusedSocket {
  readonly #options: ReusedSocketOptions;
  readonly #tls: ConnectionOptions | undefined;
  #socket: Socket | undefined;
  #certificateEndsAt: number | undefined;
  /** Leaves the listeners of a connection that waits. */
  #unlisten: () => void = () => {};

  constructor(options: ReusedSocketOptions) {
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
    this.#unlisten();
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
      unlisten();
      socket.destroy();
      if (this.#socket === socket) this.#socket = undefined;
    };
    const unlisten = listen(socket, { data: drop, end: drop, close: drop, error: drop });
    this.#unlisten = unlisten;
    this.#socket = socket;
    socket.unref();
  }

  #open(timeoutMs: number): Socket {
    const { host, port, resolver } = this.#options;
    const options = connectOptions({ host, port, resolver, timeoutMs });
    const socket = this.#tls === undefined ? connect(options) : connectTls({ ...options, ...this.#tls });
    socket.on("error", () => {}); // one that comes when nobody listens any more would end the process
    if (socket instanceof TLSSocket)
      socket.once("secureConnect", () => {
        this.#certificateEndsAt = certificateEnd(socket);
      });
    return socket;
  }
}

function converse<Answer>(socket: Socket, isFresh: boolean, { open, read }: Dialogue<Answer>): Promise<Answer> {
  return new Promise<Answer>((resolve, reject) => {
    let said = Buffer.alloc(0);
    const settle = (action: () => void) => {
      unlisten();
      action();
    };
    const fail = (error: Error) => settle(() => reject(said.length === 0 && !isFresh ? new Unanswered(error) : error));
    const onClosed = () => fail(new BrokenCall("closed", "the connection ended before the answer did"));
    const onData = (bytes: Buffer) => {
      said = Buffer.concat([said, bytes]);
      try {
        if (said.length > MAX_BYTES) throw new BrokenCall("protocol", `no answer within ${MAX_BYTES} bytes`);
        const answer = read(said);
        if (answer !== undefined) settle(() => resolve(answer));
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const unlisten = listen(socket, { data: onData, error: fail, end: onClosed, close: onClosed });
    socket.ref();
    socket.write(open(isFresh));
  });
}

/** Who hears of a socket. */
interface SocketListener {
  readonly data: (bytes: Buffer) => void;
  readonly end: () => void;
  readonly close: () => void;
  readonly error: (error: Error) => void;
}

/** Listens. Returns the way out. */
function listen(socket: Socket, { data, end, close, error }: SocketListener): () => void {
  socket.on("data", data).on("end", end).on("close", close).on("error", error);
  return () => void socket.off("data", data).off("end", end).off("close", close).off("error", error);
}

/** A kept connection ended before a byte of an answer: that says nothing of the target. */
class Unanswered extends Error {
  constructor(cause: Error) {
    super("no answer", { cause });
  }
}
