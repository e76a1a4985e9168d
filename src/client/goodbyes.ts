/**
 * Ends sessions by the close of their own protocol, so that brokers and databases do not log a lost client.
 *
 *     close --> request is sent --> answer, where the protocol has one --> FIN --> the server closes too
 *                  '-- 500 ms after the request at the latest: destroyed
 *
 * The connection is out of use from the request on, and does not keep the process alive. A shutdown waits for `ended`.
 */
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.js";

/** How a protocol ends a session. */
export interface Goodbye {
  /** What the client sends. Empty: the end of the connection is enough. */
  readonly request: Uint8Array;
  /** What the server answers before the client may close. Without it, the client closes after the request. */
  readonly answer?: Buffer;
}

/** A server that does not answer in this time is left. */
export const MAX_GOODBYE_MS = 500;

export class Goodbyes {
  readonly #clock: Clock;
  readonly #running = new Set<Promise<void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Sends the goodbye on a connected socket, and closes the socket. The owner of the socket goes on reading it, and gives
   * the bytes to the function that is returned.
   */
  say(socket: Socket, { request, answer }: Goodbye): (bytes: Buffer) => void {
    const closed = new Promise<void>((resolve) => {
      const cancel = this.#clock.setTimer(MAX_GOODBYE_MS, () => socket.destroy());
      socket.once("close", () => {
        cancel();
        this.#running.delete(closed);
        resolve();
      });
    });
    this.#running.add(closed);
    socket.unref();
    socket.on("error", () => {}); // a server that is gone needs no goodbye
    if (answer === undefined) socket.end(request);
    else socket.write(request);
    return (bytes) => {
      if (answer !== undefined && bytes.includes(answer)) socket.end();
    };
  }

  /** Resolves when every socket is closed. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}
