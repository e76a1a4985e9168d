/**
 * One connection to a target, over TCP, TLS or a Unix socket, which reports what comes to one listener at a time.
 *
 *     connect --> listener attached: bytes, end --> listener
 *                 no listener: bytes or an end close the connection; nothing was asked, so nothing can be trusted
 */
import { connect as connectTcp, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { BrokenCall } from "./broken-call.js";
import type { Resolver } from "./resolver.js";
import type { ReusableConnection } from "./reused-connection.js";
import type { SecureOptions } from "./tls-options.js";

/** Where a target is, and how long connecting may take. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly resolver: Resolver;
  readonly timeoutMs: number;
}

/** Options for `net.connect`. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  readonly autoSelectFamily: true;
  readonly autoSelectFamilyAttemptTimeout: number;
  readonly noDelay: true;
}

/**
 * Options for `net.connect`, and for `tls.connect` beside its own. Of several addresses, each gets half of the time:
 * Node's default of 250 ms takes a target that is far away for one that is down (nodejs/node#54359).
 */
export function connectOptions({ host, port, resolver, timeoutMs }: Destination): ConnectOptions {
  const autoSelectFamilyAttemptTimeout = Math.ceil(timeoutMs / 2);
  return { host, port, lookup: resolver.lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout, noDelay: true };
}

/** Receives what comes on a connection. */
export interface SocketListener {
  /** `bytes` may be overwritten after the call. */
  onBytes(bytes: Buffer): void;
  /** The TLS handshake has succeeded. */
  onSecure?(): void;
  /** The connection has ended: by the target when there is no error. Called once, last. */
  onEnd(error: Error | undefined): void;
}

/** Where a target listens: at an address, or at a Unix socket of this machine. */
export type TargetAddress = Omit<Destination, "timeoutMs"> | { readonly path: string };

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
  readonly #socket: Socket;
  readonly #closesByReset: boolean;
  #listener: SocketListener | undefined;
  #isOpen = true;
  #certificateEndsAt: number | undefined;

  /** Starts to connect. What is written meanwhile is sent as soon as the connection is there. */
  constructor(options: TargetSocketOptions, timeoutMs: number) {
    const { tls, readBuffer, closesByReset = false } = options;
    const isUnix = "path" in options;
    this.#closesByReset = closesByReset && !isUnix; // only TCP has a reset
    const to = isUnix ? { path: options.path } : connectOptions({ ...options, timeoutMs });
    const onBytes = (bytes: Buffer) => this.#onBytes(bytes);
    this.#socket = tls === undefined ? connectPlain(to, readBuffer, onBytes) : connectTls({ ...to, ...tls });
    const onEnd = () => this.#onEnd(undefined);
    // the listener stays after the end: an error without one would end the process
    this.#socket
      .on("end", onEnd)
      .on("close", onEnd)
      .on("error", (error) => this.#onEnd(error));
    const socket = this.#socket;
    if (!(socket instanceof TLSSocket)) return;
    socket.on("data", onBytes);
    socket.once("secureConnect", () => {
      this.#certificateEndsAt = tls?.certificateEndsAt(socket);
      this.#listener?.onSecure?.();
    });
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

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    if (this.#isOpen) this.#socket.unref();
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Hands what comes to `listener` from now on; without one, anything that comes closes the connection. */
  listen(listener: SocketListener | undefined): void {
    this.#listener = listener;
  }

  /** Ends the connection at once. The listener gets the error. */
  close(error?: Error): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // Node would finish a connection that is being made before it resets it
    if (this.#closesByReset && !(this.#socket instanceof TLSSocket) && !this.#socket.connecting)
      this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    // the stack trace of an error costs more than the rest, so it is made only for a listener
    this.#listener?.onEnd(error ?? new BrokenCall("cancelled", "the connection is closed"));
    this.#listener = undefined;
  }

  #onBytes(bytes: Buffer): void {
    if (!this.#isOpen) return;
    if (this.#listener === undefined) this.close();
    else this.#listener.onBytes(bytes);
  }

  #onEnd(error: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.destroy();
    this.#listener?.onEnd(error);
    this.#listener = undefined;
  }
}

function connectPlain(
  to: ConnectOptions | { readonly path: string },
  buffer: Buffer,
  onBytes: (bytes: Buffer) => void,
): Socket {
  const callback = (length: number) => {
    onBytes(buffer.subarray(0, length));
    return true;
  };
  return connectTcp({ ...to, onread: { buffer, callback } });
}
