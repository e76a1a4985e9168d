/**
 * Decides for which services a recovery program is run: pure, with the time handed in.
 *
 *     healthy --fails--> waiting --`after`, and a newer failing result--> running --ends--> cool-down --still failing--.
 *                           ^                      |                                                                    |
 *                           |                      '-- refused: isolated | detached | leaving | group | share | busy                         |
 *                           '-----------------------------------------------------------------------------------------+
 *                                                                          `maxRuns` within `window` --> given up <----'
 *
 * Given up ends when the service has been SERVING for `window`, when an operator drains the service or puts it into
 * maintenance, or when the rule is changed. The runs of the last `window` count in any case.
 *
 * A run needs a failing result that is newer than the end of the last run, and newer than the last moment at which the
 * results of this prober said nothing (isolation, a stall, its own start). So nothing is restarted that has just passed,
 * and a restart of healthbridge restarts nothing by itself.
 */
import type { RecoveryRefusal } from "../core/channels.js";
import type { ServingStatus } from "../core/serving-status.js";
import { MAX_PROGRAMS } from "../probers/program.js";
import type { RecoveryRule, RecoveryRules } from "./recovery-rules.js";

/** A service, as it is at one moment. */
export interface SeenService {
  readonly name: string;
  readonly status: ServingStatus;
  readonly reason: string | undefined;
  /** Wall time of the last change of the status. */
  readonly since: number;
  /** Monotonic time of the newest failing result that makes it NOT_SERVING; `undefined` if no result does. */
  readonly failedAt: number | undefined;
  /** An operator has drained it, or put it into maintenance. */
  readonly isOperated: boolean;
}

/** All services, at one moment. Times are monotonic. */
export interface RecoveryView {
  readonly now: number;
  /** Since when the results of this prober can be trusted; `undefined` while it seems to be isolated. */
  readonly trustedSince: number | undefined;
  /** Why this process must start nothing, though it can be trusted. */
  readonly refusal?: RecoveryRefusal | undefined;
  readonly services: readonly SeenService[];
}

export type RecoveryDecision =
  | { readonly kind: "start"; readonly rule: RecoveryRule; readonly service: SeenService; readonly attempt: number }
  | { readonly kind: "refuse"; readonly rule: RecoveryRule; readonly service: string; readonly cause: RecoveryRefusal }
  | { readonly kind: "give-up"; readonly rule: RecoveryRule; readonly service: string; readonly runs: number }
  /** A service that was given up can be recovered again. */
  | { readonly kind: "resume"; readonly rule: RecoveryRule; readonly service: string }
  /** Nothing is remembered about the service any more. */
  | { readonly kind: "forget"; readonly service: string };

/** Where a service is on its way to the next run. Times are monotonic. */
export interface RecoveryReport {
  readonly rule: RecoveryRule;
  readonly service: string;
  readonly state: "idle" | "waiting" | "running" | "cooling-down" | "refused" | "given-up";
  /** Why it is refused. */
  readonly cause: RecoveryRefusal | undefined;
  /** Runs within the window of the rule. */
  readonly runs: number;
  /** The end of the cool-down. */
  readonly cooledDownAt: number;
}

/** What is remembered about the runs for a service. Times are monotonic. */
export interface RunHistory {
  /** The starts of the last runs, the newest last. */
  readonly runs: readonly number[];
  /** The end of the last run. It may be in the future, for a run whose end is not known. */
  readonly endedAt: number;
  readonly hasGivenUp: boolean;
}

interface Remembered {
  runs: readonly number[];
  isRunning: boolean;
  endedAt: number;
  /** The rule that has given up. */
  givenUpBy: RecoveryRule | undefined;
  failingSince: number | undefined;
  servingSince: number | undefined;
  refusedFor: RecoveryRefusal | undefined;
}

/** A service that could get a run, by all that depends on the service alone. */
interface Candidate {
  readonly service: SeenService;
  readonly remembered: Remembered;
  readonly failingSince: number;
}

export class RecoveryPlanner {
  readonly #rules: RecoveryRules;
  readonly #remembered = new Map<string, Remembered>();
  #allServe = false;

  constructor(rules: RecoveryRules) {
    this.#rules = rules;
  }

