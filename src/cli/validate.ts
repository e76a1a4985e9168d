/**
 * `healthbridge validate`: reads a configuration as `serve` would, and starts nothing.
 */
import { DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { requireValid } from "../config/validate.js";
import type { Flag, FlagValues } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { fileOf, loadConfig } from "./load-config.js";
import { CONFIG_FLAGS } from "./serve-flags.js";
import { readFlagsAndVariables } from "./variables.js";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is what a file contains
const NO_ENV: Flag = {
  name: "no-env",
  help: "Without the secrets at hand: a ${NAME} or ${file:PATH} without a value counts as any valid value.",
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is what a file contains

const FLAGS: readonly Flag[] = [...CONFIG_FLAGS, NO_ENV];

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
  const file = fileOf(values) ?? (isAlone(values) ? DEFAULT_CONFIG_FILE : undefined);
  const withoutEnvironment = values.has(NO_ENV.name);
  const loaded = await loadConfig(file, values, { withoutEnvironment });
  const { checks, services, warnings } = requireValid(loaded, [], process.env);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  const counts = `${counted(checks.length, "check")}, ${counted(services.length, "service")}`;
  const verdict = withoutEnvironment ? "is valid, whatever its environment" : "is valid";
  process.stdout.write(`${file ?? "the configuration"} ${verdict}: ${counts}\n`);
  return 0;
}

/** Whether no flag gives a part of the configuration. */
function isAlone(values: FlagValues): boolean {
  return [...values.keys()].every((name) => name === NO_ENV.name);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
