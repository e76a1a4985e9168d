/**
 * A set of addresses, each of which speaks HTTP/1.1 and HTTP/2.
 *
 *     address --> net server --> gate (limits) --+--> sniff the first bytes --+--> http1 | http2 sink
 *                                                +--> TLS server, ALPN -------+    (`open://`: its own sinks)
 *
 *     resolve all host names --> bind all addresses --> open the gate
 *
 * Either all addresses are served or none. A connection that arrives before the last address is bound waits at the gate.
 */
import { createServer, type Server } from "node:net";
import { publish } from "../core/channels.js";
import type { BoundAddress } from "../core/listen-address.js";
import type { ListenPoint } from "../core/listen-point.js";
import { bind, resolveAddress } from "./bind.js";
import { ConnectionGate, type ConnectionGateOptions } from "./connection-gate.js";
import type { Sinks } from "./sniff-protocol.js";
import type { TlsIdentity } from "./tls.js";
import { TlsAcceptor } from "./tls-acceptor.js";

/** Options of a listener. */
export interface ListenerOptions extends ConnectionGateOptions {
  /** The transports of `open://` addresses, which need them: those of other addresses show names. */
  readonly openSinks?: Sinks | undefined;
  /** Speak TLS on every address that is not `plain://` or `open://`. */
  readonly tls?: TlsIdentity | undefined;
  /** When it is aborted while host names are looked up, `listen` rejects with its reason at once. */
  readonly signal?: AbortSignal | undefined;
}

/** An open set of addresses. */
export class Listener {
  readonly addresses: readonly BoundAddress[];
  readonly #tls: TlsAcceptor | undefined;
  readonly #servers: readonly Server[];
  readonly #gate: ConnectionGate;

  constructor(
    addresses: readonly BoundAddress[],
    servers: readonly Server[],
    gate: ConnectionGate,
    tls?: TlsAcceptor | undefined,
  ) {
    this.addresses = addresses;
    this.#tls = tls;
    this.#servers = servers;
    this.#gate = gate;
  }

  /** Wall time at which the first certificate of the chain expires; `undefined` without TLS. */
  get certificateEndsAt(): number | undefined {
    return this.#tls?.certificateEndsAt;
  }

  /**
   * Uses another certificate and other rules for clients, for new connections. Open connections stay. Whether clients must show a
   * certificate does not change.
   * @throws HealthError TLS_FAILED, INVALID_OPTION; the previous certificate stays in use then
   */
  replaceTls(identity: TlsIdentity): void {
    this.#tls?.replace(identity);
  }

  get connectionCount(): number {
    return this.#gate.connectionCount;
  }

  /** Accepts no more connections, and ends those whose protocol is not known yet. Calling it again does nothing. */
  stopAccepting(): void {
    this.#gate.close();
    for (const server of this.#servers) server.close();
  }

  /** Resolves when every connection that is open now has ended. */
  whenIdle(): Promise<void> {
    return this.#gate.whenIdle();
  }

  /** Ends every connection at once, and resolves when all have ended. */
  destroy(): Promise<void> {
    this.stopAccepting();
    return this.#gate.destroyAll();
  }
}

/**
 * Binds every address, then serves.
 * @throws HealthError LISTEN_FAILED naming the first address that cannot be bound, TLS_FAILED; no address is open then
 */
export async function listen(points: readonly ListenPoint[], options: ListenerOptions): Promise<Listener> {
  // a programming error must not open to all clients what is for few
  if (options.openSinks === undefined && points.some(({ address }) => address.access === "open"))
    throw new Error("an open:// address needs openSinks");
  const gate = new ConnectionGate(options);
  const tls = options.tls && new TlsAcceptor(options.tls, gate);
  const resolved = valuesOf(await abortable(Promise.allSettled(points.map(resolvePoint)), options.signal));
  const bindings = resolved.map(({ point, address }) => {
    const server = createAddressServer(gate, point, { tls, openSinks: options.openSinks });
    return { server, bound: bind(server, address) };
  });
  const servers = bindings.map(({ server }) => server);
  const results = await Promise.allSettled(bindings.map(({ bound }) => bound));
  try {
    const listener = new Listener(valuesOf(results), servers, gate, tls);
    for (const server of servers) publishErrors(server, options.instance);
    gate.open();
    return listener;
  } catch (error) {
    await new Listener([], servers, gate).destroy();
    throw error;
  }
}

async function resolvePoint(point: ListenPoint) {
  return { point, address: await resolveAddress(point.address) };
}

/** A server for one address. In clear text a client may half-close before it has its answer, as `printf | nc` does. */
function createAddressServer(
  gate: ConnectionGate,
  { address: { access }, proxies }: ListenPoint,
  { tls, openSinks }: Pick<ListenerOptions, "openSinks"> & { readonly tls: TlsAcceptor | undefined },
): Server {
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
  if (access === "default" && tls !== undefined)
    return createServer(options, (socket) => gate.receiveTls(socket, tls.server, { proxies }));
  const rules = { proxies, sinks: access === "open" ? openSinks : undefined };
  return createServer({ ...options, allowHalfOpen: true }, (socket) => gate.receive(socket, rules));
}

/** A server that cannot accept a connection tries again. Without a listener, its error would end the process. */
function publishErrors(server: Server, instance: string): void {
  server.on("error", (error) => publish("fault", { instance, where: "listener", error }));
}

/** All values, in order. Throws the first reason when one is rejected. */
function valuesOf<Value>(results: readonly PromiseSettledResult<Value>[]): readonly Value[] {
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** The same promise, or a rejection with the signal's reason when it is aborted first. */
async function abortable<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The kernel probes a silent TCP connection after this time, and closes it when the peer does not answer. */
const TCP_KEEPALIVE_MS = 30_000;
