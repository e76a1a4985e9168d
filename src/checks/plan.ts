/**
 * What has to be done so that the running checks become those of a configuration, or of one call of the library.
 *
 *     running + declared --names, options, services--> violations --any?--> refused: discardPlan closes what was opened
 *                            '--compared------------> plan ---------none--> CheckEngine commits it, which cannot fail
 *
 *     a check in the plan    when
 *     added                  its name is new
 *     changed                its schedule, thresholds or services are others; state and connection stay
 *     replaced               its prober is another one: another target, other TLS
 *     renewed                the same, when only the contents of files have changed; state and schedule stay
 *     removed                it is not declared any more
 *
 * Planning changes nothing that runs. It opens the probers of new checks, which connects to nothing but may throw.
 */
import { isDeepStrictEqual } from "node:util";
import { type DurationLike, parseDuration } from "../core/duration.js";
import { HealthError, messageOf } from "../core/health-error.js";
import { formatPath, OptionError, type Path } from "../core/option-error.js";
import { runAtOnce, type Steps } from "../core/turns.js";
import type { ProberOptions } from "../probers/options.js";
import { splitOptions, withoutOption } from "./check-options.js";
import {
  type ChangedCheck,
  type ChecksPlan,
  type ConfiguredCheck,
  discardPlan,
  type IsolationPlan,
  type OpenedCheck,
  type Planned,
} from "./checks-plan.js";
import {
  type CheckDeclaration,
  type CheckSource,
  type ChecksConfig,
  type IsolationDeclaration,
  isSameProberOptions,
  isSameReporting,
  isSameSource,
} from "./declarations.js";
import { DEFAULT_MAX_HOLD_MS } from "./isolation.js";
import { checkServices, claimCheck, claimNamedServices, claimOverall, Names, type Owner } from "./name-rules.js";
import { checkOptions } from "./option-rules.js";
import { readSettings, violationOf } from "./read-settings.js";
import type { ServiceDeclaration } from "./service-graph.js";
import type { CompleteSettings } from "./settings.js";
import type { OpenedSource, SourceOpener } from "./sources.js";
import type { Violation } from "./violation.js";

/** The running checks and services: the part that a plan needs. */
export interface RunningChecks {
  readonly checks: ReadonlyMap<string, ConfiguredCheck>;
  /** The declared services as they were given. */
  readonly services: readonly ServiceDeclaration[];
  readonly isolation: IsolationDeclaration | undefined;
  readonly allowLinkLocal: boolean;
  /** Who has a name. */
  ownerOf(name: string): Owner | undefined;
}

const NO_CHECKS: ReadonlyMap<string, ConfiguredCheck> = new Map();

/** What runs before anything is declared. */
export const NOTHING_RUNNING: Readonly<RunningChecks> = {
  checks: NO_CHECKS,
  services: [],
  isolation: undefined,
  allowLinkLocal: false,
  ownerOf: () => undefined,
};

/** Plans that the checks, the services and the isolation rule of a configuration run, and no others. */
export function planConfiguration(running: RunningChecks, config: ChecksConfig, opener: SourceOpener): Planned {
  return runAtOnce(planInSteps(running, config, opener));
}

/** The same in steps. When they are ended before the last, what was opened is closed. */
export function* planInSteps(running: RunningChecks, config: ChecksConfig, opener: SourceOpener): Steps<Planned> {
  const { checks, services, isolation, allowLinkLocal, keepsStates } = config;
  const planner = new Planner(running, opener, { allowLinkLocal, keepsStates });
  let planned: Planned | undefined;
  try {
    const names = new Names(running, ["hand"], () => checks);
    for (const check of checks) yield planner.refuse(claimCheck(check, names));
    for (const check of checks) yield planner.refuse(claimNamedServices(check, names));
    const declared = new Set(checks.map(({ name }) => name));
    for (const name of running.checks.keys()) if (!declared.has(name)) planner.remove(name);
    for (const check of checks) yield planner.setCheck(check);
    planner.setServices(services, names);
    if (checks.length > 0) planner.refuse(claimOverall(services, ["checks"], names));
    planner.setIsolation(isolation);
    planned = planner.planned(true);
    return planned;
  } finally {
    if (planned === undefined) discardPlan(planner.planned().plan);
  }
}

