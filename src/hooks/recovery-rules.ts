/**
 * The rules of automatic recovery: which program is run for which service, and how often.
 *
 *     recovery:
 *       workers: { services: ["celery.worker/*"], exec: [...] }     the first rule that matches a service is its rule
 *       rest:    { services: ["*"], exec: [...] }
 *
 * A service has one rule, so at most one program runs for it, and its limits count all runs.
 */
import { isDeepStrictEqual } from "node:util";
import { OVERALL } from "../core/service-name.js";
import { matcherOf, type ServiceFilter } from "./service-filter.js";

/** A rule, with every default. Times are in milliseconds. */
export interface RecoveryRule {
  readonly name: string;
  /** The program with its arguments. */
  readonly command: readonly string[];
  /** Names of services, or patterns in which `*` stands for any text. */
  readonly services: readonly string[];
  /** How long a service must be NOT_SERVING, without a break, before the program is run. */
  readonly afterMs: number;
  /** The program is killed after this time, with its process group. */
  readonly timeoutMs: number;
  /** From the end of a run to the next run for the same service, at least. */
  readonly cooldownMs: number;
  /** Runs for one service within `windowMs`. Then the rule gives up on it. */
  readonly maxRuns: number;
  readonly windowMs: number;
  /** Share of the services of the rule that can be under recovery at the same time. At least one can. */
  readonly maxShare: number;
  /** If a larger share of the services of the rule is NOT_SERVING, and more than one, nothing is run. */
  readonly maxFailing: number;
}

/** Defaults of a rule. docs/recovery.md says how they were chosen. */
export const RECOVERY_DEFAULTS = {
  afterMs: 30_000,
  timeoutMs: 60_000,
  cooldownMs: 300_000,
  maxRuns: 3,
  windowMs: 3_600_000,
  maxShare: 0.25,
  maxFailing: 0.5,
} as const satisfies Omit<RecoveryRule, "name" | "command" | "services">;

/** The longest `timeoutMs` of a rule. */
export const MAX_RECOVERY_TIMEOUT_MS = 3_600_000;

/** Names whose rule is remembered. Services that targets report come and go. */
const MAX_REMEMBERED = 20_000;

export class RecoveryRules {
  #rules: readonly RecoveryRule[] = [];
  /** For each name without `*`, the place of the first rule with it. */
  #places = new Map<string, number>();
  #patterns: readonly { readonly place: number; readonly matches: ServiceFilter }[] = [];
  readonly #found = new Map<string, RecoveryRule | undefined>();

  constructor(rules: readonly RecoveryRule[]) {
    this.replace(rules);
  }

  /** Takes other rules. A rule that has not changed stays the same object. */
  replace(rules: readonly RecoveryRule[]): void {
    const before = this.#rules;
    this.#rules = rules.map((rule) => before.find((known) => isDeepStrictEqual(known, rule)) ?? rule);
    const texts = this.#rules.flatMap(({ services }, place) => services.map((text) => ({ place, text })));
    const names = texts.filter(({ text }) => !text.includes("*")).map(({ place, text }) => [text, place] as const);
    this.#places = new Map(names.toReversed()); // the first of several stays
    this.#patterns = texts
      .filter(({ text }) => text.includes("*"))
      .map(({ place, text }) => ({ place, matches: matcherOf(text) }));
    this.#found.clear();
  }

  /** The rule of a service; `undefined` if it has none. */
  of(service: string): RecoveryRule | undefined {
    if (this.#found.has(service)) return this.#found.get(service);
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    const rule = service === OVERALL ? undefined : this.#rules[this.#placeOf(service)];
    this.#found.set(service, rule);
    return rule;
  }

  #placeOf(service: string): number {
    const byName = this.#places.get(service) ?? Number.POSITIVE_INFINITY;
    const byPattern = this.#patterns.find(({ place, matches }) => place < byName && matches(service));
    return byPattern?.place ?? byName;
  }
}
