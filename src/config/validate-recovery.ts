/**
 * The rules of automatic recovery of a configuration file.
 *
 * A program restarts things, so a mistake is refused as early as possible: a name that nothing has, and a limit that has no
 * effect, are found here.
 */
import { formatDuration, parseDuration } from "../core/duration.js";
import { OVERALL } from "../core/service-name.js";
import { MAX_RECOVERY_TIMEOUT_MS, RECOVERY_DEFAULTS, type RecoveryRule } from "../hooks/recovery-rules.js";
import { type DeclaredServices, declaredNames } from "../hooks/service-filter.js";
import { commandFaults } from "../probers/program.js";
import type { ConfigInput } from "./config-input.js";
import { checkHookServices } from "./hook-services.js";
import type { ConfigFile } from "./schema.js";

const MAX_RULES = 500;

/** Each pattern is compared with each service once: 50 with 10,000 services take some 100 ms. */
const MAX_PATTERNS = 50;

const MAX_WINDOW_MS = 30 * 86_400_000;
const MAX_RUNS = 100;

/** The rules, and warnings about probable mistakes. */
export interface ReadRecovery {
  readonly recovery: readonly RecoveryRule[];
  readonly warnings: readonly string[];
}

type RuleEntry = NonNullable<ConfigFile["recovery"]>[string];

/** @param declared the checks and services of the same file */
export function readRecovery(declared: DeclaredServices, input: ConfigInput): ReadRecovery {
  const entries = Object.entries(input.content.recovery ?? {});
  if (entries.length === 0) return { recovery: [], warnings: [] };
  if (entries.length > MAX_RULES) input.refuse(["recovery"], `has ${entries.length} rules; the limit is ${MAX_RULES}`);
  const recovery = entries.map(([name, entry]) => ruleOf(name, entry));
  const patterns = recovery.flatMap(({ services }) => services.filter((text) => text.includes("*")));
  if (patterns.length > MAX_PATTERNS)
    input.refuse(
      ["recovery"],
      `has ${patterns.length} patterns with *; the limit is ${MAX_PATTERNS}, names are not limited`,
    );
  for (const rule of recovery) checkRule(rule, input);
  const names = new Set([...declaredNames(declared), ...input.names]);
  names.delete(OVERALL); // it has no rule
  const warnings = recovery.flatMap((rule) => [
    ...checkHookServices({ path: ["recovery", rule.name, "services"], services: rule.services }, names, input),
    ...limitWarnings(rule),
  ]);
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
  if (timeoutMs === 0 || timeoutMs > MAX_RECOVERY_TIMEOUT_MS)
    refuse([...path, "timeout"], `must be above 0s and at most 1h; got ${formatDuration(timeoutMs)}`);
  if (windowMs === 0 || windowMs > MAX_WINDOW_MS)
    refuse([...path, "window"], `must be above 0s and at most 30d; got ${formatDuration(windowMs)}`);
  if (maxRuns > MAX_RUNS) refuse([...path, "maxRuns"], `must be at most ${MAX_RUNS}; got ${maxRuns}`);
  for (const key of ["maxShare", "maxFailing"] as const)
    if (rule[key] === 0) refuse([...path, key], "must be above 0; 1 is all of them");
}

/** systemd has the same trap: with a long RestartSec, StartLimitBurst is never reached. */
function limitWarnings({ name, cooldownMs, maxRuns, windowMs }: RecoveryRule): readonly string[] {
  if (cooldownMs * maxRuns < windowMs) return [];
  const [cooldown, window] = [formatDuration(cooldownMs), formatDuration(windowMs)];
  return [
    `recovery.${name}: maxRuns ${maxRuns} is never reached within window ${window}, because cooldown is ${cooldown}: the program is run again and again`,
  ];
}
