/**
 * Patterns that a target's answer must match: regular expressions of RE2, compiled when the check is declared.
 *
 * RE2 takes time in proportion to the text. With JavaScript's own expressions, a target could send a text that blocks the
 * event loop for an hour.
 */
import { createRequire } from "node:module";
import { messageOf } from "../core/health-error.js";
import { OptionError, type Path } from "../core/option-error.js";

/** A pattern of at most so many steps takes less than half a second for 64 KiB. */
const MAX_PATTERN_STEPS = 300;

const load = createRequire(import.meta.url);

/** Where the first match in a text, or in the bytes of a text, ends; `undefined` without a match. */
export type MatchEnd = (input: string | Uint8Array) => number | undefined;

/**
 * Compiles a pattern.
 * @throws HealthError INVALID_OPTION for a pattern that is not valid or too large
 */
export function compilePattern(pattern: string, option: Path): MatchEnd {
  // loaded only for a pattern, and synchronously: an invalid one is refused when the check is declared
  const { RE2JS } = load("re2js") as typeof import("re2js");
  let compiled: import("re2js").RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw new OptionError(option, `is not a valid RE2 regular expression: ${messageOf(cause)}`, { cause });
  }
  if (compiled.programSize() > MAX_PATTERN_STEPS) {
    const text = `is too large: the compiled pattern has more than ${MAX_PATTERN_STEPS} steps`;
    throw new OptionError(option, text);
  }
  return (input) => {
    const matcher = compiled.matcher(input);
    return matcher.find() ? matcher.end() : undefined;
  };
}