  /** Whether another status is needed for another decision: all services of the rules serve, and nothing is remembered. */
  get isIdle(): boolean {
    return this.#allServe && this.#remembered.size === 0;
  }

  /** Takes up what an earlier process has stored. */
  restore(service: string, { runs, endedAt, hasGivenUp }: RunHistory): void {
    const givenUpBy = hasGivenUp ? this.#rules.of(service) : undefined;
    this.#remembered.set(service, { ...NEW, runs, endedAt, givenUpBy });
  }

  historyOf(service: string): RunHistory | undefined {
    const known = this.#remembered.get(service);
    return known && { runs: known.runs, endedAt: known.endedAt, hasGivenUp: known.givenUpBy !== undefined };
  }

  /** Of each service of which something is remembered. */
  reports(now: number): readonly RecoveryReport[] {
    return [...this.#remembered].flatMap(([service, known]) => {
      const rule = this.#rules.of(service);
      if (rule === undefined) return [];
      const cooledDownAt = known.endedAt + rule.cooldownMs;
      const runs = known.runs.filter((at) => now - at < rule.windowMs).length;
      const state = stateOf(known, now < cooledDownAt);
      return [{ rule, service, state, cause: known.refusedFor, runs, cooledDownAt }];
    });
  }

  ended(service: string, now: number): void {
    const known = this.#remembered.get(service);
    if (known === undefined) return;
    known.isRunning = false;
    known.endedAt = now;
  }

  /** Decides for all services. The caller does what is decided, and calls `ended` once for each start. */
  plan(view: RecoveryView): readonly RecoveryDecision[] {
    const decisions: RecoveryDecision[] = [];
    const groups = new Map<RecoveryRule, SeenService[]>();
    for (const service of view.services) {
      const rule = this.#rules.of(service.name);
      if (rule === undefined) continue;
      const group = groups.get(rule);
      if (group === undefined) groups.set(rule, [service]);
      else group.push(service);
    }
    this.#allServe = true;
    for (const [rule, services] of groups) {
      this.#allServe &&= services.every(({ status }) => status === "SERVING");
      for (const service of services) decisions.push(...this.#observe(rule, service, view.now));
      decisions.push(...this.#planGroup(rule, services, view));
    }
    return [...decisions, ...this.#forget(view)];
  }

  /** Notes how long a service fails or serves. */
  #observe(rule: RecoveryRule, service: SeenService, now: number): readonly RecoveryDecision[] {
    const { name, status, failedAt, isOperated } = service;
    const isFailing = status === "NOT_SERVING" && failedAt !== undefined && !isOperated;
    const known = this.#remembered.get(name) ?? (isFailing ? { ...NEW } : undefined);
    if (known === undefined) return [];
    this.#remembered.set(name, known);
    known.failingSince = isFailing ? (known.failingSince ?? now) : undefined;
    if (!isFailing) known.refusedFor = undefined;
    known.servingSince = status === "SERVING" ? (known.servingSince ?? now) : undefined;
    known.runs = known.runs.filter((at) => now - at < rule.windowMs);
    const { givenUpBy, servingSince = now } = known;
    if (givenUpBy === undefined || (givenUpBy === rule && !isOperated && now - servingSince < rule.windowMs)) return [];
    known.givenUpBy = undefined;
    return [{ kind: "resume", rule, service: name }];
  }

  #planGroup(rule: RecoveryRule, services: readonly SeenService[], view: RecoveryView): readonly RecoveryDecision[] {
    const decisions: RecoveryDecision[] = [];
    const cause = commonCause(rule, services, view);
    let free = atLeastOne(rule.maxShare * services.length) - this.#countUnderRecovery(rule, services, view.now);
    for (const { service, remembered } of this.#candidates(rule, services, view)) {
      if (cause === undefined && remembered.runs.length >= rule.maxRuns) {
        remembered.givenUpBy = rule;
        decisions.push({ kind: "give-up", rule, service: service.name, runs: remembered.runs.length });
        continue;
      }
      const refusal = cause ?? (free <= 0 ? "share" : this.#countRunning() >= MAX_PROGRAMS ? "busy" : undefined);
      if (refusal === undefined) {
        free -= 1;
        Object.assign(remembered, { runs: [...remembered.runs, view.now], isRunning: true });
        decisions.push({ kind: "start", rule, service, attempt: remembered.runs.length });
      } else if (remembered.refusedFor !== refusal)
        decisions.push({ kind: "refuse", rule, service: service.name, cause: refusal });
      remembered.refusedFor = refusal;
    }
    return decisions;
  }

  /** Those with the fewest runs come first, then those that fail for the longest time. */
  #candidates(rule: RecoveryRule, services: readonly SeenService[], view: RecoveryView): readonly Candidate[] {
    const { now, trustedSince = Number.NEGATIVE_INFINITY } = view;
    return services
      .flatMap((service) => {
        const remembered = this.#remembered.get(service.name);
        if (remembered?.failingSince === undefined || remembered.isRunning) return [];
        if (remembered.givenUpBy !== undefined || now - remembered.endedAt < rule.cooldownMs) return [];
        const { failedAt = Number.NEGATIVE_INFINITY } = service;
        const failingSince = Math.max(remembered.failingSince, trustedSince);
        const isProven = failedAt >= trustedSince && failedAt > remembered.endedAt;
        return isProven && now - failingSince >= rule.afterMs ? [{ service, remembered, failingSince }] : [];
      })
      .sort(
        (one, other) =>
          one.remembered.runs.length - other.remembered.runs.length || one.failingSince - other.failingSince,
      );
  }

  /** A run goes on, or it has not helped and the cool-down goes on. */
  #countUnderRecovery(rule: RecoveryRule, services: readonly SeenService[], now: number): number {
    return services.filter(({ name, status }) => {
      const known = this.#remembered.get(name);
      return known?.isRunning || (known && status !== "SERVING" && now - known.endedAt < rule.cooldownMs);
    }).length;
  }

  #countRunning(): number {
    return [...this.#remembered.values()].filter(({ isRunning }) => isRunning).length;
  }

  /** Drops what has no effect any more. */
  #forget({ now, services }: RecoveryView): readonly RecoveryDecision[] {
    const seen = new Set(services.map(({ name }) => name));
    const decisions: RecoveryDecision[] = [];
    for (const [name, known] of this.#remembered) {
      if (!seen.has(name)) known.failingSince = undefined;
      const rule = this.#rules.of(name);
      const isOver = rule === undefined || isOverFor(rule, known, now);
      const isNeeded = seen.has(name) && (known.failingSince !== undefined || known.givenUpBy !== undefined);
      if (known.isRunning || !isOver || (isNeeded && rule !== undefined)) continue;
      this.#remembered.delete(name);
      if (known.givenUpBy !== undefined) decisions.push({ kind: "resume", rule: known.givenUpBy, service: name });
      decisions.push({ kind: "forget", service: name });
    }
    return decisions;
  }
}

