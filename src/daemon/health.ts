/**
 * The library: one object that owns the statuses and publishes them.
 *
 *     const health = new Health();
 *     health.set("acme.Orders", "SERVING");
 *     const server = await health.listen([":50051", ":8080"]);
 *     await health.shutdown();
 *
 * It connects the rooms and contains no rule of its own. `healthbridge serve` uses it as any application does.
 */
import type { CheckOptions, CheckTarget, HeartbeatOptions, IsolationOptions } from "../checks/check-options.js";
import type { ChecksConfig } from "../checks/declarations.js";
import type { ReportStore } from "../checks/heartbeat-reports.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { sourceOf } from "../checks/sources.js";
import type { Violation } from "../checks/violation.js";
import type { Transition } from "../core/channels.js";
import { HealthError } from "../core/health-error.js";
import type { ListenEntry } from "../core/listen-point.js";
import type { ServingStatus } from "../core/serving-status.js";
import { requireShutdownTimes, type ShutdownTimes } from "../lifecycle/shutdown.js";
import type { Report } from "../probers/heartbeat.js";
import type { StatusDetails } from "../registry/ports.js";
import { type OpenTelemetryMeter, OpenTelemetryMetrics } from "../telemetry/open-telemetry.js";
import { assemble, type HealthOptions, type HealthParts } from "./assembly.js";
import { Integrations } from "./integrations.js";
import type { HealthServer, ListenOptions } from "./server.js";

/** The statuses of this process and of its checks, published over gRPC and HTTP. */
export class Health extends Integrations {
  /** @internal For the control service of the daemon. */
  readonly parts: HealthParts;
  readonly #observations = new Set<OpenTelemetryMetrics>();

  constructor(options: HealthOptions = {}) {
    const parts = assemble(options);
    super(parts);
    this.parts = parts;
  }

  /** Open Watch streams of all servers. */
  get watcherCount(): number {
    return this.parts.servers.watcherCount;
  }

  /** Names with at least one open Watch stream. */
  get watchedNameCount(): number {
    return this.parts.registry.watchedNameCount + this.parts.servers.watchedNameCount;
  }

  /** Whether all services report NOT_SERVING because of `drain` or `shutdown`. */
  get draining(): boolean {
    return this.parts.registry.draining;
  }

  /**
   * Declares a service or changes its status; `""` is the server as a whole. Returns whether it is published now: while
   * draining, a change is held back until `resume`.
   * @throws HealthTypeError INVALID_SERVICE_NAME or INVALID_STATUS; HealthError DUPLICATE_NAME for a service that a check
   *   or a configuration makes (with checks, `""` too). Nothing is stored then
   */
  set(service: string, status: ServingStatus, details?: StatusDetails): boolean {
    return this.parts.manual.set(service, status, details);
  }

  /**
   * Removes a service: its watchers get SERVICE_UNKNOWN. Returns false when there was none, or while draining.
   * @throws HealthTypeError INVALID_SERVICE_NAME; HealthError DUPLICATE_NAME for a service that a check or a
   *   configuration makes. Nothing has changed then
   */
  clear(service: string): boolean {
    return this.parts.manual.clear(service);
  }

  /** The status that a Check of the service returns; `undefined` for an unknown service. */
  status(service: string): ServingStatus | undefined {
    return this.parts.registry.read(service)?.status;
  }

  /** All declared services and the server as a whole, with their statuses. */
  list(): ReadonlyMap<string, ServingStatus> {
    return new Map([...this.parts.registry.services()].map(([service, { status }]) => [service, status]));
  }

  /**
   * Calls `listener` for each change of a status or of a check's state, in order. What it throws is published, and stops
   * no other listener. Returns an unsubscribe function.
   * @throws HealthError INVALID_OPTION when it is no function
   */
  onTransition(listener: (transition: Transition) => void): () => void {
    if (typeof listener !== "function") throw new HealthError("INVALID_OPTION", "onTransition: expected a function");
    return this.parts.registry.onTransition(listener);
  }

  /** Ends `startsReady: false`: the application is ready, if each task of `waitFor` is done. Calling it again does nothing. */
  started(): void {
    this.parts.readiness.start();
  }

  /**
   * Holds `""`, `readiness` and `startup` at NOT_SERVING until a task of the application has resolved, beside others and
   * beside `startsReady: false`. When it rejects, they stay NOT_SERVING (reason `start-failed`), and the error is published
   * on the channel `fault`.
   * @throws HealthError INVALID_OPTION when the task is no promise, ALREADY_STOPPED
   */
  waitFor(task: PromiseLike<unknown>): void {
    this.parts.servers.requireRunning("waitFor()");
    this.parts.readiness.waitFor(task);
  }

  /** Reports NOT_SERVING for all services, and holds back later changes. The liveness view does not change. */
  drain(): void {
    this.parts.registry.drain();
  }

  /**
   * Ends a drain: publishes the own statuses of the services again, with the changes made during the drain.
   * @throws HealthError ALREADY_STOPPED
   */
  resume(): void {
    this.parts.servers.requireRunning("resume()");
    this.parts.registry.resume();
  }

  /**
   * Checks a target (a URL), calls a function or runs a program, again and again, and publishes the result as the service
   * `name`, for the services that `options` names, and for the server as a whole. All are UNKNOWN until the first result.
   * A name that was set by hand must be cleared first, also `""`.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  check(name: string, target: CheckTarget, options: CheckOptions = {}): void {
    this.parts.servers.requireRunning("check()");
    this.parts.checks.add({ name, source: sourceOf(target), options });
  }

  /**
   * Declares a passive check: a report must come within its `ttl`, by the returned function or over HTTP
   * (`POST /heartbeat/<name>` with the token). It is UNKNOWN until the first report, or until the time is over; until then
   * it does not count for other services.
   * @throws HealthError INVALID_OPTION, INVALID_SERVICE_NAME, DUPLICATE_NAME; nothing has changed then
   */
  heartbeat(name: string, { ttl, token, ...options }: HeartbeatOptions): (report?: Report) => void {
    this.parts.servers.requireRunning("heartbeat()");
    this.parts.checks.add({ name, source: { kind: "heartbeat", ttl, token }, options });
    const heartbeat = this.parts.checks.running(name)?.heartbeat;
    return (report) => heartbeat?.beat(report);
  }

