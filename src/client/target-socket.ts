/**
 * One connection to a target, over TCP, TLS or a Unix socket, which reports what comes to one listener at a time.
 *
 *     connect --> listener attached: bytes, end --> listener
 *                 no listener: bytes or an end close the connection; nothing was asked, so nothing can be trusted
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import { type Connected, ConnectionAttempts, type TargetAddress, traceOf } from "./connection-attempts.js";
import type { Goodbye, Goodbyes } from "./goodbyes.js";
import type { ReusableConnection } from "./reused-connection.js";
import type { SecureOptions } from "./tls-options.js";
import { type Trace, traceTls } from "./trace.js";

/** Receives what comes on a connection. */
export interface SocketListener {
  /** `bytes` may be overwritten after the call. */
  onBytes(bytes: Buffer): void;
  /** The connection is made; its TLS handshake begins, where there is one. */
  onConnect?(): void;
  /** The connection is made, with its TLS handshake; after `startTls`, that handshake is done. */
  onReady?(): void;
  /** The target has sent a session ticket of TLS 1.3. */
  onTicket?(): void;
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
  /** Sends the goodbye of a socket that has one. */
  readonly goodbyes?: Goodbyes;
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
  readonly #goodbyes: Goodbyes | undefined;
  #onGoodbyeBytes: ((bytes: Buffer) => void) | undefined;
  readonly #attempts: ConnectionAttempts;
  #connected: Connected | undefined;
  #socket: Socket | undefined;
  #tlsSocket: TLSSocket | undefined;
  /** Written before there is a connection. */
  #unsent: (string | Uint8Array)[] = [];
  #listener: SocketListener | undefined;
  #isOpen = true;
  #isRef = true;
  #certificateEndsAt: number | undefined;
  /** How the session that the owner has begun is ended. Default: by the end of the connection alone. */
  goodbye: Goodbye | undefined;
  readonly #trace: Trace | undefined;
  #hasReceived = false;

  /** Starts to connect. What is written meanwhile is sent as soon as the connection is there. */
  constructor(options: TargetSocketOptions, timeoutMs: number) {
    const { tls, readBuffer, closesByReset = false } = options;
    this.#goodbyes = options.goodbyes;
    this.#tls = tls;
    this.#trace = traceOf(options);
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
    return this.#tlsSocket?.alpnProtocol ?? undefined;
  }

  /** The version of TLS, such as `TLSv1.3`; `undefined` without TLS, and before it is ready. */
  get tlsVersion(): string | undefined {
    return this.#tlsSocket?.getProtocol() ?? undefined;
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

  /** Starts TLS on a connection in clear text. What was read before is clear text, what is read from now on is not. */
  startTls(tls: SecureOptions): void {
    const plain = this.#socket;
    if (plain === undefined) return;
    plain.removeAllListeners("end").removeAllListeners("close"); // the TLS socket ends when it ends
    this.#use(this.#secure(plain, tls));
  }

  write(bytes: string | Uint8Array): void {
    if (this.#socket === undefined) this.#unsent.push(bytes);
    else this.#socket.write(bytes);
  }

  /** Hands what comes to `listener` from now on; without one, anything that comes closes the connection. */
  listen(listener: SocketListener | undefined): void {
    this.#listener = listener;
  }

  /** Ends the connection: at once, or after its goodbye. The listener gets the error at once. */
  close(error?: Error): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#attempts.close();
    this.#endSocket();
    // the stack trace of an error costs more than the rest, so it is made only for a listener
    this.#listener?.onEnd(error ?? new BrokenCall("cancelled", "the connection is closed"));
    this.#listener = undefined;
  }

  #closeAtOnce(): void {
    this.goodbye = undefined;
    this.close();
  }

  #endSocket(): void {
    const socket = this.#socket;
    if (socket?.writable === true && this.goodbye !== undefined)
      this.#onGoodbyeBytes = this.#goodbyes?.say(socket, this.goodbye);
    if (this.#onGoodbyeBytes !== undefined) return;
    if (this.#closesByReset) socket?.resetAndDestroy();
    else socket?.destroy();
  }

  #onConnect(connected: Connected): void {
    this.#connected = connected;
    const { socket } = connected;
    this.#listener?.onConnect?.();
    this.#use(this.#tls === undefined ? socket : this.#secure(socket, this.#tls));
    for (const bytes of this.#unsent) this.#socket?.write(bytes);
    this.#unsent = [];
    if (this.#tls === undefined) this.#listener?.onReady?.();
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    const onEnd = () => this.#onEnd(undefined);
    // the listener stays after the end: an error without one would end the process
    socket
      .on("end", onEnd)
      .on("close", onEnd)
      .on("error", (error) => this.#onEnd(error));
    if (!this.#isRef) socket.unref();
  }

  #secure(tcp: Socket, tls: SecureOptions): TLSSocket {
    const socket = tls.connectTls({ ...tls, socket: tcp });
    this.#tlsSocket = socket;
    if (this.#trace !== undefined) traceTls(socket, this.#trace);
    tcp.on("error", (error) => socket.destroy(error)); // without a listener it would end the process
    socket.on("data", (bytes) => this.#onBytes(bytes));
    socket.once("secureConnect", () => {
      this.#certificateEndsAt = tls.certificateEndsAt(socket);
      this.#listener?.onReady?.();
      // in TLS 1.2, tickets are a part of the handshake
      if (socket.getProtocol() === "TLSv1.3") socket.on("session", () => this.#listener?.onTicket?.());
    });
    return socket;
  }

  #onBytes(bytes: Buffer): void {
    if (!this.#isOpen) {
      this.#onGoodbyeBytes?.(bytes);
      return;
    }
    if (this.#trace !== undefined && !this.#hasReceived) this.#trace({ kind: "received" });
    this.#hasReceived = true;
    if (this.#listener === undefined) this.#closeAtOnce();
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
