/**
 * Writes to a socket, and stands still with a reader who does.
 *
 *     taken by the kernel      --> on we go
 *     more than 256 KiB wait   --> nothing more is read either: who doesn't read its answers may not ask
 */
import type { Socket } from "node:net";
import type { Sender } from "./outbox.js";

const MAX_UNSENT_BYTES = 256 * 1024;

export class SocketWriter implements Sender {
  readonly #socket: Socket;
  #waiting: (() => void)[] | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  transmit(bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength <= MAX_UNSENT_BYTES || this.#socket.isPaused()) return;
    this.#socket.pause();
    this.whenWritable(() => this.#socket.resume());
  }

  /** Calls `action` when the socket takes more, in a later step. One that closes before calls nobody. */
  whenWritable(action: () => void): void {
    if (!this.#socket.writableNeedDrain) {
      queueMicrotask(action);
      return;
    }
    if (this.#waiting === undefined) this.#socket.once("drain", () => this.#onDrain());
    this.#waiting ??= [];
    this.#waiting.push(action);
  }

  #onDrain(): void {
    const actions = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of actions) action();
  }
}
