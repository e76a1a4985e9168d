/**
 * Declared checks and services, as plain data. A configuration and the calls of the library are both turned into this
 * form. Two declarations of a check are compared here: does another one probe the same in the same way?
 */
import { isDeepStrictEqual } from "node:util";
import { type DurationLike, parseDuration } from "../core/duration.js";
import type { CheckFunction } from "../probers/function.js";
import type { Prober } from "../probers/prober.js";
import { type CheckOptions, splitOptions } from "./check-options.js";
import type { ServiceDeclaration } from "./service-graph.js";
import type { CheckSettings } from "./settings.js";

/** Where the results of a check come from. */
export type CheckSource =
  | { readonly kind: "target"; readonly url: string }
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "function"; readonly call: CheckFunction }
  | { readonly kind: "heartbeat"; readonly ttl: DurationLike; readonly token: string | undefined }
  /** `passive`: the first probe waits for the initial delay alone, however many checks start at the same time. */
  | { readonly kind: "prober"; readonly prober: Prober; readonly passive?: boolean };

/** A check. It is a service under its own name. */
export interface CheckDeclaration {
  readonly name: string;
  readonly source: CheckSource;
  readonly options: CheckOptions;
}

/** The isolation rule's own check, of something that is reachable whenever our own network works. */
export interface IsolationDeclaration {
  readonly selfCheck: CheckSource;
  readonly settings?: CheckSettings | undefined;
  /** How long statuses are held at most. Default 60 s. */
  readonly maxHold?: DurationLike | undefined;
}

/** Everything about checks that a configuration says. */
export interface ChecksConfig {
  readonly checks: readonly CheckDeclaration[];
  /** Services over checks and other services; `""` is the server as a whole. */
  readonly services: readonly ServiceDeclaration[];
  readonly isolation: IsolationDeclaration | undefined;
  /** Whether targets at link-local addresses may be probed. */
  readonly allowLinkLocal: boolean;
  /**
   * Only the contents of files have changed, such as a certificate or a password: a check whose prober changes keeps its state
   * and its schedule. Default false.
   */
  readonly keepsStates?: boolean | undefined;
}

/** Whether two sources give the same results. */
export function isSameSource(one: CheckSource, other: CheckSource): boolean {
  if (one.kind === "heartbeat" && other.kind === "heartbeat") return true;
  if (one.kind === "prober" && other.kind === "prober") return one.prober === other.prober;
  return isDeepStrictEqual(one, other);
}

/** Whether the options for the prober are the same. */
export function isSameProberOptions(one: CheckOptions, other: CheckOptions): boolean {
  return one === other || isDeepStrictEqual(splitOptions(one).proberOptions, splitOptions(other).proberOptions);
}

/** The token of a heartbeat is checked when it reports, and its ttl is the interval of the check: its prober has neither. */
export function isSameReporting(one: CheckSource, other: CheckSource): boolean {
  if (one.kind !== "heartbeat" || other.kind !== "heartbeat") return true;
  return one.token === other.token && parseDuration(one.ttl) === parseDuration(other.ttl);
}
