/**
 * Pipelined requests of HTTP/1: each is answered after the one before it is sent, and few wait.
 *
 *     slice: [ R1 R2 R3 ]  R1 --> answer, while the client reads it    R2, R3 wait; the socket is not read
 *                          R1 sent --> R2's turn ... R3's turn --> the next slice (see paced-input)
 *
 * Node's parser hands over every request of a slice, and reads on while answers are being made. So a client that sends
 * and does not read could fill the memory with requests (docs/known-faults.md 4).
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FairTurns } from "../../core/fair-turns.js";
import { PacedInput } from "./paced-input.js";

/** Requests that wait for their turn, over all connections. Each costs about 5 KB. */
const MAX_WAITING_REQUESTS = 4_096;

export class Pipelines {
  /** The connections with waiting requests, and their numbers; the one that has waited longest is the first. */
  readonly #waiting = new Map<Socket, number>();
  readonly #latest = new WeakMap<Duplex, ServerResponse>();
  readonly #inputs = new WeakMap<Duplex, PacedInput>();
  readonly #turns: FairTurns;
  readonly #onTooMany: (socket: Socket) => void;
  #total = 0;

  /** @param onTooMany ends the connection whose requests have waited longest, when there are too many */
  constructor(turns: FairTurns, onTooMany: (socket: Socket) => void) {
    this.#turns = turns;
    this.#onTooMany = onTooMany;
  }

  /** Adds a connection that Node's server has taken. */
  add(socket: Socket): void {
    // Node's server must not be given anything while it waits for a drain
    const mayRead = () => !this.#waiting.has(socket) && !socket.writableNeedDrain && socket.writable;
    this.#inputs.set(socket, new PacedInput(socket, this.#turns, mayRead));
    socket.once("close", () => this.#setWaiting(socket, 0));
  }

  /** Works in a later turn, in fair order with other connections. */
  queue(socket: Duplex, work: () => void): void {
    this.#inputs.get(socket)?.share.queue(work);
  }

  /** Handles the bytes that have come with a connection. */
  start(socket: Socket): void {
    this.#inputs.get(socket)?.start();
  }

  /** Calls `respond` when every earlier request of the connection has been answered. */
  takeTurn(socket: Socket, response: ServerResponse, respond: () => void): void {
    this.#latest.set(socket, response);
    // Node gives the socket to one response at a time
    if (response.socket !== null) respond();
    else if (socket.destroyed) return;
    else {
      if (this.#total >= MAX_WAITING_REQUESTS) this.#endOldest();
      if (!socket.destroyed) this.#wait(socket, response, respond);
    }
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

  #endOldest(): void {
    const [oldest] = this.#waiting.keys();
    if (oldest === undefined) return;
    this.#setWaiting(oldest, 0);
    this.#onTooMany(oldest);
  }

  #wait(socket: Socket, response: ServerResponse, respond: () => void): void {
    this.#setWaiting(socket, this.#waitingOf(socket) + 1);
    const input = this.#inputs.get(socket);
    input?.hold();
    response.once("socket", () => {
      if (socket.destroyed) return;
      this.#setWaiting(socket, this.#waitingOf(socket) - 1);
      // in a turn of its own: many short answers must not keep other connections waiting
      input?.share.queue(() => {
        if (!socket.destroyed) respond();
        input.proceed();
      });
    });
  }

  #waitingOf(socket: Socket): number {
    return this.#waiting.get(socket) ?? 0;
  }

  #setWaiting(socket: Socket, count: number): void {
    this.#total += count - this.#waitingOf(socket);
    if (count === 0) this.#waiting.delete(socket);
    else this.#waiting.set(socket, count);
  }
}
