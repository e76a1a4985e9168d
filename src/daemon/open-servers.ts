/**
 * The servers of one `Health`: opened by `listen`, forgotten when they are closed, and ended together by `shutdown`.
 *
 *     listen --> opening --> open --> close() --> forgotten
 *                   |          '----> shutdown
 *                   '--> shutdown began meanwhile: closed, and `listen` rejects with ALREADY_STOPPED
 */
import { keepAlive } from "../core/background.js";
import { HealthError } from "../core/health-error.js";
import type { ListenEntry } from "../core/listen-point.js";
import { heapUsedBytes } from "../core/memory.js";
import { trueOrFalse } from "../core/option.js";
import { runShutdown, type ShutdownSteps, type ShutdownTimes } from "../lifecycle/shutdown.js";
import type { DiscoveryReadings } from "../telemetry/discovery-metrics.js";
import type { FleetMeasurements } from "../telemetry/fleet-metrics.js";
import type { ServerReadings } from "../telemetry/metrics.js";
import type { PageFleet } from "../transports/http/page/fleet-view.js";
import { requirePaths } from "../transports/http/routes.js";
import {
  type HealthServer,
  type ListeningServer,
  OpenServer,
  requireListenOptions,
  type ServerDeps,
  type ServerOptions,
} from "./server.js";
import type { ThreadServerDeps } from "./thread/thread-server.js";

/** What the servers need: for those in this thread, and for those in threads of their own. */
export interface OpenServersDeps extends Omit<ServerDeps, "signal" | "onClosed"> {
  readonly thread: Omit<ThreadServerDeps, "clock" | "others" | "bridge" | "signal" | "onClosed">;
}

/** The part of a shutdown that is not about the servers. */
export interface ShutdownHooks extends Pick<ShutdownSteps, "announce" | "endWatches"> {
  /** Called at the very end, also when a step has thrown. The shutdown waits for it. */
  onEnd(): Promise<void> | undefined;
  /** Whether a server of the application serves this health too: it needs the drain delay. */
  readonly isServedElsewhere: boolean;
}

export class OpenServers {
  readonly #deps: OpenServersDeps;
  readonly #open = new Set<ListeningServer>();
  /** Calls of `listen` that have not settled. */
  readonly #opening = new Set<Promise<HealthServer>>();
  /** Aborted when the shutdown begins. */
  readonly #stop = new AbortController();
  #stopping: Promise<void> | undefined;
  /** What discovery shows in metrics; `undefined` without discovery. */
  discovery: (() => DiscoveryReadings) | undefined;
  /** What a fleet shows in metrics and on the page; `undefined` without one. */
  fleet: ({ readonly measurements: FleetMeasurements } & PageFleet) | undefined;
  /** Settles when the drain delay of the shutdown is over; `undefined` without a shutdown. */
  drained: Promise<void> | undefined;

  constructor(deps: OpenServersDeps) {
    this.#deps = deps;
  }

  /** How many servers are open. */
  get count(): number {
    return this.#open.size;
  }

