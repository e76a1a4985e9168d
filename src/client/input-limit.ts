/**
 * Protects the process from what a target sends to a client library: limits the bytes, and catches what the library throws.
 *
 * Libraries of databases store a message until it is complete, and a message may announce a gigabyte. So bytes are counted
 * before the library sees them: Node hands every read of a socket to `push`. Of a TLS connection, the decrypted bytes are
 * counted; OpenSSL limits the handshake (SSL_CTX_set_max_cert_list, 100 KiB of certificates).
 *
 * A library parses within the events of its socket, and throws there for a malformed message: pg for an unknown type of
 * authentication, for example. Without the `try` below, that error would be uncaught and would end the process.
 */
import type { Socket } from "node:net";
import { messageOf } from "../core/health-error.js";
import { BrokenCall } from "./broken-call.js";

/** One limit for all sockets of a connection: the plain one, and the one of TLS on top of it. */
export class InputLimit {
  readonly #maxBytes: number;
  #received = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Guards a socket that has not been read from. */
  add(socket: Socket): void {
    const emit = socket.emit.bind(socket);
    socket.emit = (event: string | symbol, ...values: unknown[]) => {
      try {
        return emit(event, ...values);
      } catch (error) {
        const message = `the client library refuses what the target sent: ${messageOf(error)}`;
        socket.destroy(new BrokenCall("protocol", message, { cause: error }));
        return true;
      }
    };
    const push = socket.push.bind(socket);
    socket.push = (chunk: Buffer | null, encoding) => {
      this.#received += chunk?.length ?? 0;
      if (this.#received <= this.#maxBytes) return push(chunk, encoding);
      socket.destroy(new BrokenCall("protocol", `the target sent more than ${this.#maxBytes} bytes`));
      return false;
    };
  }

  /** Counts from zero again: each probe has the whole limit. */
  reset(): void {
    this.#received = 0;
  }
}
