/**
 * Flags as tables: one row makes the parser, the help and the table of the README.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearestTo } from "../core/nearest.js";

/** One flag of a command. */
export interface Flag {
  /** Its name without the dashes. */
  readonly name: string;
  /** What it takes, for the help: `ADDR`. A flag without one is a switch. */
  readonly value?: string;
  /** One letter, for a single dash. */
  readonly short?: string;
  readonly repeats?: boolean;
  /** What happens without it. */
  readonly fallback?: string;
  readonly help: string;
}

/** The values that were given: every flag's, in order. A switch has the value `true`. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/** A mistake on the command line: told in one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Reads a command's arguments.
 * @throws UsageError for an unknown flag (with the nearest one), a missing value, a repeated flag, or a stray word
 */
export function readFlags(flags: readonly Flag[], args: readonly string[]): FlagValues {
  const { tokens } = parseArgs({ args: [...args], options: optionsOf(flags), strict: false, tokens: true });
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") throw new UsageError(`unexpected argument ${JSON.stringify(token.value)}`);
    const flag = flags.find(({ name }) => name === token.name);
    if (flag === undefined) throw new UsageError(`unknown flag ${token.rawName}${suggestion(flags, token.name)}`);
    const given = values.get(flag.name) ?? [];
    if (given.length > 0 && flag.repeats !== true) throw new UsageError(`--${flag.name} is given twice`);
    values.set(flag.name, [...given, givenValue(flag, token.value)]);
  }
  return values;
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

/** The flags as lines of a help text. */
export function describeFlags(flags: readonly Flag[]): string {
  const left = flags.map(({ name, short, value }) => {
    const dashes = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    return value === undefined ? dashes : `${dashes} ${value}`;
  });
  const width = Math.max(...left.map((text) => text.length));
  const right = flags.map(({ help, fallback }) => (fallback === undefined ? help : `${help} (default: ${fallback})`));
  return left.map((text, index) => `  ${text.padEnd(width)}  ${right[index]}`).join("\n");
}
