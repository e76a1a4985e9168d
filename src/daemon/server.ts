/**
 * One open set of addresses with its transports: what `Health.listen` returns.
 *
 *     listener --+--> transports over the registry        addresses that offer everything
 *                '--> transports over the open set        `open://` addresses
 */
import { keepAlive } from "../core/background.js";
import type { Clock, Random } from "../core/clock.js";
import { DEFAULT_CONNECTION_AGE_MS } from "../core/connection-age.js";
import type { DurationLike } from "../core/duration.js";
import type { FairTurns } from "../core/fair-turns.js";
import { HealthError } from "../core/health-error.js";
import type { BoundAddress } from "../core/listen-address.js";
import { type ListenEntry, parseListenEntry } from "../core/listen-point.js";
import { requireKnownOptions } from "../core/option.js";
import type { SharedBytesPool } from "../core/shared-bytes.js";
import { type Listener, listen } from "../listener/listener.js";
import type { TlsIdentity } from "../listener/tls.js";
import type { LogLevel } from "../telemetry/log.js";
import type { LogForm } from "../telemetry/log-text.js";
import type { EngineOptions } from "./engines.js";
import { type Answering, Transports } from "./transports.js";

/** Options of `Health.listen`. */
export interface ListenOptions extends EngineOptions {
  /** Speak TLS on every address that is not `plain://` or `open://`. Default: clear text. */
  readonly tls?: TlsIdentity | undefined;
  /** HTTP paths that mean `/healthcheck`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Connections open at once. Default 16,384 or 80 % of the limit on open files, whichever is less. */
  readonly maxConnections?: number | undefined;
  /** Connections open at once from one address. Default: no limit. */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Serve in a thread of its own, which answers also while the event loop of the application is blocked. A change of a status
   * is then visible within 10 ms, not at once. Default false.
   */
  readonly thread?: boolean | undefined;
  /**
   * With `thread`: the time without a sign of life of the application's event loop after which liveness is 503 and every service
   * is NOT_SERVING. At least 1 s. Default 10 s.
   */
  readonly stallAfter?: DurationLike | undefined;
}

/** How a listener thread writes a log line while the main thread, which has the log, is blocked. */
export interface ThreadLog {
  readonly level: LogLevel;
  readonly form: LogForm;
}

/** Options of a server, with those of the daemon's own. */
export interface ServerOptions extends ListenOptions {
  readonly threadLog?: ThreadLog | undefined;
}

/** Every option, for callers without types: with a wrong name of `tls`, a server would speak clear text. */
const LISTEN_OPTIONS: Readonly<Record<keyof ServerOptions, true>> = {
  tls: true,
  paths: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
  thread: true,
  stallAfter: true,
  engine: true,
  grpcHealth: true,
  reflection: true,
  statusCodePaths: true,
  firstBytesTimeoutMs: true,
  requestTimeoutMs: true,
  answerTimeoutMs: true,
  keepaliveTimeMs: true,
  keepaliveTimeoutMs: true,
  maxConnectionIdleMs: true,
  maxConnectionAgeMs: true,
  maxConnectionAgeGraceMs: true,
  threadLog: true,
};

/** @throws HealthError INVALID_OPTION */
export function requireListenOptions(options: ServerOptions): void {
  requireKnownOptions("listen", options, Object.keys(LISTEN_OPTIONS));
}

export interface ServerDeps extends Answering {
  readonly clock: Clock;
  /** Shares the event loop among all connections. */
  readonly turns: FairTurns;
  readonly random: Random;
  /** What answers clients of `open://` addresses. */
  readonly open: Answering;
  /** Holds the long answers that clients are reading. */
  readonly pool: SharedBytesPool;
  /** Aborted by a shutdown, with the error for a `listen` that still looks up host names. */
  readonly signal: AbortSignal;
  /** Called when a server is closed. */
  readonly onClosed: (server: ListeningServer) => void;
}

/** A client certificate must not count for ever. */
function connectionAgeOf({ maxConnectionAgeMs, tls }: ListenOptions): number | undefined {
  return maxConnectionAgeMs ?? (tls?.clientCa === undefined ? undefined : DEFAULT_CONNECTION_AGE_MS);
}

