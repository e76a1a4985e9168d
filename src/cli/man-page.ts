/**
 * `healthbridge man`: prints the man page, made from the tables of the commands.
 */
import { version } from "../core/version.js";
import { type Flag, readFlags } from "./flags.js";
import { type CommandHelp, exitCodesOf, type NamedHelp } from "./help.js";

export const HELP: CommandHelp = {
  about: "Prints the man page, as troff source.",
  usage: "man",
  flags: [],
  exitCodes: [[2, "an unknown flag or argument"]],
  examples: ["healthbridge man | man -l -", "healthbridge man > /usr/local/share/man/man1/healthbridge.1"],
};

export async function run(args: readonly string[], allHelp: () => Promise<readonly NamedHelp[]>): Promise<number> {
  readFlags(HELP.flags, args);
  process.stdout.write(manPage(await allHelp()));
  return 0;
}

/** The page as troff source, with the macros of man(7). */
function manPage(commands: readonly NamedHelp[]): string {
  const summaries = commands.flatMap(({ name, summary }) => [".TP", `.B ${name}`, escaped(summary)]);
  return [
    `.TH HEALTHBRIDGE 1 "" "healthbridge ${version()}" "User Commands"`,
    ".SH NAME",
    "healthbridge \\- a health endpoint that answers gRPC and HTTP health checks on one port",
    ".SH SYNOPSIS",
    ".B healthbridge\n[\\fICOMMAND\\fR] [\\fIFLAGS\\fR]",
    ".SH COMMANDS",
    ...summaries,
    ...commands.flatMap(({ name, help }) => section(name, help)),
    ".SH ENVIRONMENT",
    ".TP",
    ".B HEALTHBRIDGE_*",
    "Each flag of serve and validate with a value: HEALTHBRIDGE_LOG_LEVEL is \\-\\-log\\-level.",
    ".TP",
    ".B NO_COLOR",
    "If it is set and not empty, no output has colours.",
    ".SH FILES",
    ".TP",
    ".B healthbridge.yaml, healthbridge.yml",
    "The configuration, in the working directory.",
    "",
  ].join("\n");
}

function section(name: string, help: CommandHelp): readonly string[] {
  const { about, usage, flags, notes, examples } = help;
  return [
    `.SH ${escaped(name.toUpperCase())}`,
    `.B healthbridge ${escaped(usage)}`,
    ".PP",
    escaped(about),
    ...flags.flatMap(flagRows),
    ...(notes === undefined ? [] : [".PP", escaped(notes)]),
    ".PP\nExit codes:",
    ...exitCodesOf(help).flatMap(([code, meaning]) => [".TP", `.B ${code}`, escaped(meaning)]),
    ".PP\nExamples:",
    ".nf",
    ".RS",
    ...examples.map(escaped),
    ".RE",
    ".fi",
  ];
}

function flagRows({ name, short, value, fallback, help }: Flag): readonly string[] {
  const dashes = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const argument = value === undefined ? "" : ` \\fI${escaped(value)}\\fR`;
  const text = fallback === undefined ? help : `${help} (default: ${fallback})`;
  return [".TP", `\\fB${escaped(dashes)}\\fR${argument}`, escaped(text)];
}

/** Text that troff prints as it is: a dash is not a hyphen, and no line is a request. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/^[.']/gm, "\\&$&");
}
