#!/usr/bin/env node
/**
 * The command line: finds the command, and turns its errors into lines and an exit code.
 *
 * Exit codes: 0 success; 1 an unexpected error; 2 an error in a flag, the configuration or an address; 3 and 4 see `test`;
 * 128 + n ended at once by signal n.
 */
import { HealthError, messageOf } from "../core/health-error.js";
import { nearestTo } from "../core/nearest.js";
import { printable } from "../core/printable.js";
import { version } from "../core/version.js";
import { allHelp, COMMANDS } from "./commands.js";
import { shownArgument, UsageError } from "./flags.js";
import { type CommandModule, helpText } from "./help.js";
import { withVariable } from "./variables.js";

const VERSION_WORDS: readonly string[] = ["--version", "-v"];

const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`);
  return [
    "healthbridge: a health endpoint that answers gRPC and HTTP health checks on one port",
    "",
    "Usage: healthbridge [COMMAND] [FLAGS]",
    "",
    ...rows,
    "",
    "healthbridge COMMAND --help shows the flags of a command, with examples; --version shows the version.",
    "",
  ].join("\n");
}

async function main(args: readonly string[]): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (first === "version" || VERSION_WORDS.includes(first)) return print(versionLine());
  if (first === "--help" || first === "-h") return print(overview());
  if (first === "help") return rest[0] === undefined ? print(overview()) : print(helpText((await load(rest[0])).HELP));
  return first.startsWith("-") ? runCommand("serve", args) : runCommand(first, rest);
}

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  const { HELP, run } = await load(name);
  const flags = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (flags.some((arg) => arg === "--help" || arg === "-h")) return print(helpText(HELP));
  return flags.some((arg) => VERSION_WORDS.includes(arg)) ? print(versionLine()) : run(args, allHelp);
}

/** @throws UsageError for an unknown command */
function load(name: string): Promise<CommandModule> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command.load();
  const known = Object.keys(COMMANDS);
  const nearest = nearestTo(name, known);
  const meant = nearest === undefined ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  const hint = name.includes("://") ? "; to probe a URL, write healthbridge test URL" : "";
  throw new UsageError(`unknown command ${shownArgument(name)}; ${meant}${hint}`);
}

function versionLine(): string {
  return `healthbridge ${version()}\n`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function fail(error: unknown): void {
  const isMistake = error instanceof UsageError || error instanceof HealthError;
  const text = isMistake || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
  // errors with a place in a file start their line with it: editors and terminals make links of them
  const lines = text
    .split("\n")
    .map(printable)
    .map((line) => withVariable(line, process.argv, process.env))
    .map((line) => (isPlace(error, line) ? line : `healthbridge: ${line}`));
  process.stderr.write(
    isMistake ? `${lines.join("\n")}\n` : `healthbridge: ${text.split("\n").map(printable).join("\n")}\n`,
  );
  process.exitCode = isMistake ? EXIT_USAGE : EXIT_FAULT;
}

function isPlace(error: unknown, line: string): boolean {
  return error instanceof HealthError && error.code === "INVALID_CONFIG" && !line.startsWith("--");
}

/**
 * The reader of stdout may be gone (`healthbridge status | head -1`): the exit code counts then. Another error, of a full
 * disk for example, has lost what was asked for. `serve` has a listener of its own: it goes on without its log.
 */
function watchOutput(): void {
  process.stderr.on("error", () => {}); // there is no other place for the text
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" || process.stdout.listenerCount("error") > 1) return;
    process.stderr.write(`healthbridge: the output could not be written (${messageOf(error)})\n`);
    process.exit(process.exitCode || EXIT_FAULT);
  });
}

watchOutput();
// not `await`: the bundle is CommonJS
main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
}, fail);