/** Plans that one more check runs. */
export function planCheck(running: RunningChecks, check: CheckDeclaration, opener: SourceOpener): Planned {
  const planner = new Planner(running, opener);
  const names = new Names(running, ["check", "named", "service", "hand"], () => declarationsOf(running));
  planner.refuse(claimCheck(check, names));
  planner.refuse(claimNamedServices(check, names));
  planner.refuse(claimOverall(running.services, ["checks", check.name], names));
  planner.setCheck(check);
  return planner.planned();
}

/** Plans that a check runs no more. */
export function planRemoval(running: RunningChecks, name: string, opener: SourceOpener): Planned {
  const planner = new Planner(running, opener);
  planner.remove(name);
  return planner.planned();
}

/** Plans other declared services in place of those that there are. */
export function planServices(
  running: RunningChecks,
  services: readonly ServiceDeclaration[],
  opener: SourceOpener,
): Planned {
  const planner = new Planner(running, opener);
  const names = new Names(running, ["check", "named", "hand"], () => declarationsOf(running));
  planner.setServices(services, names);
  if (services.length > 0) planner.refuse(claimOverall(services, ["services"], names));
  return planner.planned();
}

function declarationsOf({ checks }: RunningChecks): readonly CheckDeclaration[] {
  return [...checks.values()].map(({ declaration }) => declaration);
}

/** Plans another isolation rule, or none. */
export function planIsolation(
  running: RunningChecks,
  isolation: IsolationDeclaration | undefined,
  opener: SourceOpener,
): Planned {
  const planner = new Planner(running, opener);
  planner.setIsolation(isolation);
  return planner.planned();
}

class Planner {
  readonly #running: RunningChecks;
  readonly #opener: SourceOpener;
  readonly #allowLinkLocal: boolean;
  readonly #violations: Violation[] = [];
  readonly #removed: string[] = [];
  readonly #started: OpenedCheck[] = [];
  readonly #changed: ChangedCheck[] = [];
  readonly #keepsStates: boolean;
  #services: ChecksPlan["services"];
  #isolation: IsolationPlan = { kind: "keep" };

  constructor(
    running: RunningChecks,
    opener: SourceOpener,
    { allowLinkLocal, keepsStates = false }: Pick<ChecksConfig, "allowLinkLocal" | "keepsStates"> = running,
  ) {
    this.#running = running;
    this.#opener = opener;
    this.#allowLinkLocal = allowLinkLocal;
    this.#keepsStates = keepsStates;
  }

  refuse(violations: readonly Violation[]): void {
    for (const violation of violations) this.#violations.push(violation);
  }

  remove(name: string): void {
    this.#removed.push(name);
  }

  /** A check that has to run: added, changed, replaced, or left alone. */
  setCheck(declaration: CheckDeclaration): void {
    const { name, source, options } = declaration;
    const old = this.#running.checks.get(name)?.declaration;
    const hasSameSource = old !== undefined && this.#hasSameSource(old.source, source);
    if (hasSameSource && isSameReporting(old.source, source) && isDeepStrictEqual(old.options, options)) return;
    const hasSameProber = hasSameSource && isSameProberOptions(old.options, options);
    const { settings, violations } = checkOptions(declaration);
    this.refuse(violations);
    if (hasSameProber) {
      this.#changed.push({ declaration, settings });
      return;
    }
    // with options that are wrong, a target alone can be read further
    if (violations.length > 0 && source.kind !== "target") return;
    const opened = this.#open(source, splitOptions(options).proberOptions, ["checks", name]);
    if (opened === undefined) return;
    if (old !== undefined && this.#keepsStates) {
      this.#changed.push({ declaration, settings, prober: opened.prober });
      return;
    }
    if (old !== undefined) this.remove(name);
    this.#started.push({ declaration, settings, ...opened });
  }

