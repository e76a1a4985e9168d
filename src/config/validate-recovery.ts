/**
 * The rules of automatic recovery of a configuration file.
 *
 * A program restarts things, so a mistake is refused as early as possible: a name that nothing has, and a limit that has no
 * effect, are found here.
 */
import { formatDuration, parseDuration } from "../core/duration.js";
import { nearestTo } from "../core/nearest.js";
import type { Path } from "../core/option-error.js";
import { OVERALL, WORKER_PREFIX } from "../core/service-name.js";
import { matcherOf, RECOVERY_DEFAULTS, type RecoveryRule } from "../hooks/recovery-rules.js";
import { commandFaults } from "../probers/program.js";
import type { ConfigInput } from "./config-input.js";
import type { ConfigFile } from "./schema.js";

const MAX_RULES = 500;
const MAX_TIMEOUT_MS = 3_600_000;
const MAX_WINDOW_MS = 30 * 86_400_000;
const MAX_RUNS = 100;

/** A suggestion compares the name with all others. */
const MAX_COMPARED_NAMES = 1_000;

/** The rules, and warnings about probable mistakes. */
export interface ReadRecovery {
  readonly recovery: readonly RecoveryRule[];
  readonly warnings: readonly string[];
}

type RuleEntry = NonNullable<ConfigFile["recovery"]>[string];

/** @param declared the names of all checks and services that the file declares */
export function readRecovery(declared: Iterable<string>, input: ConfigInput): ReadRecovery {
  const entries = Object.entries(input.content.recovery ?? {});
  if (entries.length === 0) return { recovery: [], warnings: [] };
  if (entries.length > MAX_RULES) input.refuse(["recovery"], `has ${entries.length} rules; the limit is ${MAX_RULES}`);
  const recovery = entries.map(([name, entry]) => ruleOf(name, entry));
  for (const rule of recovery) checkRule(rule, input);
  const names = new Set([...declared, ...input.names]);
  names.delete(OVERALL);
  const warnings = recovery.flatMap((rule) => [...checkServices(rule, names, input), ...limitWarnings(rule)]);
  return { recovery, warnings };
}

function ruleOf(
  name: string,
  { exec, services, after, timeout, cooldown, window, ...limits }: RuleEntry,
): RecoveryRule {
  const { afterMs, timeoutMs, cooldownMs, windowMs, maxRuns, maxShare, maxFailing } = RECOVERY_DEFAULTS;
  return {
    ...{ name, command: exec, services },
    afterMs: parseDuration(after) ?? afterMs,
    timeoutMs: parseDuration(timeout) ?? timeoutMs,
    cooldownMs: parseDuration(cooldown) ?? cooldownMs,
    windowMs: parseDuration(window) ?? windowMs,
    maxRuns: limits.maxRuns ?? maxRuns,
    maxShare: limits.maxShare ?? maxShare,
    maxFailing: limits.maxFailing ?? maxFailing,
  };
}

function checkRule(rule: RecoveryRule, { content, refuse }: ConfigInput): void {
  const path = ["recovery", rule.name];
  const { command, services, timeoutMs, windowMs, maxRuns } = rule;
  if (content.allowExec !== true) refuse([...path, "exec"], "programs need allowExec: true at the top of the file");
  for (const fault of commandFaults(command)) refuse([...path, "exec"], fault);
  if (services.length === 0) refuse([...path, "services"], "must have at least one name or pattern");
  if (timeoutMs === 0 || timeoutMs > MAX_TIMEOUT_MS)
    refuse([...path, "timeout"], `must be above 0s and at most 1h; got ${formatDuration(timeoutMs)}`);
  if (windowMs === 0 || windowMs > MAX_WINDOW_MS)
    refuse([...path, "window"], `must be above 0s and at most 30d; got ${formatDuration(windowMs)}`);
  if (maxRuns > MAX_RUNS) refuse([...path, "maxRuns"], `must be at most ${MAX_RUNS}; got ${maxRuns}`);
  for (const key of ["maxShare", "maxFailing"] as const)
    if (rule[key] === 0) refuse([...path, key], "must be above 0; 1 is all of them");
}

/** Refuses names that nothing has. Returns warnings about patterns that match nothing. */
function checkServices(
  { name, services }: RecoveryRule,
  names: ReadonlySet<string>,
  { refuse }: ConfigInput,
): readonly string[] {
  return services.flatMap((service, index) => {
    if (service.startsWith(WORKER_PREFIX)) return []; // Flower names its workers later
    const path: Path = ["recovery", name, "services", index];
    if (!service.includes("*")) {
      if (!names.has(service)) refuse(path, unknownService(service, names));
      return [];
    }
    const matches = matcherOf(service);
    if (matches(`${WORKER_PREFIX}x`) || [...names].some(matches)) return [];
    return [`recovery.${name}.services: ${JSON.stringify(service)} matches no service`];
  });
}

function unknownService(service: string, names: ReadonlySet<string>): string {
  const nearest = names.size > MAX_COMPARED_NAMES ? undefined : nearestTo(service, names);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `there is no check or service ${JSON.stringify(service)}${hint}`;
}

/** systemd has the same trap: with a long RestartSec, StartLimitBurst is never reached. */
function limitWarnings({ name, cooldownMs, maxRuns, windowMs }: RecoveryRule): readonly string[] {
  if (cooldownMs * maxRuns < windowMs) return [];
  const [cooldown, window] = [formatDuration(cooldownMs), formatDuration(windowMs)];
  return [
    `recovery.${name}: maxRuns ${maxRuns} is never reached within window ${window}, because cooldown is ${cooldown}: the program is run again and again`,
  ];
}
