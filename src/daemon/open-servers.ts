/**
 * The servers of one `Health`: opened by `listen`, forgotten when they are closed, and ended together by `shutdown`.
 *
 *     listen --> opening --> open --> close() --> forgotten
 *                   |          '----> shutdown
 *                   '--> shutdown began meanwhile: closed, and `listen` rejects with ALREADY_STOPPED
 */
import { keepAlive } from "../core/background.js";
import { HealthError } from "../core/health-error.js";
import { runShutdown, type ShutdownSteps, type ShutdownTimes } from "../lifecycle/shutdown.js";
import { type HealthServer, type ListenOptions, OpenServer, type ServerDeps } from "./server.js";

/** The part of a shutdown that is not about the servers. */
export interface ShutdownHooks extends Pick<ShutdownSteps, "announce" | "endWatches"> {
  /** Called at the very end, also when a step has thrown. The shutdown waits for it. */
  onEnd(): Promise<void> | undefined;
  /** Whether a server of the application serves this health too: it needs the drain delay. */
  readonly isServedElsewhere: boolean;
}

export class OpenServers {
  readonly #deps: Omit<ServerDeps, "signal" | "onClosed">;
  readonly #open = new Set<OpenServer>();
  /** Calls of `listen` that have not settled. */
  readonly #opening = new Set<Promise<HealthServer>>();
  /** Aborted when the shutdown begins. */
  readonly #stop = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(deps: Omit<ServerDeps, "signal" | "onClosed">) {
    this.#deps = deps;
  }

  /** Open connections of all servers. */
  get connectionCount(): number {
    return [...this.#open].reduce((sum, server) => sum + server.connectionCount, 0);
  }

  /** Wall time at which the first certificate of all chains expires; `undefined` without TLS. */
  get certificateEndsAt(): number | undefined {
    const ends = [...this.#open].flatMap(({ certificateEndsAt }) => certificateEndsAt ?? []);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** @throws HealthError ALREADY_STOPPED when the shutdown has begun. `call` names what came too late. */
  requireRunning(call: string): void {
    if (this.#stopping !== undefined) throw new HealthError("ALREADY_STOPPED", `${call} must come before shutdown()`);
  }

  /** Opens a server. Rejects as `Health.listen` does. */
  listen(addresses: readonly string[], options: ListenOptions): Promise<HealthServer> {
    const opening = keepAlive(this.#listen(addresses, options));
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

  async #listen(addresses: readonly string[], options: ListenOptions): Promise<HealthServer> {
    this.requireRunning("listen()");
    const { signal } = this.#stop;
    const onClosed = (server: OpenServer) => void this.#open.delete(server);
    const server = await OpenServer.start({ ...this.#deps, signal, onClosed }, addresses, options);
    if (!signal.aborted) {
      this.#open.add(server);
      return server;
    }
    await server.close();
    throw signal.reason;
  }

  async #shutdown(hooks: ShutdownHooks, times: ShutdownTimes): Promise<void> {
    const servers = [...this.#open];
    const opening = [...this.#opening];
    const all = async (step: (server: OpenServer) => Promise<void>) => void (await Promise.all(servers.map(step)));
    const steps: ShutdownSteps = {
      announce: () => hooks.announce(),
      stopAccepting: () => {
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
      await hooks.onEnd();
    }
  }
}