  setServices(services: readonly ServiceDeclaration[], names: Names): void {
    const { violations, order } = checkServices(services, names);
    this.refuse(violations);
    if (!isDeepStrictEqual(services, this.#running.services)) this.#services = { given: services, order };
  }

  setIsolation(declaration: IsolationDeclaration | undefined): void {
    const old = this.#running.isolation;
    if (declaration === undefined) {
      this.#isolation = { kind: old === undefined ? "keep" : "stop" };
      return;
    }
    const hasSameProber = old !== undefined && this.#hasSameSource(old.selfCheck, declaration.selfCheck);
    const { settings, maxHold = DEFAULT_MAX_HOLD_MS, selfCheck } = declaration;
    if (hasSameProber && declaration.maxHold === old.maxHold && isDeepStrictEqual(settings, old.settings)) return;
    const maxHoldMs = this.#readMaxHold(maxHold);
    const rule = { declaration, settings: this.#readSelfCheckSettings(settings), maxHoldMs };
    if (hasSameProber) {
      this.#isolation = { kind: "change", rule };
      return;
    }
    const opened = this.#open(selfCheck, {}, ["isolation"]);
    if (opened !== undefined) this.#isolation = { kind: "start", rule, prober: opened.prober };
  }

  planned(isWhole = false): Planned {
    const plan = {
      isWhole,
      removed: this.#removed,
      started: this.#started,
      changed: this.#changed,
      services: this.#services,
      isolation: this.#isolation,
      allowLinkLocal: this.#allowLinkLocal,
    };
    return { plan, violations: this.#violations };
  }

  /** One result decides what the self-check says. */
  #readSelfCheckSettings(given: IsolationDeclaration["settings"]): CompleteSettings {
    const { settings, faults } = readSettings({ healthyThreshold: 1, ...given, unhealthyThreshold: 1 });
    this.refuse(faults.map((fault) => violationOf(fault, ["isolation"])));
    return settings;
  }

  /** Each invalid option gets a violation: it is left out, and the source is opened again. */
  #open(source: CheckSource, options: ProberOptions, path: Path): OpenedSource | undefined {
    const refused = new Map<string, Violation>();
    for (let rest: ProberOptions | undefined = options; rest !== undefined; ) {
      try {
        const opened = this.#opener.open(source, rest, this.#allowLinkLocal);
        if (rest === options) return opened;
        opened.prober.close();
        break;
      } catch (error) {
        const option = error instanceof OptionError ? error.option : [];
        const fewer: ProberOptions | undefined = withoutOption(rest, option);
        // an option that is missing only because it was left out is no further fault
        if (rest === options || option.length === 0 || fewer !== undefined)
          refused.set(formatPath(option), refused.get(formatPath(option)) ?? violationOfError(error, source, path));
        rest = fewer;
      }
    }
    this.refuse([...refused.values()]);
    return undefined;
  }

  #readMaxHold(given: DurationLike): number {
    const maxHoldMs = parseDuration(given);
    if (maxHoldMs !== undefined) return maxHoldMs;
    this.refuse([{ code: "INVALID_OPTION", path: ["isolation", "maxHold"], text: "must be a duration, such as 60s" }]);
    return DEFAULT_MAX_HOLD_MS;
  }

  /** Targets are also other ones when link-local addresses become allowed or forbidden. */
  #hasSameSource(one: CheckSource, other: CheckSource): boolean {
    return isSameSource(one, other) && (one.kind !== "target" || this.#allowLinkLocal === this.#running.allowLinkLocal);
  }
}

function violationOfError(error: unknown, source: CheckSource, path: Path): Violation {
  if (error instanceof OptionError) return { code: error.code, path: [...path, ...error.option], text: error.text };
  const key = path[0] === "isolation" ? "selfCheck" : source.kind;
  if (!(error instanceof HealthError))
    return { code: "INVALID_TARGET", path: [...path, key], text: `cannot be read: ${messageOf(error)}` };
  const { code, message } = error;
  return { code, path: code === "INVALID_TARGET" ? [...path, key] : path, text: message };
}
