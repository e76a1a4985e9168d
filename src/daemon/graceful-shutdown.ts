/**
 * Ends an application on a signal, in an order that cuts off no call:
 *
 *     signal --> drain, drainDelay --> servers close --> hooks, one after the other --> the process ends
 *                NOT_SERVING           Watch: UNAVAILABLE
 *
 * Servers have half of the time that is left after the drain delay, hooks have the rest. What fails or does not end in time
 * is logged, and the next step follows. A second signal ends the process at once.
 */
import { constants } from "node:os";
import { keepAlive } from "../core/background.js";
import { publish } from "../core/channels.js";
import { HealthError, stackOf } from "../core/health-error.js";
import { drainDelay, milliseconds, requireKnownOptions } from "../core/option.js";
import { type ClosableServer, closingOf, isClosable, type ServerClosing } from "../lifecycle/server-closing.js";
import { endBySignal, onSignals, terminationsOfProcess } from "../lifecycle/signals.js";
import type { Health } from "./health.js";

/** Work at the end of an application: closing a pool, flushing a log. Its name is the name of the function. */
export type ShutdownHook = () => unknown;

/** Options of `gracefulShutdown`. */
export interface GracefulShutdownOptions {
  readonly health: Health;
  /** The application's servers. A server of `health.listen` is closed with `health`, whether it is named here or not. */
  readonly servers?: readonly ClosableServer[] | undefined;
  /** Called in this order, when all servers are closed. */
  readonly hooks?: readonly ShutdownHook[] | undefined;
  /** Default SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[] | undefined;
  /** Milliseconds between NOT_SERVING and the end of service. Default 5 s. */
  readonly drainDelayMs?: number | undefined;
  /** Milliseconds for everything. Default 25 s: Kubernetes kills after 30 s. */
  readonly timeoutMs?: number | undefined;
  /**
   * How the process ends. `signal`: by the signal, whatever is still open. `by-itself`: when nothing is open any more.
   * Default `signal`.
   */
  readonly end?: "signal" | "by-itself" | undefined;
  /** Gets a line for each step. Default: `console.error`. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A shutdown that waits for its signal. */
export interface GracefulShutdown {
  /** Runs the same steps without a signal, and does not end the process. Calling it again returns the same promise. */
  shutdown(): Promise<void>;
  /** Removes the signal handlers: a signal ends the process as without `gracefulShutdown`. */
  [Symbol.dispose](): void;
}

const OPTIONS = ["health", "servers", "hooks", "signals", "drainDelayMs", "timeoutMs", "end", "log"] as const;
const DEFAULT_TIMEOUT_MS = 25_000;

/**
 * Waits for a signal, and then ends the application. Call it before the servers listen. Several calls in one process all
 * run, at the same time: the process ends when the last one is done.
 * @throws HealthError INVALID_OPTION
 */
export function gracefulShutdown(options: GracefulShutdownOptions): GracefulShutdown {
  requireOptions(options);
  const { end = "signal", signals = ["SIGTERM", "SIGINT"] } = options;
  if (end !== "signal" && end !== "by-itself")
    throw new HealthError("INVALID_OPTION", `end must be "signal" or "by-itself", got ${JSON.stringify(end)}`);
  const run = new ShutdownRun(options);
  let isTerminating = false;
  const terminate = async (signal: NodeJS.Signals) => {
    const terminations = terminationsOfProcess();
    terminations.running += 1;
    await run.start(signal);
    terminations.running -= 1;
    stopWaiting();
    if (end === "signal") terminations.endsBySignal = true;
    if (terminations.running === 0 && terminations.endsBySignal) endBySignal(signal);
  };
  const stopWaiting = onSignals(signals, (signal) => {
    if (isTerminating) {
      run.log(`${signal} again: ends at once`);
      stopWaiting();
      endBySignal(signal);
    }
    isTerminating = true;
    void terminate(signal);
  });
  return { shutdown: () => run.start("shutdown()"), [Symbol.dispose]: stopWaiting };
}

/** Checks what types cannot promise: a mistake must not show at the moment of the signal. */
function requireOptions(options: GracefulShutdownOptions): void {
  requireKnownOptions("gracefulShutdown", options, OPTIONS);
  const { health, servers = [], hooks = [], signals = [], log } = options;
  const invalid = (text: string) => new HealthError("INVALID_OPTION", text);
  // no instanceof: it may be of another copy of this package
  if (typeof health?.shutdown !== "function") throw invalid("health must be a Health");
  if (!Array.isArray(servers)) throw invalid("servers must be a list of servers");
  const server = servers.findIndex((each) => !isClosable(each));
  if (server !== -1)
    throw invalid(`servers[${server}] has no close() or stop(); for Express or Koa, give what app.listen() returns`);
  if (!Array.isArray(hooks) || !hooks.every((hook) => typeof hook === "function"))
    throw invalid("hooks must be a list of functions");
  if (log !== undefined && typeof log !== "function") throw invalid("log must be a function");
  if (!Array.isArray(signals)) throw invalid("signals must be a list of names, such as SIGTERM");
  const wrong = signals.find((signal) => !(signal in constants.signals) || UNCATCHABLE.includes(signal));
  if (wrong !== undefined) throw invalid(`${JSON.stringify(wrong)} is not a signal that a process can wait for`);
}

const UNCATCHABLE: readonly NodeJS.Signals[] = ["SIGKILL", "SIGSTOP"];

/** The steps, once. */
class ShutdownRun {
  readonly #log: (line: string) => void;
  readonly #health: Health;
  readonly #closings: readonly ServerClosing[];
  readonly #hooks: readonly ShutdownHook[];
  readonly #drainDelayMs: number;
  readonly #timeoutMs: number;
  #running: Promise<void> | undefined;

