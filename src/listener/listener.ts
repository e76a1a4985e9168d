/**
 * Every port speaks both protocols.
 *
 *     address --> net or tls server --> gate (limits) --> door (which protocol?) --> http1 | http2 sink
 *
 * Either all addresses are bound or none is served.
 */
import { createServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { publish } from "../core/channels.js";
import type { BoundAddress, ListenAddress } from "../core/listen-address.js";
import { bind } from "./bind.js";
import { ConnectionGate, type ConnectionGateOptions } from "./connection-gate.js";
import { type TlsIdentity, tlsServerOptions } from "./tls.js";

/** How a listener is set. */
export interface ListenerOptions extends ConnectionGateOptions {
  /** Speak TLS on every address that is not marked `plain`. */
  readonly tls?: TlsIdentity | undefined;
}

/** An open set of addresses. */
export class Listener {
  readonly addresses: readonly BoundAddress[];
  readonly #servers: readonly Server[];
  readonly #gate: ConnectionGate;

  constructor(addresses: readonly BoundAddress[], servers: readonly Server[], gate: ConnectionGate) {
    this.addresses = addresses;
    this.#servers = servers;
    this.#gate = gate;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#gate.connectionCount;
  }

  /** Accepts no more connections, nor hands one on that has not said yet what it speaks. Calling it again does nothing. */
  stopAccepting(): void {
    this.#gate.close();
    for (const server of this.#servers) server.close();
  }

  /** Resolves when every connection that is open now has ended. */
  whenIdle(): Promise<void> {
    return this.#gate.whenIdle();
  }

  /** Ends every connection at once, and resolves when all are gone. */
  destroy(): Promise<void> {
    this.stopAccepting();
    return this.#gate.destroyAll();
  }
}

/**
 * Binds every address, then serves.
 * @throws HealthError LISTEN_FAILED naming the address that could not be bound; none is served then. TLS_FAILED.
 */
export async function listen(addresses: readonly ListenAddress[], options: ListenerOptions): Promise<Listener> {
  const gate = new ConnectionGate(options);
  const tls = options.tls && tlsServerOptions(options.tls);
  const servers = addresses.map(({ plain }) => createAddressServer(gate, plain ? undefined : tls));
  const bindings = addresses.map((address, index) => bind(servers[index] ?? createServer(), address));
  const results = await Promise.allSettled(bindings);
  const bound = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  const listener = new Listener(bound, servers, gate);
  const failure = results.find((result) => result.status === "rejected");
  if (failure === undefined) {
    // a server that cannot accept goes on trying; unheard, its error would end the process
    for (const server of servers)
      server.on("error", (error) => publish("fault", { instance: options.instance, where: "listener", error }));
    return listener;
  }
  await listener.destroy();
  throw failure.reason;
}

/**
 * A server for one address. In clear text a client may close its half before it has its answer, as with `printf | nc`;
 * under TLS a half that is closed before the handshake would not be noticed.
 */
function createAddressServer(gate: ConnectionGate, tls: TlsOptions | undefined): Server {
  const sockets = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
  if (tls === undefined) return createServer({ ...sockets, allowHalfOpen: true }, (socket) => gate.receive(socket));
  return createTlsServer({ ...tls, ...sockets }, (socket) => gate.receiveSecure(socket))
    .on("connection", (socket) => void gate.admit(socket))
    .on("tlsClientError", (error, socket) => gate.refuseHandshake(error, socket));
}

/** A peer that is gone is found out by the kernel after this. */
const TCP_KEEPALIVE_MS = 30_000;
