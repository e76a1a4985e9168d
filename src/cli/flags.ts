/**
 * Flags as tables: one row gives the parser, the help and a line of the README.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearestTo } from "../core/nearest.js";
import { withoutUserInfo } from "../probers/target.js";

/** One flag of a command. */
export interface Flag {
  /** Its name without the dashes. */
  readonly name: string;
  /** The name of its value in the help: `ADDR`. A flag without one is a switch. */
  readonly value?: string;
  /** One letter, for a single dash. */
  readonly short?: string;
  readonly repeats?: boolean;
  /** All values that it can have. */
  readonly values?: readonly string[];
  /** The default. */
  readonly fallback?: string;
  readonly help: string;
}

/** The values of each flag, in order. A switch has the value `true`. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/** A mistake on the command line: one line on stderr, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Reads the arguments of a command.
 * @param positional the flag that one word without a flag stands for
 * @throws UsageError for an unknown flag (with the nearest one), a missing value, a repeated flag, or an unexpected word
 */
export function readFlags(flags: readonly Flag[], args: readonly string[], positional?: string): FlagValues {
  const { tokens } = parseArgs({ args: [...args], options: optionsOf(flags), strict: false, tokens: true });
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    const flagName = token.kind === "option" ? token.name : positional;
    if (flagName === undefined) throw new UsageError(unexpected(token.value));
    const flag = flags.find(({ name }) => name === flagName);
    if (flag === undefined) {
      const shown = token.kind === "option" ? token.rawName : flagName;
      throw new UsageError(`unknown flag ${shown}${suggestion(flags, flagName)}`);
    }
    const given = values.get(flag.name) ?? [];
    if (given.length > 0 && flag.repeats !== true)
      throw new UsageError(token.kind === "option" ? `--${flag.name} is given twice` : unexpected(token.value));
    if (token.kind === "positional" && token.value === "")
      throw new UsageError(`an argument is empty: expected ${flag.value}`);
    values.set(flag.name, [...given, givenValue(flag, token.value)]);
  }
  return values;
}

function unexpected(argument = ""): string {
  return `unexpected argument ${shownArgument(argument)}`;
}

function givenValue(flag: Flag, value: string | undefined): string {
  if (flag.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${flag.name} takes no value`);
    return "true";
  }
  if (value === undefined || value === "")
    throw new UsageError(`--${flag.name} needs a value: --${flag.name} ${flag.value}`);
  return value;
}

function optionsOf(flags: readonly Flag[]): NonNullable<ParseArgsConfig["options"]> {
  const entries = flags.map(({ name, value, short }) => {
    const type = value === undefined ? ("boolean" as const) : ("string" as const);
    return [name, short === undefined ? { type } : { type, short }] as const;
  });
  return Object.fromEntries(entries);
}

function suggestion(flags: readonly Flag[], name: string): string {
  const names = flags.map((flag) => flag.name);
  const nearest = nearestTo(name, names) ?? names.find((known) => known.startsWith(name));
  return nearest === undefined ? "" : `; did you mean --${nearest}?`;
}

/** The widest line of a help text. */
const COLUMNS = 100;

/** The flags as lines of a help text. */
export function describeFlags(flags: readonly Flag[]): string {
  const left = flags.map(({ name, short, value }) => {
    const dashes = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    return value === undefined ? dashes : `${dashes} ${value}`;
  });
  const width = Math.max(...left.map((text) => text.length)) + 4;
  return flags
    .map(({ help, fallback }, index) => {
      const right = fallback === undefined ? help : `${help} (default: ${fallback})`;
      const lines = wrap(right, COLUMNS - width);
      return lines.map((line, row) => `${row === 0 ? `  ${left[index]}` : ""}`.padEnd(width) + line).join("\n");
    })
    .join("\n");
}

/** A text in lines of so many characters; a longer word has a line of its own. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** An argument as an error shows it: without a password, for it may be a URL in the wrong place. */
export function shownArgument(argument: string): string {
  return JSON.stringify(withoutUserInfo(argument));
}
