/**
 * Flags as Go's package `flag` reads them, with its error texts.
 *
 *     -name value, -name=value, --name value, --name=value      a switch: -name or -name=true
 *     the first word without a dash, or --, ends the flags
 *
 * Source: https://go.dev/src/flag/flag.go.
 */
import { goQuote, parseGoDuration } from "./go-format.js";

export interface GoFlag {
  readonly name: string;
  /** How its value is read, and named in the usage text. `value` is what the flag itself checks. */
  readonly kind: "string" | "duration" | "bool" | "value";
  readonly usage: string;
  /** The default, as the usage text shows it. */
  readonly shownDefault?: string;
  /** What is wrong with a value of the kind `value`; `undefined` if nothing is. */
  readonly check?: (value: string) => string | undefined;
  /** The value is a secret, or may be one: no error shows it. */
  readonly isSecret?: boolean;
}

/** The values of each flag that was given, in order. A switch has `true` or `false`. */
export type GoFlagValues = ReadonlyMap<string, readonly string[]>;

/** Values, or why there are none. An empty error: help was asked for. */
export type GoFlagsReading = { readonly values: GoFlagValues } | { readonly error: string };

/** What is printed instead of a secret. */
export const MASKED = "***";

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** Reads arguments. Reading stops at the first error. */
export function readGoFlags(flags: readonly GoFlag[], args: readonly string[]): GoFlagsReading {
  const values = new Map<string, string[]>();
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at] ?? "";
    if (argument.length < 2 || !argument.startsWith("-") || argument === "--") break;
    const [, written = "", hasValue, given = ""] = /^--?([^=]*)(=?)(.*)$/s.exec(argument) ?? [];
    if (written === "" || written.startsWith("-"))
      return { error: `bad flag syntax: ${shownArgument(flags, argument)}` };
    const flag = flags.find(({ name }) => name === written);
    if (flag === undefined) {
      const isHelp = written === "help" || written === "h";
      return { error: isHelp ? "" : `flag provided but not defined: -${shownArgument(flags, written)}` };
    }
    let value: string | undefined = hasValue === "=" ? given : undefined;
    if (value === undefined && flag.kind !== "bool") {
      at += 1;
      value = args[at];
      if (value === undefined) return { error: `flag needs an argument: -${written}` };
    }
    const reading = readGoValue(flag, value ?? "true");
    if ("fault" in reading) return { error: faultText(flag, value ?? "", reading.fault) };
    values.set(written, [...(values.get(written) ?? []), reading.value]);
  }
  return { values };
}

/** An argument that is no flag, as an error shows it: what follows the name of a secret flag may be the secret. */
function shownArgument(flags: readonly GoFlag[], argument: string): string {
  const secret = flags.find(({ name, isSecret }) => isSecret === true && argument.includes(name));
  if (secret === undefined) return argument;
  return argument.slice(0, argument.indexOf(secret.name) + secret.name.length) + MASKED;
}

/** Reads one value of a flag. */
export function readGoValue(flag: GoFlag, value: string): { readonly value: string } | { readonly fault: string } {
  switch (flag.kind) {
    case "string":
      return { value };
    case "bool":
      if (TRUE.has(value)) return { value: "true" };
      return FALSE.has(value) ? { value: "false" } : { fault: "parse error" };
    case "duration":
      return parseGoDuration(value) === undefined ? { fault: "parse error" } : { value };
    case "value": {
      const fault = flag.check?.(value);
      return fault === undefined ? { value } : { fault };
    }
    default:
      flag.kind satisfies never;
      return { value };
  }
}

function faultText(flag: GoFlag, value: string, fault: string): string {
  const shown = flag.isSecret === true ? MASKED : value;
  if (flag.kind === "bool") return `invalid boolean value ${goQuote(shown)} for -${flag.name}: ${fault}`;
  return `invalid value ${goQuote(shown)} for flag -${flag.name}: ${fault}`;
}
