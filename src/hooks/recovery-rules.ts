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

/** Names whose rule is remembered. Services that targets report come and go. */
const MAX_REMEMBERED = 20_000;

export class RecoveryRules {
  #rules: readonly RecoveryRule[] = [];
  #patterns: readonly RegExp[] = [];
  readonly #found = new Map<string, RecoveryRule | undefined>();

  constructor(rules: readonly RecoveryRule[]) {
    this.replace(rules);
  }

  /** Takes other rules. A rule that has not changed stays the same object. */
  replace(rules: readonly RecoveryRule[]): void {
    const before = this.#rules;
    this.#rules = rules.map((rule) => before.find((known) => isDeepStrictEqual(known, rule)) ?? rule);
    this.#patterns = this.#rules.map(({ services }) => patternOf(services));
    this.#found.clear();
  }

  /** The rule of a service; `undefined` if it has none. */
  of(service: string): RecoveryRule | undefined {
    const known = this.#found.get(service);
    if (known !== undefined || this.#found.has(service)) return known;
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    const rule = service === "" ? undefined : this.#rules[this.#patterns.findIndex((each) => each.test(service))];
    this.#found.set(service, rule);
    return rule;
  }
}

/** A regular expression for names and patterns. Between two `*` there is plain text, so it cannot backtrack for long. */
function patternOf(services: readonly string[]): RegExp {
  const parts = services.map((text) =>
    text
      .split(/\*+/)
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
      .join("[^]*"),
  );
  return new RegExp(`^(?:${parts.join("|")})$`, "u");
}
