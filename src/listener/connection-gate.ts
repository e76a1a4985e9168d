/**
 * Admits connections: counts them, enforces their limits, and owns them until they close.
 *
 *     receive --> admit (limits) --> [ held until open() ] --> PROXY header, from a proxy --> sniff | TLS handshake --> sink
 *
 * The limit of one address is about clients. Where a proxy names the client, it is checked after the header.
 *
 * Every admitted socket is in one map until it closes, also while a transport uses it, so that a shutdown can end all
 * of them.
 */
import { Socket } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import { type ChannelMessages, type ProxyHeaderFault, publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import { DEFAULT_FIRST_BYTES_TIMEOUT_MS, milliseconds, wholeNumber } from "../core/option.js";
import type { ProxyPeers } from "../core/proxy-peers.js";
import { descriptorShares } from "../lifecycle/descriptor-shares.js";
import { readFirstBytes } from "./first-bytes.js";
import { readProxyHeader } from "./proxy-header.js";
import { type ConnectionSink, type RawSink, type Sinks, sniffProtocol } from "./sniff-protocol.js";

/** Options of a gate. */
export interface ConnectionGateOptions {
  readonly clock: Clock;
  readonly instance: string;
  readonly sinks: Sinks | RawSink;
  /** Connections open at once; further ones are closed at once. Default 16,384, or the clients' share of the open files. */
  readonly maxConnections?: number | undefined;
  /** Connections open at once from one address. Default: no limit, since a gateway is one address. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /** Milliseconds for the first byte, and again for the preface of HTTP/2. Default 5 s. */
  readonly firstBytesTimeoutMs?: number | undefined;
}

/** What one address does in another way than the gate does by default. */
export interface AddressRules {
  /** The transports of its connections. Default: those of the gate. */
  readonly sinks?: Sinks | RawSink | undefined;
  /** Peers whose connections must begin with a PROXY header. Default: none. */
  readonly proxies?: ProxyPeers | undefined;
}

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #firstBytesTimeoutMs: number;
  /** Every open connection with the address of its peer: a socket no longer has its address when the peer has closed it. */
  readonly #sockets = new Map<Socket, string>();
  /** The connections that count for the limit of an address, with the address of their client. */
  readonly #clients = new Map<Socket, string>();
  readonly #perAddress = new Map<string, number>();
  /** Connections that are held, sniffed or in a TLS handshake. */
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
  receive(socket: Socket, { sinks = this.#options.sinks, proxies }: AddressRules = {}): void {
    if ("raw" in sinks) {
      this.#admit(socket, proxies, () => this.#handOver(socket, "raw", sinks.raw));
      return;
    }
    this.#admit(socket, proxies, () =>
      sniffProtocol(socket, {
        clock: this.#options.clock,
        firstBytesTimeoutMs: this.#firstBytesTimeoutMs,
        onRefused: (rule) => this.#end(socket, rule),
        onKnown: (protocol) => this.#handOver(socket, protocol, sinks[protocol]),
      }),
    );
  }

  /** Takes a connection that speaks TLS. The server's `secureConnection` event must call `receiveSecure`. */
  receiveTls(socket: Socket, server: TlsServer, { proxies }: Pick<AddressRules, "proxies"> = {}): void {
    this.#admit(socket, proxies, () => void server.emit("connection", socket));
  }

  /** Takes a connection after its TLS handshake: ALPN names its protocol, HTTP/1 is the default. */
  receiveSecure(socket: TLSSocket): void {
    socket.on("error", ignoreBrokenConnection);
    const protocol = socket.alpnProtocol === "h2" ? "http2" : "http1";
    const { sinks } = this.#options;
    if ("raw" in sinks) this.#end(socket, "tls-on-plain-port");
    else this.#handOver(socket, protocol, sinks[protocol]);
  }

  /** Ends a connection whose TLS handshake failed or took too long. A peer that closed the connection broke no rule. */
  refuseHandshake(error: Error, socket: TLSSocket): void {
    if (socket.remoteAddress === undefined) socket.destroy();
    else this.#end(socket, "code" in error ? `tls-handshake: ${error.code}` : "tls-handshake");
  }

  /** Ends a connection whose client has a valid certificate and is not allowed. */
  refuseClient(client: Omit<ChannelMessages["client-refused"], "address">, socket: TLSSocket): void {
    const { instance } = this.#options;
    publish("client-refused", { instance, address: this.#addressOf(socket), ...client });
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
  #admit(socket: Socket, proxies: ProxyPeers | undefined, start: () => void): void {
    socket.on("error", ignoreBrokenConnection);
    const peer = socket.remoteAddress ?? "unix";
    this.#sockets.set(socket, peer);
    socket.on("close", () => this.#forget(socket));
    const rule = this.#brokenRule();
    if (rule !== undefined) {
      this.#end(socket, rule);
      return;
    }
    this.#waiting.add(socket);
    const isProxied = proxies?.includes(socket.remoteAddress) === true;
    if (!isProxied && !this.#countClient(socket, peer)) return;
    const next = isProxied ? () => this.#readHeader(socket, start) : start;
    if (this.#held === undefined) next();
    else this.#held.push(() => socket.destroyed || next());
  }

  #readHeader(socket: Socket, start: () => void): void {
    readFirstBytes<ProxyHeaderFault>(socket, {
      clock: this.#options.clock,
      timeoutMs: this.#firstBytesTimeoutMs,
      rules: { silent: "timeout", unfinished: "timeout", cut: "cut" },
      judge: (bytes) => {
        const reading = readProxyHeader(bytes);
        if (reading === "more") return "more";
        if ("fault" in reading) return { rule: reading.fault };
        const { length: taken, client = this.#addressOf(socket) } = reading;
        return { taken, next: () => this.#countClient(socket, client) && start() };
      },
      onRefused: (fault) => {
        this.#waiting.delete(socket);
        publish("proxy-header-refused", { instance: this.#options.instance, address: this.#addressOf(socket), fault });
        socket.destroy();
      },
    });
  }

  /** Counts a connection for the address of its client. Returns false when it was one too many, and is ended. */
  #countClient(socket: Socket, address: string): boolean {
    const sameAddress = (this.#perAddress.get(address) ?? 0) + 1;
    this.#clients.set(socket, address);
    this.#perAddress.set(address, sameAddress);
    if (sameAddress <= this.#maxPerAddress) return true;
    this.#end(socket, "max-connections-per-address");
    return false;
  }

  #brokenRule(): string | undefined {
    if (this.#closed) return "shutting-down";
    return this.#sockets.size > this.#maxConnections ? "max-connections" : undefined;
  }

  #handOver(socket: Socket, protocol: keyof Sinks | "raw", sink: ConnectionSink): void {
    this.#waiting.delete(socketBelow(socket));
    if (this.#closed) {
      this.#end(socket, "shutting-down");
      return;
    }
    // HTTP/1 may answer a client that has closed its half; HTTP/2 has no use for half a connection, and would keep it
    if (protocol === "http2") socket.allowHalfOpen = false;
    sink(socket, this.#addressOf(socket));
  }

  #end(socket: Socket, rule: string): void {
    this.#waiting.delete(socketBelow(socket));
    publish("connection-ended", {
      instance: this.#options.instance,
      address: this.#addressOf(socket),
      rule,
    });
    socket.destroy();
  }

  /** The address of the client, for logs and limits: it grants no right. */
  #addressOf(socket: Socket): string {
    const below = socketBelow(socket);
    return this.#clients.get(below) ?? this.#sockets.get(below) ?? socket.remoteAddress ?? "unix";
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    this.#waiting.delete(socket);
    const address = this.#clients.get(socket);
    if (address === undefined) return;
    this.#clients.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}

/**
 * The connection below TLS, or the same one in clear text. Node has no documented way to it; without the field `_parent`, which
 * Node 20 to 24 have, the address of a proxy is shown in place of the client's.
 */
function socketBelow(socket: Socket): Socket {
  const below: unknown = Reflect.get(socket, "_parent");
  return below instanceof Socket ? below : socket;
}

/** Resolves with the `close` event of an admitted socket: the map holds no socket that has emitted it. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}

// A broken connection also emits `close`, and that event releases its resources. Without a listener, the error would
// end the process (CVE-2025-59465 was of this kind).
function ignoreBrokenConnection(): void {}
