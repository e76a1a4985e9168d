/**
 * What each command says of itself. `--help`, the man page and the completions of shells are made from it.
 */
import { describeFlags, type Flag } from "./flags.js";

export interface CommandHelp {
  /** What the command does, in lines of at most 100 columns. */
  readonly about: string;
  /** What follows the name of the program. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Rules for the use of the flags, in lines of at most 100 columns. */
  readonly notes?: string;
  /** Exit codes, beside those of every command. */
  readonly exitCodes?: readonly (readonly [code: number, meaning: string])[];
  /** Commands as a user types them, with the name of the program. */
  readonly examples: readonly string[];
}

/** The help of a command in a list of all. */
export interface NamedHelp {
  readonly name: string;
  readonly summary: string;
  readonly help: CommandHelp;
}

export interface CommandModule {
  readonly HELP: CommandHelp;
  /** Resolves with the exit code of the process. @param allHelp the help of every command, for what is made from it */
  readonly run: (args: readonly string[], allHelp: () => Promise<readonly NamedHelp[]>) => Promise<number>;
}

/** The flag that every command has, and that no table of flags contains. */
export const HELP_FLAG: Flag = { name: "help", short: "h", help: "Show this help." };

const COMMON_EXIT_CODES = [
  [0, "success"],
  [1, "an unexpected error"],
  [2, "an error in a flag, the configuration or an address"],
] as const;

/** The exit codes of a command, in order. */
export function exitCodesOf({ exitCodes = [] }: CommandHelp): readonly (readonly [code: number, meaning: string])[] {
  return [...new Map<number, string>([...COMMON_EXIT_CODES, ...exitCodes])].sort(([one], [other]) => one - other);
}

/** The help of one command. */
export function helpText(help: CommandHelp): string {
  const codes = exitCodesOf(help).map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}`);
  return [
    help.about,
    "",
    `Usage: healthbridge ${help.usage}`,
    "",
    describeFlags([...help.flags, HELP_FLAG]),
    ...(help.notes === undefined ? [] : ["", help.notes]),
    "",
    "Exit codes:",
    ...codes,
    "",
    "Examples:",
    ...help.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}
