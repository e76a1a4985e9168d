/**
 * Pipelined requests of HTTP/1: each is answered after the one before it is sent, and few wait.
 *
 *     read: [ R1 R2 R3 ]   R1 --> answer, while the client reads it    R2, R3 wait; the socket is paused
 *                          R1 sent --> R2's turn ... R3's turn --> the socket is read again
 *
 * Node's parser hands over every request of a read (64 KiB hold some 1,900) and reads on while answers are being made.
 * So a client that sends and does not read could fill the memory with requests (docs/known-faults.md 4).
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Requests that wait for their turn, over all connections. Each costs about 5 KB. */
const MAX_WAITING_REQUESTS = 4_096;

export class Pipelines {
  /** The connections with waiting requests, and their numbers. */
  readonly #waiting = new Map<Duplex, number>();
  readonly #latest = new WeakMap<Duplex, ServerResponse>();
  readonly #onTooMany: (socket: Socket) => void;
  #total = 0;

  /** @param onTooMany ends a connection whose next request is one too many */
  constructor(onTooMany: (socket: Socket) => void) {
    this.#onTooMany = onTooMany;
  }

  /** Adds a connection that Node's server has taken. */
  add(socket: Socket): void {
    // Node resumes the socket itself after each answer
    socket.on("resume", () => {
      if (this.#waiting.has(socket)) socket.pause();
    });
    socket.once("close", () => this.#setWaiting(socket, 0));
  }

  /** Calls `respond` when every earlier request of the connection has been answered. */
  takeTurn(socket: Socket, response: ServerResponse, respond: () => void): void {
    this.#latest.set(socket, response);
    // Node gives the socket to one response at a time
    if (response.socket !== null) respond();
    else if (socket.destroyed) return;
    else if (this.#total >= MAX_WAITING_REQUESTS) this.#onTooMany(socket);
    else this.#wait(socket, response, respond);
  }

  /**
   * Calls `action` when every request that the parser could read has been answered, at once or later. Never, if the
   * connection breaks first.
   */
  afterAnswers(socket: Duplex, action: () => void): void {
    const latest = this.#latest.get(socket);
    if (latest === undefined || latest.writableFinished) action();
    else if (latest.req.complete || latest.headersSent) latest.once("close", action);
    // the parser gave up in the body of the latest request
    else if (latest.socket !== null) action();
    else latest.once("socket", () => this.afterAnswers(socket, action));
  }

  #wait(socket: Socket, response: ServerResponse, respond: () => void): void {
    this.#setWaiting(socket, this.#waitingOf(socket) + 1);
    socket.pause();
    response.once("socket", () => {
      if (socket.destroyed) return;
      this.#setWaiting(socket, this.#waitingOf(socket) - 1);
      if (!this.#waiting.has(socket)) socket.resume();
      // in a turn of its own: many short answers must not keep other connections waiting
      setImmediate(() => {
        if (!socket.destroyed) respond();
      });
    });
  }

  #waitingOf(socket: Duplex): number {
    return this.#waiting.get(socket) ?? 0;
  }

  #setWaiting(socket: Duplex, count: number): void {
    this.#total += count - this.#waitingOf(socket);
    if (count === 0) this.#waiting.delete(socket);
    else this.#waiting.set(socket, count);
  }
}
