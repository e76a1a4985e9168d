/**
 * `healthbridge validate`: reads a configuration as `serve` would, and starts nothing.
 */
import { DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { ConfigError } from "../config/fault.js";
import { requireValid } from "../config/validate.js";
import type { Flag, FlagValues } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { fileOf, loadConfig } from "./load-config.js";
import { CONFIG_FLAGS, logFormatOf, logLevelOf, SERVE_FLAGS } from "./serve-flags.js";
import { misspeltVariables, readFlagsAndVariables } from "./variables.js";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is what a file contains
const NO_ENV: Flag = {
  name: "no-env",
  help: "Without the secrets at hand: a ${NAME} or ${file:PATH} without a value counts as any valid value.",
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is what a file contains

const FLAGS: readonly Flag[] = [...SERVE_FLAGS, NO_ENV];

export const HELP: CommandHelp = {
  about: "Checks a configuration with the same rules, flags and variables as serve, and starts nothing.",
  usage: "validate [FILE] [FLAGS]",
  flags: FLAGS,
  notes: "Each error is one line: FILE:LINE:COLUMN: KEY: what is wrong.",
  exitCodes: [
    [0, "the configuration is valid"],
    [2, "the configuration is not valid"],
  ],
  examples: [
    "healthbridge validate",
    "healthbridge validate deploy/healthbridge.yaml",
    "healthbridge validate --no-env deploy/healthbridge.yaml",
    "healthbridge validate -c healthbridge.yaml --check flower=http://localhost:5555/healthcheck",
  ],
};

/** Resolves with 0 for a valid configuration. For an invalid one it throws a ConfigError. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlagsAndVariables(FLAGS, args, { environment: process.env, positional: "config" });
  for (const read of [logLevelOf, logFormatOf]) read(values);
  const file = fileOf(values) ?? (isAlone(values) ? DEFAULT_CONFIG_FILE : undefined);
  const withoutEnvironment = values.has(NO_ENV.name);
  const loaded = await loadConfig(file, values, { withoutEnvironment });
  const { checks, templates, services, webhooks, recovery, warnings } = attempt(
    () => requireValid(loaded, [], process.env),
    file,
  );
  for (const warning of [...warnings, ...misspeltVariables(SERVE_FLAGS, process.env)])
    process.stderr.write(`warning: ${warning}\n`);
  const counts = [counted(checks.length, "check"), counted(services.length, "service")];
  if (templates.length > 0) counts.push(`${counted(templates.length, "check")} with instances`);
  if (webhooks.length > 0) counts.push(counted(webhooks.length, "webhook"));
  if (recovery.length > 0) counts.push(counted(recovery.length, "recovery rule"));
  const verdict = withoutEnvironment ? "is valid in any environment" : "is valid";
  process.stdout.write(`${file ?? "the configuration"} ${verdict}: ${counts.join(", ")}\n`);
  return 0;
}

/** Says in the error how a file is read without the values that are missing. */
function attempt<Value>(action: () => Value, file = ""): Value {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof ConfigError) || !error.faults.some(({ isMissing }) => isMissing === true)) throw error;
    const text = "values are missing here; to check the file without them, try: healthbridge validate --no-env";
    throw new ConfigError(file, [...error.faults, { place: `--${NO_ENV.name}`, path: [], text }], { cause: error });
  }
}

/** Whether no flag gives a part of the configuration. */
function isAlone(values: FlagValues): boolean {
  return !CONFIG_FLAGS.some(({ name }) => values.has(name));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