/** An open set of addresses. */
export interface HealthServer {
  /** The addresses; where port 0 was given, with the port that the system chose. */
  readonly addresses: readonly BoundAddress[];
  /** Connections that are open now. */
  readonly connectionCount: number;
  /**
   * Uses another certificate, key, client CA, `allowClients` or `minVersion` for new connections; open ones stay. What is not
   * given stays too. Whether clients must show a certificate does not change, and nothing changes on a server without TLS.
   * @throws HealthError TLS_FAILED, INVALID_OPTION; the previous certificate stays in use then
   */
  replaceTls(identity: TlsIdentity): void;
  /** Closes the addresses and ends all connections, without a drain. Calling it again returns the same promise. */
  close(): Promise<void>;
}

/** A `HealthServer` with the steps of a shutdown, and with what is measured. */
export interface ListeningServer extends HealthServer {
  /** Wall time at which the first certificate of the chain expires; `undefined` without TLS. */
  readonly certificateEndsAt: number | undefined;
  /** Open Watch streams that the registry does not count itself. */
  readonly watcherCount: number;
  readonly watchedNameCount: number;
  /** Accepts no more connections. */
  stopAccepting(): void;
  /** Asks every client to close its connection, and resolves when all connections have ended. */
  closeGracefully(): Promise<void>;
}

/** What serves the connections of a listener. */
export type ServedTransports = Pick<Transports, "drain" | "close">;

/** A server in this thread. */
export class OpenServer implements ListeningServer {
  readonly watcherCount = 0;
  readonly watchedNameCount = 0;
  readonly #listener: Listener;
  readonly #transports: readonly ServedTransports[];
  readonly #onClosed: ServerDeps["onClosed"];
  #closing: Promise<void> | undefined;

  constructor(listener: Listener, transports: readonly ServedTransports[], onClosed: ServerDeps["onClosed"]) {
    this.#listener = listener;
    this.#transports = transports;
    this.#onClosed = onClosed;
  }

  /** Binds every address and serves. Rejects as `Health.listen` does. */
  static async start(deps: ServerDeps, entries: readonly ListenEntry[], options: ListenOptions): Promise<OpenServer> {
    const { clock, signal, open } = deps;
    const points = entries.map(parseListenEntry);
    if (points.length === 0)
      throw new HealthError("INVALID_ADDRESS", "listen() needs at least one address, such as :8080");
    const { instance } = deps.bridge.reader;
    const settings = { ...options, maxConnectionAgeMs: connectionAgeOf(options) };
    const hasOpen = points.some(({ address: { access } }) => access === "open");
    const full = await Transports.start(deps, deps, settings);
    const transports = [full];
    try {
      if (hasOpen) transports.push(await Transports.start(open, deps, { ...settings, reflection: false }));
      const sinks = { sinks: full.sinks, openSinks: transports[1]?.sinks };
      const listener = await listen(points, { ...options, ...sinks, clock, instance, signal });
      return new OpenServer(listener, transports, deps.onClosed);
    } catch (error) {
      await Promise.all(transports.map((each) => each.close()));
      throw error;
    }
  }

  get addresses(): readonly BoundAddress[] {
    return this.#listener.addresses;
  }

  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  get certificateEndsAt(): number | undefined {
    return this.#listener.certificateEndsAt;
  }

  replaceTls(identity: TlsIdentity): void {
    this.#listener.replaceTls(identity);
  }

  stopAccepting(): void {
    this.#listener.stopAccepting();
  }

  /** Asks every client to close its connection (GOAWAY), and resolves when all connections have ended. */
  async closeGracefully(): Promise<void> {
    for (const transports of this.#transports) transports.drain();
    await this.#listener.whenIdle();
  }

  close(): Promise<void> {
    this.#closing ??= keepAlive(this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      this.#listener.stopAccepting();
      for (const transports of this.#transports) transports.drain();
      await this.#listener.destroy();
      await Promise.all(this.#transports.map((transports) => transports.close()));
    } finally {
      this.#onClosed(this);
    }
  }
}
