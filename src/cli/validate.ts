/**
 * `healthbridge validate`: reads a configuration as `serve` would, and starts nothing.
 */
import { DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { requireValid } from "../config/validate.js";
import { describeFlags, type Flag, readFlags } from "./flags.js";
import { fileOf, loadConfig } from "./load-config.js";
import { CONFIG_FLAGS } from "./serve-flags.js";

const FLAGS: readonly Flag[] = [...CONFIG_FLAGS, { name: "help", short: "h", help: "Show this help." }];

/** Resolves with 0 for a valid configuration. For an invalid one it throws a ConfigError. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(FLAGS, args, "config");
  if (values.has("help")) {
    process.stdout.write(helpText());
    return 0;
  }
  const file = fileOf(values) ?? (values.size === 0 ? DEFAULT_CONFIG_FILE : undefined);
  const { checks, services, warnings } = requireValid(await loadConfig(file, values), [], process.env);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  const counts = `${counted(checks.length, "check")}, ${counted(services.length, "service")}`;
  process.stdout.write(`${file ?? "the configuration"} is valid: ${counts}\n`);
  return 0;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function helpText(): string {
  return `Checks a configuration with the same rules and flags as serve, and starts nothing.

Usage: healthbridge validate [FILE] [FLAGS]

${describeFlags(FLAGS)}

Exit codes: 0 if the configuration is valid, 2 if not. Each error is one line: FILE:LINE:COLUMN: KEY: what is wrong.

Examples:
  healthbridge validate
  healthbridge validate deploy/healthbridge.yaml
  healthbridge validate -c healthbridge.yaml --check flower=http://localhost:5555/healthcheck
`;
}
