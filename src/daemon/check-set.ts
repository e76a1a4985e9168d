/**
 * What is checked: declared one by one by an application, or as a whole by a configuration, which may come again.
 *
 * A configuration that comes again leaves alone what it has in common with the one before: the same check goes on with
 * its state, its schedule and its connection; one whose schedule alone has changed keeps its state and its connection.
 */
import { isDeepStrictEqual } from "node:util";
import { CheckEngine } from "../checks/check-engine.js";
import { type CheckOptions, partOptions } from "../checks/check-options.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { NameResolver } from "../client/resolver.js";
import type { CheckConfig, DaemonConfig } from "../config/daemon-config.js";
import { isAuthorized } from "../core/bearer-token.js";
import type { Clock, Random } from "../core/clock.js";
import { type DurationLike, parseDuration } from "../core/duration.js";
import { HealthError } from "../core/health-error.js";
import { type ExecDeps, openExec } from "../probers/exec.js";
import { ExecLimit } from "../probers/exec-limit.js";
import { type CheckFunction, openFunction } from "../probers/function.js";
import { type Heartbeat, openHeartbeat, type Report } from "../probers/heartbeat.js";
import type { ProberDeps } from "../probers/options.js";
import type { Prober } from "../probers/prober.js";
import { openTarget } from "../probers/schemes.js";
import type { StatusWriter } from "../registry/ports.js";

/** What a check looks at, as the library takes it: a URL, a function, or a program. */
export type CheckTarget = string | CheckFunction | { readonly exec: readonly string[] };

/** Options of a heartbeat. */
export interface HeartbeatOptions
  extends Pick<CheckOptions, "critical" | "services" | "unhealthyThreshold" | "healthyThreshold" | "staleAfter"> {
  /** Somebody must report within this time. */
  readonly ttl: DurationLike;
  /** What a reporter over HTTP must show. Without one, reports come from this process alone. */
  readonly token?: string | undefined;
}

/** The isolation rule's own check. */
export interface IsolationOptions {
  /** Something that is always there while our own network is. */
  readonly selfCheck: string | CheckFunction;
  /** How long statuses are held at most. Default 60 s. */
  readonly maxHold?: DurationLike | undefined;
}

/** As much of a configuration as is about checks. */
export type ChecksConfig = Pick<DaemonConfig, "checks" | "services" | "isolation" | "allowLinkLocal">;

/** What the set needs. */
export interface CheckSetOptions {
  readonly writer: StatusWriter;
  readonly clock: Clock;
  readonly random: Random;
  /** What programs find of the environment: few variables of it. Default nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Name servers to ask instead of the system's. */
  readonly nameServers?: readonly string[] | undefined;
}

/** A heartbeat that a reporter over HTTP can reach. */
interface Reachable {
  readonly heartbeat: Heartbeat;
  readonly token: string | undefined;
}

export class CheckSet {
  readonly #options: CheckSetOptions;
  readonly #engine: CheckEngine;
  readonly #execDeps: ExecDeps;
  readonly #heartbeats = new Map<string, Reachable>();
  #deps: ProberDeps;
  #config: ChecksConfig = { checks: [], services: [], isolation: undefined, allowLinkLocal: false };

  constructor(options: CheckSetOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#engine = new CheckEngine(options);
    this.#deps = { clock, random, resolver: this.#resolverFor(false) };
    this.#execDeps = { clock, gate: new ExecLimit(), environment: options.environment ?? {} };
  }

