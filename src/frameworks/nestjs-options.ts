/**
 * The options of the module for NestJS, and the checks and services that they declare. Their names and shapes are those of a
 * configuration file: a check is a target, or an object with the target and the options of the check.
 */
import type { CheckOptions, CheckTarget } from "../checks/check-options.js";
import type { ServiceDeclaration } from "../checks/service-graph.js";
import { HealthError } from "../core/health-error.js";
import type { ListenEntry } from "../core/listen-point.js";
import { requireKnownOptions } from "../core/option.js";
import type { Health } from "../daemon/health.js";
import type { ListenOptions } from "../daemon/server.js";

/** A check of the module: a target, or a target with the options of `health.check`. */
export type NestCheck =
  | CheckTarget
  | (CheckOptions & { readonly target: CheckTarget })
  | (CheckOptions & { readonly exec: readonly string[] });

/** Options of the module. */
export interface NestHealthOptions {
  /**
   * The `Health` to serve. The module shuts it down. Default: a new one, which is NOT_SERVING until the application has
   * bootstrapped.
   */
  readonly health?: Health | undefined;
  /** Checks by their names. Each begins when the module is created. */
  readonly checks?: Readonly<Record<string, NestCheck>> | undefined;
  /** Services over the checks: see `health.declareServices`. */
  readonly services?: readonly ServiceDeclaration[] | undefined;
  /** Further paths that mean `/healthcheck`, such as `/api/health`. Default none. */
  readonly paths?: readonly string[] | undefined;
  /** Addresses of a server for gRPC and HTTP beside those of the application: see `health.listen`. Default none. */
  readonly listen?: readonly ListenEntry[] | undefined;
  /** Options of that server. */
  readonly listenOptions?: ListenOptions | undefined;
  /**
   * Milliseconds between NOT_SERVING and the end of service. Default 5 s; none when nothing listens, or when `health` drains
   * already.
   */
  readonly drainDelayMs?: number | undefined;
  /** Milliseconds that clients then have to finish their requests. Connections that are left are destroyed. Default 10 s. */
  readonly closeTimeoutMs?: number | undefined;
}

const OPTIONS: readonly (keyof NestHealthOptions)[] = [
  ...(["health", "checks", "services", "paths", "listen", "listenOptions", "drainDelayMs", "closeTimeoutMs"] as const),
];

/**
 * Checks what types cannot promise.
 * @throws HealthError INVALID_OPTION
 */
export function requireNestOptions(owner: string, options: NestHealthOptions): void {
  const invalid = (text: string) => new HealthError("INVALID_OPTION", `${owner}: ${text}`);
  if (typeof options !== "object" || options === null) throw invalid("the options must be an object");
  requireKnownOptions(owner, options, [...OPTIONS, "isGlobal"]);
  const { health, checks, services, listen, listenOptions } = options;
  // no instanceof: it may be of another copy of this package
  if (health !== undefined && typeof health?.middleware !== "function") throw invalid("health must be a Health");
  if (checks !== undefined && (typeof checks !== "object" || checks === null || Array.isArray(checks)))
    throw invalid("checks must be an object: { name: target }");
  if (services !== undefined && !Array.isArray(services))
    throw invalid("services must be a list of { name, policy, members }");
  if (listen !== undefined && !Array.isArray(listen))
    throw invalid('listen must be a list of addresses, such as [":8080"]');
  if (listen === undefined && listenOptions !== undefined) throw invalid("listenOptions has no effect without listen");
}

/**
 * Adds the checks and the services.
 * @throws HealthError as `health.check` and `health.declareServices` do
 */
export function declareChecks(health: Health, { checks = {}, services }: NestHealthOptions): void {
  for (const [name, check] of Object.entries(checks)) {
    const { target, options } = splitCheck(check);
    health.check(name, target, options);
  }
  if (services !== undefined) health.declareServices(services);
}

function splitCheck(check: NestCheck): { readonly target: CheckTarget; readonly options: CheckOptions } {
  if (typeof check !== "object" || check === null) return { target: check, options: {} };
  if ("target" in check) {
    const { target, ...options } = check;
    return { target, options };
  }
  const { exec, ...options } = check;
  return { target: { exec }, options };
}
