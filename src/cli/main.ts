#!/usr/bin/env node
/**
 * The command line: finds the command, and turns its errors into lines and an exit code.
 *
 * Exit codes: 0 success; 1 an unexpected error; 2 an error in a flag, the configuration or an address; 3 and 4 see `test`;
 * 128 + n ended at once by signal n.
 */
import { HealthError, messageOf } from "../core/health-error.js";
import { printable } from "../core/printable.js";
import { version } from "../core/version.js";
import { shownArgument, UsageError } from "./flags.js";

/** A command. It resolves with the exit code of the process. */
interface Command {
  readonly summary: string;
  /** Loaded only if it is used: `serve` must not load the others. */
  readonly load: () => Promise<{ readonly run: (args: readonly string[]) => Promise<number> }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: { summary: "serve health over gRPC and HTTP (the default command)", load: () => import("./serve.js") },
  validate: {
    summary: "check a configuration with the rules of serve, and start nothing",
    load: () => import("./validate.js"),
  },
  test: { summary: "probe a check or a URL once, and show every step", load: () => import("./test.js") },
  probe: {
    summary: "ask a health service once, as grpc_health_probe does",
    load: () => import("./probe.js"),
  },
  schema: { summary: "print the JSON Schema of the configuration, for editors", load: () => import("./schema.js") },
};

const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

function helpText(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return [
    "healthbridge: a health endpoint that answers gRPC and HTTP health checks on one port",
    "",
    "Usage: healthbridge [COMMAND] [FLAGS]",
    "",
    ...rows,
    "",
    "healthbridge COMMAND --help shows the flags of a command; --version shows the version.",
    "",
  ].join("\n");
}

async function main(args: readonly string[]): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (first === "--version") return print(`healthbridge ${version()}\n`);
  if (first === "--help" || first === "-h" || first === "help") return print(helpText());
  if (first.startsWith("-")) return runCommand("serve", args);
  return runCommand(first, rest);
}

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const hint = name.includes("://") ? "; to probe a URL, write healthbridge test URL" : "";
    const known = Object.keys(COMMANDS).join(", ");
    throw new UsageError(`unknown command ${shownArgument(name)}; known: ${known}${hint}`);
  }
  const { run } = await command.load();
  return run(args);
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
    .map((line) => (isPlace(error, line) ? line : `healthbridge: ${line}`));
  process.stderr.write(
    isMistake ? `${lines.join("\n")}\n` : `healthbridge: ${text.split("\n").map(printable).join("\n")}\n`,
  );
  process.exitCode = isMistake ? EXIT_USAGE : EXIT_FAULT;
}

function isPlace(error: unknown, line: string): boolean {
  return error instanceof HealthError && error.code === "INVALID_CONFIG" && !line.startsWith("--");
}

// not `await`: the bundle is CommonJS
main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
}, fail);