const NEW: Readonly<Remembered> = {
  runs: [],
  isRunning: false,
  endedAt: Number.NEGATIVE_INFINITY,
  givenUpBy: undefined,
  failingSince: undefined,
  servingSince: undefined,
  refusedFor: undefined,
};

function stateOf(known: Remembered, isCoolingDown: boolean): RecoveryReport["state"] {
  if (known.isRunning) return "running";
  if (known.givenUpBy !== undefined) return "given-up";
  if (known.failingSince === undefined) return "idle";
  if (isCoolingDown) return "cooling-down";
  return known.refusedFor === undefined ? "waiting" : "refused";
}

/** Why nothing is run for any service of a group. */
function commonCause(
  rule: RecoveryRule,
  services: readonly SeenService[],
  view: RecoveryView,
): RecoveryRefusal | undefined {
  if (view.trustedSince === undefined) return "isolated";
  if (view.refusal !== undefined) return view.refusal;
  const counted = services.filter(({ isOperated }) => !isOperated);
  const failing = counted.filter(({ status }) => status === "NOT_SERVING").length;
  return failing > atLeastOne(rule.maxFailing * counted.length) ? "group" : undefined;
}

function atLeastOne(count: number): number {
  // 0.29 x 100 is 28.999999999999996
  return Math.max(1, Math.floor(count + 1e-9));
}

/** Whether the runs of a service limit no further run. */
function isOverFor({ windowMs, cooldownMs }: RecoveryRule, { runs, endedAt }: Remembered, now: number): boolean {
  return runs.every((at) => now - at >= windowMs) && now - endedAt >= cooldownMs;
}