  /** Declares a check. @throws HealthError, and nothing is checked then */
  add(name: string, target: CheckTarget, options: CheckOptions): void {
    const { settings, proberOptions } = partOptions(options);
    const prober =
      typeof target === "string"
        ? openTarget(target, this.#deps, proberOptions)
        : typeof target === "function"
          ? openFunction(target)
          : openExec(target.exec, this.#execDeps);
    this.#declare({ name, prober, settings });
  }

  /** Declares a heartbeat. @throws HealthError, and nothing is declared then */
  addHeartbeat(name: string, { ttl, token, ...options }: HeartbeatOptions): Heartbeat {
    const ttlMs = parseDuration(ttl);
    if (ttlMs === undefined || ttlMs <= 0)
      throw new HealthError("INVALID_OPTION", `checks.${name}.ttl must be a duration above zero, such as 1m`);
    const heartbeat = openHeartbeat(ttlMs, this.#options.clock);
    const schedule = { interval: ttlMs, initialDelay: ttlMs, jitter: 0, unhealthyThreshold: 1, healthyThreshold: 1 };
    this.#declare({ name, prober: heartbeat, settings: { ...schedule, ...options }, passive: true });
    this.#heartbeats.set(name, { heartbeat, token });
    return heartbeat;
  }

  /** Takes a check away. Returns whether there was one. */
  remove(name: string): boolean {
    this.#heartbeats.delete(name);
    return this.#engine.remove(name);
  }

  /** Declares services in place of all that were declared before. @throws HealthError */
  declareServices(declarations: readonly ServiceDeclaration[]): void {
    this.#engine.declareServices(declarations);
  }

  /** Gives the isolation rule its self-check, or takes it away. @throws HealthError */
  isolate(options: IsolationOptions | undefined): void {
    if (options === undefined) {
      this.#engine.setIsolation(undefined);
      return;
    }
    const { selfCheck, maxHold } = options;
    const prober = typeof selfCheck === "string" ? openTarget(selfCheck, this.#deps) : openFunction(selfCheck);
    const maxHoldMs = maxHold === undefined ? undefined : parseDuration(maxHold);
    this.#engine.setIsolation({ prober, maxHoldMs });
  }

  /** A report over HTTP. A wrong token and a check that isn't there are told apart to nobody. */
  report(name: string, authorization: string | undefined, report: Report): boolean {
    const reachable = this.#heartbeats.get(name);
    if (reachable?.token === undefined || !isAuthorized(authorization, reachable.token)) return false;
    reachable.heartbeat.beat(report);
    return true;
  }

  /**
   * Makes the checks and services those of a configuration.
   * @throws HealthError; a configuration that `config/load` has read is never refused here
   */
  configure(config: ChecksConfig): void {
    const before = this.#config;
    if (config.allowLinkLocal !== before.allowLinkLocal)
      this.#deps = { ...this.#deps, resolver: this.#resolverFor(config.allowLinkLocal) };
    const isKept = (one: CheckConfig, other: CheckConfig | undefined) =>
      other !== undefined && config.allowLinkLocal === before.allowLinkLocal && sameProber(one, other);
    const beforeByName = new Map(before.checks.map((check) => [check.name, check]));
    const nowByName = new Map(config.checks.map((check) => [check.name, check]));
    this.#engine.inOneStep(() => {
      this.#engine.declareServices([]);
      for (const check of before.checks) if (!isKept(check, nowByName.get(check.name))) this.remove(check.name);
      for (const check of config.checks) {
        const old = beforeByName.get(check.name);
        if (!isKept(check, old)) this.#open(check);
        else if (!isDeepStrictEqual(check, old)) this.#engine.change(check.name, partOptions(check.options).settings);
      }
      this.#engine.declareServices(config.services);
    });
    if (!isDeepStrictEqual(config.isolation, before.isolation)) {
      const { isolation } = config;
      this.isolate(isolation && { selfCheck: isolation.selfCheck, maxHold: isolation.maxHoldMs });
    }
    this.#config = config;
  }

  #resolverFor(allowLinkLocal: boolean): NameResolver {
    const { clock, nameServers } = this.#options;
    return new NameResolver({ clock, allowLinkLocal, servers: nameServers });
  }

  /** Stops every check. */
  stop(): void {
    this.#engine.stop();
  }

  #open({ name, source, options }: CheckConfig): void {
    switch (source.kind) {
      case "target":
        this.add(name, source.url, options);
        break;
      case "exec":
        this.add(name, { exec: source.command }, options);
        break;
      case "heartbeat":
        this.addHeartbeat(name, { ...options, ttl: source.ttlMs, token: source.token });
        break;
      default:
        source satisfies never;
    }
  }

  #declare(declaration: Parameters<CheckEngine["add"]>[0] & { readonly prober: Prober }): void {
    try {
      this.#engine.add(declaration);
    } catch (error) {
      declaration.prober.close();
      throw error;
    }
  }
}

/** Whether two configurations of a check have the same prober, so that it can go on. */
function sameProber(one: CheckConfig, other: CheckConfig): boolean {
  // of a heartbeat the time is part of the schedule as well
  if (one.source.kind === "heartbeat") return isDeepStrictEqual(one, other);
  const asked = ({ source, options }: CheckConfig) => ({ source, options: partOptions(options).proberOptions });
  return isDeepStrictEqual(asked(one), asked(other));
}