  /**
   * Takes up the last reports of heartbeats from a store, and keeps each new one there: a restart does not lose them. A
   * report that is older than the `ttl` counts as missed. Call it once, before or after the heartbeats are declared.
   */
  keepReports(store: ReportStore): void {
    this.parts.checks.keepReports(store);
  }

  /** Stops a check and clears its services. Returns whether there was one. */
  removeCheck(name: string): boolean {
    return this.parts.checks.remove(name);
  }

  /**
   * Declares services over checks and other services, in place of those that were declared before; `""` is the server
   * as a whole, which otherwise has every check and service that is a member of no other service.
   * @throws HealthError INVALID_SERVICE_NAME, DUPLICATE_NAME, or INVALID_OPTION for members, a policy or a cycle; nothing
   *   has changed then
   */
  declareServices(declarations: readonly ServiceDeclaration[]): void {
    if (!Array.isArray(declarations))
      throw new HealthError("INVALID_OPTION", "declareServices: expected a list of { name, policy, members }");
    this.parts.checks.declareServices(declarations);
  }

  /**
   * Turns the isolation rule on: when more than half of at least four checks fail together and the self-check fails too,
   * the last statuses are held for a while. `undefined` turns it off.
   * @throws HealthError INVALID_TARGET, INVALID_OPTION; nothing has changed then
   */
  isolate(options: IsolationOptions | undefined): void {
    this.parts.servers.requireRunning("isolate()");
    this.parts.checks.setIsolation(options && { selfCheck: sourceOf(options.selfCheck), maxHold: options.maxHold });
  }

  /**
   * Runs the checks, services and isolation rule of a configuration, and no others. Unchanged parts keep running: a
   * check that did not change keeps its state, its connection and its schedule.
   * @param accept gets everything that is wrong with the configuration, and may throw an error of its own for it
   * @throws what `accept` throws, by default a HealthError; nothing has changed then
   */
  configure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): void {
    this.parts.servers.requireRunning("configure()");
    this.parts.checks.configure(config, accept);
  }

  /**
   * The same in turns of the event loop: a configuration of 10,000 checks does not delay an answer. Calls are applied one
   * after the other. The names of the configuration are taken meanwhile. Until the returned promise is settled, every other
   * change of the checks throws HealthError CHANGE_RUNNING.
   * @throws HealthError with everything that is wrong; nothing has changed then
   */
  async reconfigure(config: ChecksConfig, accept?: (violations: readonly Violation[]) => void): Promise<void> {
    this.parts.servers.requireRunning("reconfigure()");
    await this.parts.checks.configureInTurns(config, accept);
  }

  /**
   * Serves gRPC and HTTP on every address: `:PORT`, `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH`, `plain://` or `open://` before one of
   * these, or a table with an address and `proxyProtocol`. Port 0 lets the system choose a port. Either all addresses are served or
   * none.
   * @throws HealthError INVALID_ADDRESS, INVALID_OPTION, LISTEN_FAILED naming the address, TLS_FAILED, ALREADY_STOPPED
   */
  listen(addresses: readonly ListenEntry[], options: ListenOptions = {}): Promise<HealthServer> {
    return this.parts.servers.listen(addresses, options);
  }

  /**
   * Publishes the metrics through a `Meter` of `@opentelemetry/api`, counted from now on. `metrics: true` is not needed.
   * Returns a function that ends this. `shutdown` ends the counting; the last values can be collected after it.
   * @throws HealthError INVALID_OPTION when this is no Meter, ALREADY_STOPPED
   */
  observe(meter: OpenTelemetryMeter): () => void {
    this.parts.servers.requireRunning("observe()");
    if (typeof Object(meter).addBatchObservableCallback !== "function")
      throw new HealthError("INVALID_OPTION", "observe() expects a Meter of @opentelemetry/api 1.3 or later");
    const observation = new OpenTelemetryMetrics(this.parts.measured, meter);
    this.#observations.add(observation);
    return () => {
      if (this.#observations.delete(observation)) observation.close();
    };
  }

  /**
   * Drains, then closes every server: see `lifecycle/shutdown` for the order. Resolves when all is closed: after the
   * drain delay (5 s) and at most 11 s more. Without any server there is no drain delay. Calling it again returns the
   * same promise. A `listen` that has not settled rejects with ALREADY_STOPPED.
   *
   * Afterwards, statuses can still be read, and a server of the application reports NOT_SERVING.
   * @throws HealthError INVALID_OPTION, as a rejection: nothing has changed then
   */
  shutdown(times: ShutdownTimes = {}): Promise<void> {
    try {
      requireShutdownTimes(times);
    } catch (error) {
      return Promise.reject(error);
    }
    let checksEnded: Promise<void> | undefined;
    const announce = () => {
      this.drain();
      checksEnded = this.parts.checks.stop();
    };
    const hooks = {
      announce,
      endWatches: () => this.parts.endStreams(),
      onEnd: () => {
        this.parts.metrics?.close();
        for (const observation of this.#observations) observation.stopCounting();
        this.parts.history?.close();
        return checksEnded;
      },
      isServedElsewhere: this.servedElsewhere,
    };
    return this.parts.servers.shutdown(hooks, times);
  }

  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