  constructor(options: GracefulShutdownOptions) {
    const { health, servers = [], hooks = [] } = options;
    this.#health = health;
    this.#drainDelayMs = drainDelay(options.drainDelayMs);
    this.#timeoutMs = milliseconds("timeoutMs", options.timeoutMs, DEFAULT_TIMEOUT_MS);
    if (this.#timeoutMs <= this.#drainDelayMs)
      throw new HealthError("INVALID_OPTION", "timeoutMs must be longer than drainDelayMs");
    // biome-ignore lint/suspicious/noConsole: an application sees the order of its end without a set-up
    this.#log = options.log ?? ((line) => console.error(`healthbridge: ${line}`));
    this.#hooks = hooks;
    // after the checks of the options: it adds listeners
    this.#closings = [...new Set(servers)]
      .filter((server) => !health.parts.servers.has(server))
      .map((server) => closingOf(server, health.parts.bridge.clock));
  }

  /** A log that fails must not stop the shutdown. */
  log(line: string): void {
    try {
      this.#log(line);
    } catch (error) {
      publish("fault", { instance: this.#health.parts.registry.instance, where: "the log of gracefulShutdown", error });
    }
  }

  start(cause: string): Promise<void> {
    this.#running ??= keepAlive(this.#run(cause));
    return this.#running;
  }

  async #run(cause: string): Promise<void> {
    const { clock } = this.#health.parts.bridge;
    const startedAt = clock.now();
    const leftMs = () => Math.max(0, this.#timeoutMs - (clock.now() - startedAt));
    this.log(`${cause}: every service is NOT_SERVING; servers close in ${this.#drainDelayMs} ms`);
    const healthClosed = this.#shutdownHealth();
    for (const closing of this.#closings) closing.announce();
    await this.#sleep(this.#drainDelayMs);
    await this.#closeServers(leftMs() / 2, healthClosed);
    for (const hook of this.#hooks)
      await this.#step(`hook ${hook.name || "without a name"}`, async () => hook(), leftMs());
    this.log(`shut down after ${Math.round(clock.now() - startedAt)} ms`);
  }

  /** Closes every server at the same time: they serve the same clients. */
  async #closeServers(timeoutMs: number, healthClosed: Promise<void>): Promise<void> {
    // a Watch would keep a server of grpc-js open
    this.#health.parts.endStreams();
    const closings = this.#closings.map(async (closing) => {
      const isClosed = await this.#step(closing.name, () => closing.close(), timeoutMs);
      // a server of grpc-js may throw (docs/known-faults.md 0.6)
      if (!isClosed) await this.#step(`${closing.name}, the rest`, async () => closing.destroy(), timeoutMs);
    });
    await Promise.all([...closings, this.#step("health", () => healthClosed, timeoutMs)]);
  }

  /** Begins with the drain, so that nothing ends the drain: its servers close after the delay, at the same time as the others. */
  #shutdownHealth(): Promise<void> {
    const timeoutMs = (this.#timeoutMs - this.#drainDelayMs) / 2;
    // it destroys what is left in one second more
    const closeTimeoutMs = Math.max(0, timeoutMs - 1_000);
    const closed = this.#health.shutdown({ drainDelayMs: this.#drainDelayMs, closeTimeoutMs });
    closed.catch(() => {}); // the step reports it
    return closed;
  }

  /** Runs a step, and logs how it ended. Returns whether it has done its work in time. */
  async #step(name: string, work: () => Promise<unknown>, timeoutMs: number): Promise<boolean> {
    const { clock } = this.#health.parts.bridge;
    const startedAt = clock.now();
    const duration = () => `after ${Math.round(clock.now() - startedAt)} ms`;
    const timeout = this.#sleep(timeoutMs).then(() => "timeout");
    try {
      if ((await Promise.race([work(), timeout])) === "timeout") {
        this.log(`${name}: not done in time, given up ${duration()}`);
        return false;
      }
      this.log(`${name}: done ${duration()}`);
      return true;
    } catch (error) {
      this.log(`${name}: failed ${duration()}: ${stackOf(error)}`);
      return false;
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#health.parts.bridge.clock.setTimer(ms, resolve));
  }
}
