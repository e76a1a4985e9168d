/**
 * Admits connections: counts them, enforces their limits, and owns them until they close.
 *
 *     receive --> admit (limits) --> [ held until open() ] --> sniff | TLS handshake --> sink of the protocol
 *
 * Every admitted socket is in one map until it closes, also while a transport uses it, so that a shutdown can end all
 * of them.
 */
import type { Socket } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import { type ChannelMessages, publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { DEFAULT_FIRST_BYTES_TIMEOUT_MS, milliseconds, wholeNumber } from "../core/option.js";
import { descriptorShares } from "../lifecycle/descriptor-shares.js";
import { type Sinks, sniffProtocol } from "./sniff-protocol.js";

/** Options of a gate. */
export interface ConnectionGateOptions {
  readonly clock: Clock;
  readonly instance: string;
  readonly sinks: Sinks;
  /** Connections open at once; further ones are closed at once. Default 16,384, or the clients' share of the open files. */
  readonly maxConnections?: number | undefined;
  /** Connections open at once from one address. Default: no limit, since a gateway is one address. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Milliseconds for the first byte, and again for the preface of HTTP/2. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
}

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #firstBytesTimeoutMs: number;
  /** Every open connection with its address: a socket no longer has its address when the peer has closed it. */
  readonly #sockets = new Map<Socket, string>();
  readonly #perAddress = new Map<string, number>();
  /** Connections that are held or sniffed. */
  readonly #waiting = new Set<Socket>();
  /** What `open` does with the connections that it finds; undefined when it has been called. */
  #held: (() => void)[] | undefined = [];
  #closed = false;

  /** @throws HealthError INVALID_OPTION */
  constructor(options: ConnectionGateOptions) {
    this.#options = options;
    const { maxConnections, maxConnectionsPerAddress, firstBytesTimeoutMs } = options;
    this.#maxConnections = wholeNumber("maxConnections", maxConnections, descriptorShares().connections);
    this.#maxPerAddress = wholeNumber("maxConnectionsPerAddress", maxConnectionsPerAddress, Number.POSITIVE_INFINITY);
    this.#firstBytesTimeoutMs = milliseconds(
      "firstBytesTimeoutMs",
      firstBytesTimeoutMs,
      DEFAULT_FIRST_BYTES_TIMEOUT_MS,
    );
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Starts to serve: until then, connections are admitted and nothing is read from or written to them. */
  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const start of held) start();
  }

  /** Takes a connection in clear text. */
  receive(socket: Socket): void {
    this.#admit(socket, () =>
      sniffProtocol(socket, {
        clock: this.#options.clock,
        firstBytesTimeoutMs: this.#firstBytesTimeoutMs,
        onRefused: (rule) => this.#end(socket, rule),
        onKnown: (protocol) => this.#handOver(socket, protocol),
      }),
    );
  }

  /** Takes a connection that speaks TLS. The server's `secureConnection` event must call `receiveSecure`. */
  receiveTls(socket: Socket, server: TlsServer): void {
    this.#admit(socket, () => {
      this.#waiting.delete(socket);
      server.emit("connection", socket);
    });
  }

  /** Takes a connection after its TLS handshake: ALPN names its protocol, HTTP/1 is the default. */
  receiveSecure(socket: TLSSocket): void {
    socket.on("error", ignoreBrokenConnection);
    this.#handOver(socket, socket.alpnProtocol === "h2" ? "http2" : "http1");
  }

  /** Ends a connection whose TLS handshake failed or took too long. A peer that closed the connection broke no rule. */
  refuseHandshake(error: Error, socket: TLSSocket): void {
    if (socket.remoteAddress === undefined) socket.destroy();
    else this.#end(socket, "code" in error ? `tls-handshake: ${error.code}` : "tls-handshake");
  }

  /** Ends a connection whose client has a valid certificate and is not allowed. */
  refuseClient(client: Omit<ChannelMessages["client-refused"], "address">, socket: TLSSocket): void {
    const address = socket.remoteAddress ?? "unix";
    publish("client-refused", { instance: this.#options.instance, address, ...client });
    socket.on("error", ignoreBrokenConnection).destroy();
  }

  /** Admits no more connections, and ends those whose protocol is not known yet. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#waiting) this.#end(socket, "shutting-down");
  }

  /** Resolves when every connection that is open now has ended. */
  async whenIdle(): Promise<void> {
    await Promise.all([...this.#sockets.keys()].map(closed));
  }

  /** Ends every connection, and resolves when all have ended. */
  async destroyAll(): Promise<void> {
    const idle = this.whenIdle();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await idle;
  }

  /** Counts a connection, and calls `start` once the gate is open. Ends the connection when it exceeds a limit. */
  #admit(socket: Socket, start: () => void): void {
    socket.on("error", ignoreBrokenConnection);
    const address = socket.remoteAddress ?? "unix";
    const sameAddress = (this.#perAddress.get(address) ?? 0) + 1;
    this.#sockets.set(socket, address);
    this.#perAddress.set(address, sameAddress);
    socket.on("close", () => this.#forget(socket, address));
    const rule = this.#brokenRule(sameAddress);
    if (rule !== undefined) {
      this.#end(socket, rule);
      return;
    }
    this.#waiting.add(socket);
    if (this.#held === undefined) start();
    else this.#held.push(() => socket.destroyed || start());
  }

  #brokenRule(sameAddress: number): string | undefined {
    if (this.#closed) return "shutting-down";
    if (this.#sockets.size > this.#maxConnections) return "max-connections";
    return sameAddress > this.#maxPerAddress ? "max-connections-per-address" : undefined;
  }

  #handOver(socket: Socket, protocol: keyof Sinks): void {
    this.#waiting.delete(socket);
    if (this.#closed) {
      this.#end(socket, "shutting-down");
      return;
    }
    // HTTP/1 may answer a client that has closed its half; HTTP/2 has no use for half a connection, and would keep it
    if (protocol === "http2") socket.allowHalfOpen = false;
    this.#options.sinks[protocol](socket);
  }

  #end(socket: Socket, rule: string): void {
    this.#waiting.delete(socket);
    publish("connection-ended", {
      instance: this.#options.instance,
      address: this.#sockets.get(socket) ?? socket.remoteAddress ?? "unix",
      rule,
    });
    socket.destroy();
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    this.#waiting.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}

/** Resolves with the `close` event of an admitted socket: the map holds no socket that has emitted it. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

// A broken connection also emits `close`, and that event releases its resources. Without a listener, the error would
// end the process (CVE-2025-59465 was of this kind).
function ignoreBrokenConnection(): void {}
