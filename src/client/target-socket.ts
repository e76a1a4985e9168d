/**
 * One connection to a target, over TCP, TLS or a Unix socket, which reports what comes to one listener at a time.
 *
 *     connect --> listener attached: bytes, end --> listener
 *                 no listener: bytes or an end close the connection; nothing was asked, so nothing can be trusted
 */
import type { Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { type Connected, ConnectionAttempts, type TargetAddress } from "./connection-attempts.js";
import type { ReusableConnection } from "./reused-connection.js";
import type { SecureOptions } from "./tls-options.js";

/** Receives what comes on a connection. */
export interface SocketListener {
  /** `bytes` may be overwritten after the call. */
  onBytes(bytes: Buffer): void;
  /** The connection has ended: by the target when there is no error. Called once, last. */
  onEnd(error: Error | undefined): void;
}

/** Where a socket is opened to, and how: one object for all connections to a target. */
export type TargetSocketOptions = TargetAddress & TargetSocketSettings;

interface TargetSocketSettings {
  /** TLS, where the target speaks it. */
  readonly tls: SecureOptions | undefined;
  /** Plain connections read into it, see `createReadBuffer`. */
  readonly readBuffer: Buffer;
  /** Close with a TCP reset, where no protocol data can be lost: it leaves nothing in TIME_WAIT. Default false. */
  readonly closesByReset?: boolean;
}

/**
 * A buffer that all plain connections of an owner read into. Listeners copy what they keep, so one is enough: by default,
 * Node allocates 64 KiB for each read.
 */
export function createReadBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(65_536);
}

export class TargetSocket implements ReusableConnection {
  readonly #tls: SecureOptions | undefined;
  readonly #closesByReset: boolean;
  readonly #attempts: ConnectionAttempts;
  #connected: Connected | undefined;
  #socket: Socket | undefined;
  /** Written before there is a connection. */
  #unsent: (string | Uint8Array)[] = [];
  #listener: SocketListener | undefined;
  #isOpen = true;
  #isRef = true;
  #certificateEndsAt: number | undefined;

  /** Starts to connect. What is written meanwhile is sent as soon as the connection is there. */
  constructor(options: TargetSocketOptions, timeoutMs: number) {
    const { tls, readBuffer, closesByReset = false } = options;
    this.#tls = tls;
    this.#closesByReset = closesByReset && tls === undefined && !("path" in options); // only TCP has a reset
    const callback = (length: number) => {
      this.#onBytes(readBuffer.subarray(0, length));
      return true;
    };
    const listener = {
      onConnect: (connected: Connected) => this.#onConnect(connected),
      onError: (error: Error) => this.#onEnd(error),
    };
    const onRead = tls === undefined ? { buffer: readBuffer, callback } : undefined;
    this.#attempts = new ConnectionAttempts(options, timeoutMs, listener, onRead);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  /** The protocol that ALPN has chosen; `undefined` without TLS, and before it is ready. */
  get alpnProtocol(): string | false | undefined {
    return this.#socket instanceof TLSSocket ? (this.#socket.alpnProtocol ?? undefined) : undefined;
  }

  /** Why there is no connection at the deadline; `undefined` when the target has not answered in time. */
  get connectError(): Error | undefined {
    return this.#attempts.error;
  }

  /** Whether the target's name no longer has the address of this connection. */
  hasMoved(): boolean {
    return this.#connected?.hasMoved() === true;
  }

  ref(): void {
    this.#isRef = true;
    this.#socket?.ref();
  }

  unref(): void {
    this.#isRef = false;
    if (this.#isOpen) this.#socket?.unref();
  }

  write(bytes: string | Uint8Array): void {
    if (this.#socket === undefined) this.#unsent.push(bytes);
    else this.#socket.write(bytes);
  }

  /** Hands what comes to `listener` from now on; without one, anything that comes closes the connection. */
  listen(listener: SocketListener | undefined): void {
    this.#listener = listener;
  }

  /** Ends the connection at once. The listener gets the error. */
  close(error?: Error): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#attempts.close();
    if (this.#closesByReset) this.#socket?.resetAndDestroy();
    else this.#socket?.destroy();
    // the stack trace of an error costs more than the rest, so it is made only for a listener
    this.#listener?.onEnd(error ?? new BrokenCall("cancelled", "the connection is closed"));
    this.#listener = undefined;
  }

  #onConnect(connected: Connected): void {
    this.#connected = connected;
    const socket = this.#tls === undefined ? connected.socket : this.#secure(connected.socket, this.#tls);
    this.#socket = socket;
    const onEnd = () => this.#onEnd(undefined);
    // the listener stays after the end: an error without one would end the process
    socket
      .on("end", onEnd)
      .on("close", onEnd)
      .on("error", (error) => this.#onEnd(error));
    if (!this.#isRef) socket.unref();
    for (const bytes of this.#unsent) socket.write(bytes);
    this.#unsent = [];
  }

  #secure(tcp: Socket, tls: SecureOptions): TLSSocket {
    const socket = connectTls({ ...tls, socket: tcp });
    tcp.on("error", (error) => socket.destroy(error)); // without a listener it would end the process
    socket.on("data", (bytes) => this.#onBytes(bytes));
    socket.once("secureConnect", () => {
      this.#certificateEndsAt = tls.certificateEndsAt(socket);
    });
    return socket;
  }

  #onBytes(bytes: Buffer): void {
    if (!this.#isOpen) return;
    if (this.#listener === undefined) this.close();
    else this.#listener.onBytes(bytes);
  }

  #onEnd(error: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket?.destroy();
    this.#listener?.onEnd(error);
    this.#listener = undefined;
  }
}
