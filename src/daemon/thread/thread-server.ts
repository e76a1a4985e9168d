/**
 * A server in a thread of its own: what `Health.listen` returns with `thread: true`.
 *
 *     start --> listening --+-- close(), shutdown --> ended
 *                 ^         '-- the thread has ended by itself --> fault --> started again, on the same addresses
 *                 |                                                                  |
 *                 '------------------------------------------------------------------'
 *
 * While the thread is started again, its addresses are closed: clients are refused, and no old status is served.
 */
import { background, keepAlive } from "../../core/background.js";
import { publish } from "../../core/channels.js";
import { durationAsGiven, parseDuration } from "../../core/duration.js";
import { HealthError } from "../../core/health-error.js";
import { type BoundAddress, faultInThread } from "../../core/listen-address.js";
import { addressTextOf, type ListenEntry, parseListenEntry, withAddress } from "../../core/listen-point.js";
import { identityEndsAt, renewedIdentity, type TlsIdentity, tlsServerOptions } from "../../listener/tls.js";
import type { ListeningServer, ServerOptions } from "../server.js";
import { type ListenerTask, ListenerWorker, type ListenerWorkerDeps } from "./listener-worker.js";

/** What a server in a thread needs. */
export interface ThreadServerDeps extends Omit<ListenerWorkerDeps, "others"> {
  readonly others: (self: ListeningServer) => ReturnType<ListenerWorkerDeps["others"]>;
  /** Aborted by a shutdown, with the error for a `listen` that has not settled. */
  readonly signal: AbortSignal;
  /** Called when the server is closed. */
  readonly onClosed: (server: ListeningServer) => void;
}

const DEFAULT_STALL_AFTER_MS = 10_000;

/** A shorter time would call a garbage collection or a slow request a stall. */
const MIN_STALL_AFTER_MS = 1_000;

/** The delays before a thread is started again. One that has run for the longest delay begins with the shortest again. */
const MIN_RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 30_000;

export class ThreadServer implements ListeningServer {
  addresses: readonly BoundAddress[] = [];
  readonly #deps: ThreadServerDeps;
  #task: ListenerTask;
  #worker: ListenerWorker;
  #certificateEndsAt: number | undefined;
  #isAccepting = true;
  #restartDelayMs = MIN_RESTART_DELAY_MS;
  #closing: Promise<void> | undefined;

  private constructor(deps: ThreadServerDeps, task: ListenerTask) {
    this.#deps = deps;
    this.#task = task;
    this.#worker = this.#createWorker();
  }

  /** Starts the thread, and waits until it serves. Rejects as `Health.listen` does. */
  static async start(
    deps: ThreadServerDeps,
    addresses: readonly ListenEntry[],
    options: ServerOptions,
  ): Promise<ThreadServer> {
    for (const fault of addresses.flatMap((entry) => faultInThread(parseListenEntry(entry).address) ?? []))
      throw new HealthError("INVALID_ADDRESS", fault);
    const server = new ThreadServer(deps, {
      addresses,
      options: plainOptions(options),
      stallAfterMs: stallAfterOf(options),
    });
    await server.#open();
    return server;
  }

  get connectionCount(): number {
    return this.#worker.numbers.read("connections");
  }

  get watcherCount(): number {
    return this.#worker.numbers.read("watchers");
  }

  get watchedNameCount(): number {
    return this.#worker.numbers.read("watchedNames");
  }

  get certificateEndsAt(): number | undefined {
    return this.#certificateEndsAt;
  }

  replaceTls(identity: TlsIdentity): void {
    const { tls } = this.#task.options;
    if (tls === undefined) return;
    const next = plainIdentity(renewedIdentity(tls, identity));
    tlsServerOptions(next); // the other thread cannot throw here
    this.#task = { ...this.#task, options: { ...this.#task.options, tls: next } };
    this.#certificateEndsAt = identityEndsAt(next);
    this.#worker.send({ kind: "tls", identity: next });
  }

  stopAccepting(): void {
    this.#isAccepting = false;
    this.#worker.stopAccepting();
  }

  closeGracefully(): Promise<void> {
    return this.#worker.closeGracefully();
  }

  close(): Promise<void> {
    this.#closing ??= keepAlive(this.#worker.close()).finally(() => this.#deps.onClosed(this));
    return this.#closing;
  }

  async #open(): Promise<void> {
    const { signal } = this.#deps;
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort);
    });
    try {
      this.addresses = await Promise.race([this.#worker.listening, aborted]);
      this.#task = { ...this.#task, addresses: this.#task.addresses.map((entry, index) => this.#bound(entry, index)) };
      const { tls } = this.#task.options;
      this.#certificateEndsAt = tls && identityEndsAt(tls);
      this.#restartAtEnd();
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #createWorker(): ListenerWorker {
    const { others, ...deps } = this.#deps;
    return new ListenerWorker({ ...deps, others: () => others(this) }, this.#task);
  }

  /** The address with the port that the system chose for port 0. */
  #bound(entry: ListenEntry, index: number): ListenEntry {
    const address = this.addresses[index];
    if (address === undefined || !("port" in address)) return entry;
    return withAddress(entry, addressTextOf(entry).replace(/:0+$/, `:${address.port}`));
  }

  #restartAtEnd(): void {
    const { clock, registry } = this.#deps;
    const worker = this.#worker;
    const startedAt = clock.now();
    const restart = async () => {
      await worker.ended;
      if (clock.now() - startedAt >= MAX_RESTART_DELAY_MS) this.#restartDelayMs = MIN_RESTART_DELAY_MS;
      if (this.#mayRestart) await keepAlive(this.#restart());
    };
    background(restart(), registry.instance, "listener thread");
  }

  /** During a shutdown, addresses that are closed are not opened again. */
  get #mayRestart(): boolean {
    return this.#isAccepting && this.#closing === undefined;
  }

  async #restart(): Promise<void> {
    const { instance } = this.#deps.registry;
    const error = new Error("the listener thread has ended; it is started again");
    publish("fault", { instance, where: "listener thread", error });
    for (;;) {
      const delayMs = this.#restartDelayMs;
      this.#restartDelayMs = Math.min(2 * delayMs, MAX_RESTART_DELAY_MS);
      await new Promise<void>((resolve) => void this.#deps.clock.setTimer(delayMs, resolve));
      if (!this.#mayRestart) return;
      try {
        this.#worker = this.#createWorker();
        await this.#worker.listening;
        this.#restartAtEnd();
        return;
      } catch (error) {
        publish("fault", { instance, where: "listener thread", error });
        await this.#worker.close();
      }
    }
  }
}

/** @throws HealthError INVALID_OPTION */
function stallAfterOf({ stallAfter }: ServerOptions): number {
  if (stallAfter === undefined) return DEFAULT_STALL_AFTER_MS;
  const ms = parseDuration(stallAfter);
  if (ms !== undefined && ms >= MIN_STALL_AFTER_MS) return ms;
  throw new HealthError("INVALID_OPTION", `stallAfter must be at least 1s; got ${durationAsGiven(stallAfter)}`);
}

/** The options of the server in the thread. A buffer would arrive there as another kind of array. */
function plainOptions({ thread, stallAfter, tls, ...options }: ServerOptions): ServerOptions {
  return tls === undefined ? options : { ...options, tls: plainIdentity(tls) };
}

function plainIdentity({ cert, key, clientCa, ...rules }: TlsIdentity): TlsIdentity {
  return { ...rules, cert: cert.toString(), key: key.toString(), clientCa: clientCa?.toString() };
}