  /** Whether something is an open server of this `Health`. */
  has(server: object): boolean {
    return [...this.#open].some((open) => open === server);
  }

  /** What all servers show together. */
  get readings(): ServerReadings {
    return {
      ...this.#readingsOf([...this.#open]),
      heapUsedBytes: heapUsedBytes(),
      silenceMs: undefined,
    };
  }

  get watcherCount(): number {
    return this.#readingsOf([...this.#open]).watcherCount;
  }

  /** Names with an open Watch, of the servers that the registry does not count itself. */
  get watchedNameCount(): number {
    return sum([...this.#open].map(({ watchedNameCount }) => watchedNameCount));
  }

  /** @throws HealthError ALREADY_STOPPED when the shutdown has begun. `call` names what came too late. */
  requireRunning(call: string): void {
    if (this.#stopping !== undefined) throw new HealthError("ALREADY_STOPPED", `${call} must come before shutdown()`);
  }

  /** Opens a server. Rejects as `Health.listen` does. */
  listen(addresses: readonly ListenEntry[], options: ServerOptions): Promise<HealthServer> {
    return this.open((deps) => this.#start(deps, addresses, options));
  }

  /** Opens a server of any kind: from then on it has the steps of the shutdown. @throws HealthError ALREADY_STOPPED */
  open(start: (deps: ServerDeps) => Promise<ListeningServer>): Promise<HealthServer> {
    const opening = keepAlive(this.#openServer(start));
    this.#opening.add(opening);
    return opening.finally(() => this.#opening.delete(opening));
  }

  /** Shuts down once: a second call returns the same promise. */
  shutdown(hooks: ShutdownHooks, times: ShutdownTimes): Promise<void> {
    if (this.#stopping !== undefined) return this.#stopping;
    let run = () => {};
    // the promise exists before the first step: a listener of transitions that calls shutdown() gets the same one
    const stopping = new Promise<void>((resolve) => {
      run = () => resolve(this.#shutdown(hooks, times));
    });
    this.#stopping = keepAlive(stopping);
    this.#stop.abort(new HealthError("ALREADY_STOPPED", "shutdown() began before listen() had bound its addresses"));
    run();
    return this.#stopping;
  }

  async #openServer(start: (deps: ServerDeps) => Promise<ListeningServer>): Promise<HealthServer> {
    this.requireRunning("listen()");
    const { signal } = this.#stop;
    const onClosed = (server: ListeningServer) => void this.#open.delete(server);
    const server = await start({ ...this.#deps, signal, onClosed });
    if (!signal.aborted) {
      this.#open.add(server);
      return server;
    }
    await server.close();
    throw signal.reason;
  }

  async #start(deps: ServerDeps, addresses: readonly ListenEntry[], options: ServerOptions): Promise<ListeningServer> {
    if (!Array.isArray(addresses))
      throw new HealthError("INVALID_ADDRESS", 'listen() needs a list of addresses, such as [":50051", ":8080"]');
    requireListenOptions(options);
    const { stallAfter, paths } = options;
    requirePaths(paths);
    const thread = trueOrFalse("thread", options.thread, false);
    if (!thread && stallAfter !== undefined)
      throw new HealthError("INVALID_OPTION", "stallAfter has no effect without thread: true");
    if (!thread) return OpenServer.start(deps, addresses, options);
    const { ThreadServer } = await import("./thread/thread-server.js");
    const { clock, bridge, signal, onClosed } = deps;
    signal.throwIfAborted();
    const others = (self: ListeningServer) => this.#readingsOf([...this.#open].filter((server) => server !== self));
    return ThreadServer.start({ ...this.#deps.thread, signal, onClosed, clock, bridge, others }, addresses, options);
  }

  #readingsOf(
    servers: readonly ListeningServer[],
  ): Pick<ServerReadings, "connectionCount" | "watcherCount" | "certificateEndsAt"> {
    const ends = servers.flatMap(({ certificateEndsAt }) => certificateEndsAt ?? []);
    return {
      connectionCount: sum(servers.map(({ connectionCount }) => connectionCount)),
      watcherCount: this.#deps.bridge.reader.watcherCount + sum(servers.map(({ watcherCount }) => watcherCount)),
      certificateEndsAt: ends.length === 0 ? undefined : Math.min(...ends),
    };
  }

  async #shutdown(hooks: ShutdownHooks, times: ShutdownTimes): Promise<void> {
    const servers = [...this.#open];
    const opening = [...this.#opening];
    let onDrained = () => {};
    this.drained = new Promise((resolve) => {
      onDrained = resolve;
    });
    const all = async (step: (server: ListeningServer) => Promise<void>) => void (await Promise.all(servers.map(step)));
    const steps: ShutdownSteps = {
      announce: () => hooks.announce(),
      stopAccepting: () => {
        onDrained();
        for (const server of servers) server.stopAccepting();
      },
      endWatches: () => hooks.endWatches(),
      closeGracefully: () => all((server) => server.closeGracefully()),
      destroy: async () => {
        await Promise.allSettled(opening);
        await all((server) => server.close());
      },
    };
    const isServed = servers.length > 0 || hooks.isServedElsewhere;
    try {
      await runShutdown(steps, this.#deps.clock, isServed ? times : { ...times, drainDelayMs: 0 });
    } finally {
      onDrained(); // a step before may have thrown
      await hooks.onEnd();
    }
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
