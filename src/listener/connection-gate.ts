/**
 * Receives connections: counts them, holds their limits, and owns them to the end.
 *
 * Every accepted socket is in one set until it closes, whoever has it meanwhile, so that a shutdown can end them all.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { milliseconds, wholeNumber } from "../core/option.js";
import { defaultMaxConnections } from "./descriptor-limit.js";
import { type Sinks, sniffProtocol } from "./sniff-protocol.js";

/** How connections are received. */
export interface ConnectionGateOptions {
  readonly clock: Clock;
  readonly instance: string;
  readonly sinks: Sinks;
  /** Connections open at once; more are closed at once. Default 16,384 or 80 % of the limit on open files. */
  readonly maxConnections?: number | undefined;
  /** Connections open at once from one address. Default: no limit, since a gateway is one address. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Milliseconds for the first byte, and again for the preface of HTTP/2. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
}

const DEFAULT_FIRST_BYTES_TIMEOUT_MS = 5_000;

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #firstBytesTimeoutMs: number;
  /** Every open connection with its address: a socket whose peer has gone doesn't tell it any more. */
  readonly #sockets = new Map<Socket, string>();
  readonly #perAddress = new Map<string, number>();
  /** Connections that no transport has yet. */
  readonly #sniffing = new Set<Socket>();
  #closed = false;

  /** @throws HealthError INVALID_OPTION */
  constructor(options: ConnectionGateOptions) {
    this.#options = options;
    const { maxConnections, maxConnectionsPerAddress, firstBytesTimeoutMs } = options;
    this.#maxConnections = wholeNumber("maxConnections", maxConnections, defaultMaxConnections());
    this.#maxPerAddress = wholeNumber("maxConnectionsPerAddress", maxConnectionsPerAddress, Number.POSITIVE_INFINITY);
    this.#firstBytesTimeoutMs = milliseconds(
      "firstBytesTimeoutMs",
      firstBytesTimeoutMs,
      DEFAULT_FIRST_BYTES_TIMEOUT_MS,
    );
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Takes a connection in clear text. */
  receive(socket: Socket): void {
    if (!this.admit(socket)) return;
    this.#sniffing.add(socket);
    sniffProtocol(socket, {
      clock: this.#options.clock,
      firstBytesTimeoutMs: this.#firstBytesTimeoutMs,
      onRefused: (rule) => this.#end(socket, rule),
      onKnown: (protocol) => this.#handOver(socket, protocol),
    });
  }

  /** Takes a connection whose TLS handshake is done: ALPN says what it speaks, HTTP/1 where it says nothing. */
  receiveSecure(socket: TLSSocket): void {
    socket.on("error", ignoreBrokenConnection);
    this.#handOver(socket, socket.alpnProtocol === "h2" ? "http2" : "http1");
  }

  /** Counts a connection in, or ends it; says which. */
  admit(socket: Socket): boolean {
    socket.on("error", ignoreBrokenConnection);
    const address = socket.remoteAddress ?? "unix";
    const sameAddress = (this.#perAddress.get(address) ?? 0) + 1;
    this.#sockets.set(socket, address);
    this.#perAddress.set(address, sameAddress);
    socket.on("close", () => this.#forget(socket, address));
    const rule = this.#closed
      ? "shutting-down"
      : this.#sockets.size > this.#maxConnections
        ? "max-connections"
        : sameAddress > this.#maxPerAddress
          ? "max-connections-per-address"
          : undefined;
    if (rule !== undefined) this.#end(socket, rule);
    return rule === undefined;
  }

  /** Ends a connection whose TLS handshake failed or took too long. A peer that has gone by itself broke no rule. */
  refuseHandshake(error: Error, socket: TLSSocket): void {
    if (socket.remoteAddress === undefined) socket.destroy();
    else this.#end(socket, "code" in error ? `tls-handshake: ${error.code}` : "tls-handshake");
  }

  /** From now on nobody is admitted, and who has not said yet what to speak is sent away. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sniffing) this.#end(socket, "shutting-down");
  }

  /** Resolves when every connection that is open now has ended. */
  async whenIdle(): Promise<void> {
    await Promise.all([...this.#sockets.keys()].map(closed));
  }

  /** Ends every connection, and resolves when all are gone. */
  async destroyAll(): Promise<void> {
    const idle = this.whenIdle();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await idle;
  }

  #handOver(socket: Socket, protocol: keyof Sinks): void {
    this.#sniffing.delete(socket);
    if (this.#closed) {
      this.#end(socket, "shutting-down");
      return;
    }
    // HTTP/1 may answer a client that has closed its half; HTTP/2 has no use for half a connection, and would keep it
    if (protocol === "http2") socket.allowHalfOpen = false;
    this.#options.sinks[protocol](socket);
  }

  #end(socket: Socket, rule: string): void {
    this.#sniffing.delete(socket);
    publish("connection-ended", {
      instance: this.#options.instance,
      address: this.#sockets.get(socket) ?? socket.remoteAddress ?? "unix",
      rule,
    });
    socket.destroy();
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    this.#sniffing.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}

/** Whoever is counted has not emitted `close` yet, whatever its other properties say. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

// A connection that breaks emits `close` as well, and there everything is released; unheard, the error would end the
// process (CVE-2025-59465 was of this kind).
function ignoreBrokenConnection(): void {}
