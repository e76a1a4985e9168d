/**
 * Counts what a target sends to a client library, and ends the connection above a limit.
 *
 * Libraries of databases store a message until it is complete, and a message may announce a gigabyte. So bytes are counted
 * before the library sees them: Node hands every read of a socket to `push`. Of a TLS connection, the decrypted bytes are
 * counted; OpenSSL limits the handshake (SSL_CTX_set_max_cert_list, 100 KiB of certificates).
 */
import type { Socket } from "node:net";
import { BrokenCall } from "./broken-call.js";

/** One limit for all sockets of a connection: the plain one, and the one of TLS on top of it. */
export class InputLimit {
  readonly #maxBytes: number;
  #received = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counts the bytes of a socket that has not been read from. */
  add(socket: Socket): void {
    const push = socket.push.bind(socket);
    socket.push = (chunk: Buffer | null, encoding) => {
      this.#received += chunk?.length ?? 0;
      if (this.#received <= this.#maxBytes) return push(chunk, encoding);
      socket.destroy(new BrokenCall("protocol", `the target sent more than ${this.#maxBytes} bytes`));
      return false;
    };
  }

  /** Another probe begins. */
  reset(): void {
    this.#received = 0;
  }
}
