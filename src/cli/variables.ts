/**
 * Environment variables instead of flags: `HEALTHBRIDGE_LOG_LEVEL=debug` is `--log-level debug`. A flag on the command line
 * wins.
 *
 * Kubernetes sets `HEALTHBRIDGE_PORT`, `HEALTHBRIDGE_SERVICE_HOST` and others of that form in each container of a namespace
 * that has a service named `healthbridge`. No flag may have such a name.
 */
import type { Environment } from "../config/load.js";
import { nearestTo } from "../core/nearest.js";
import { type Flag, type FlagValues, readFlags } from "./flags.js";

const PREFIX = "HEALTHBRIDGE_";

/** The variable of a flag. */
export function variableOf(flag: string): string {
  return PREFIX + flag.replaceAll("-", "_").toUpperCase();
}

/**
 * Reads the arguments of a command, and the variables of the flags that the arguments do not have.
 * @param positional the flag that one word without a flag stands for
 * @throws UsageError as `readFlags`
 */
export function readFlagsAndVariables(
  flags: readonly Flag[],
  args: readonly string[],
  { environment, positional }: { readonly environment: Environment; readonly positional?: string },
): FlagValues {
  const fromVariables = readFlags(flags, argumentsOf(flags, environment));
  return new Map([...fromVariables, ...readFlags(flags, args, positional)]);
}

/**
 * The arguments that the variables stand for, in the form `--flag=value`. Switches have no variable, and an empty variable
 * counts as unset. The values of a flag that can be repeated are separated by white space.
 */
function argumentsOf(flags: readonly Flag[], environment: Environment): readonly string[] {
  return flags.flatMap(({ name, value, repeats }) => {
    const text = value === undefined ? "" : (environment[variableOf(name)] ?? "").trim();
    if (text === "") return [];
    const texts = repeats === true ? text.split(/\s+/) : [text];
    return texts.map((each) => `--${name}=${each}`);
  });
}

/** A line of an error, which names the flag first: with the variable that the value comes from. */
export function withVariable(line: string, args: readonly string[], environment: Environment): string {
  const name = /^--([a-z-]+)/.exec(line)?.[1];
  if (name === undefined || args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`))) return line;
  const variable = variableOf(name);
  return environment[variable] === undefined ? line : line.replace(`--${name}`, `${variable} (--${name})`);
}

/** Variables that are probably misspelt, as texts for a warning. */
export function misspeltVariables(flags: readonly Flag[], environment: Environment): readonly string[] {
  const known = flags.flatMap(({ name, value }) => (value === undefined ? [] : [nameIn(variableOf(name))]));
  return Object.keys(environment).flatMap((variable) => {
    const name = nameIn(variable);
    const nearest = known.includes(name) ? undefined : nearestTo(name, known);
    if (nearest === undefined) return [];
    return [`the variable ${variable} is not known, and is ignored; did you mean ${PREFIX}${nearest}?`];
  });
}

/** What follows the prefix; empty for a variable of others. */
function nameIn(variable: string): string {
  return variable.startsWith(PREFIX) ? variable.slice(PREFIX.length) : "";
}
