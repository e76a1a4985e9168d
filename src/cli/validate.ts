/**
 * `healthbridge validate`: reads a configuration as `serve` would, and starts nothing.
 */
import { DEFAULT_CONFIG_FILE } from "../config/daemon-config.js";
import { loadConfig } from "../config/load.js";
import { describeFlags, type Flag, readFlags } from "./flags.js";

const FLAGS: readonly Flag[] = [
  { name: "config", short: "c", value: "FILE", fallback: DEFAULT_CONFIG_FILE, help: "the file to read" },
  { name: "help", short: "h", help: "show this" },
];

/** Resolves with 0 for a good file. A bad one is told by the error that it throws: every fault in a line, exit code 2. */
export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags(FLAGS, args);
  if (values.has("help")) {
    process.stdout.write(`Reads a configuration as serve would, and starts nothing.

Usage: healthbridge validate [FLAGS]

${describeFlags(FLAGS)}

Exit codes: 0 it is good; 2 it is not, with every fault in a line: FILE:LINE:COLUMN: key: what is wrong.
`);
    return 0;
  }
  const file = values.get("config")?.[0] ?? DEFAULT_CONFIG_FILE;
  const { checks, services, warnings } = loadConfig(file, process.env);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(`${file} is good: ${counted(checks.length, "check")}, ${counted(services.length, "service")}\n`);
  return 0;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
