/**
 * Go's texts of durations and quoted strings: `time.ParseDuration`, `Duration.String` and `strconv.Quote`.
 *
 * Durations are nanoseconds in a bigint, as in Go: a number cannot hold every value of 64 bits.
 */

/** A duration in nanoseconds, as Go counts it. */
export type GoDuration = bigint;

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n, // micro sign
  "\u03bcs": 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX = 2n ** 63n - 1n;

const DURATION = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/;
const PART = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;

/** Reads a duration such as `1m30s`, `1.5s` or `0`; `undefined` for a text that Go refuses. */
export function parseGoDuration(text: string): GoDuration | undefined {
  if (/^[+-]?0$/.test(text)) return 0n;
  const [, sign, parts = ""] = DURATION.exec(text) ?? [];
  if (sign === undefined) return undefined;
  let sum = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of parts.matchAll(PART)) {
    const size = UNITS[unit] ?? 0n;
    sum += BigInt(whole || "0") * size + (BigInt(fraction || "0") * size) / 10n ** BigInt(fraction.length);
  }
  if (sum > MAX && !(sign === "-" && sum === MAX + 1n)) return undefined;
  return sign === "-" ? -sum : sum;
}

/** Writes a duration as Go does: `1s`, `1m30s`, `1.5ms`, `0s`. */
export function formatGoDuration(duration: GoDuration): string {
  if (duration === 0n) return "0s";
  const sign = duration < 0n ? "-" : "";
  const size = duration < 0n ? -duration : duration;
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 1_000n)}\u00b5s`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 1_000_000n)}ms`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${decimal(size % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** A quotient without zeros at its end. */
function decimal(size: bigint, unit: bigint): string {
  const digits = String(unit).length - 1;
  const fraction = String(size % unit)
    .padStart(digits, "0")
    .replace(/0+$/, "");
  return fraction === "" ? String(size / unit) : `${size / unit}.${fraction}`;
}

/** Milliseconds, as timers take them. */
export function millisecondsOf(duration: GoDuration): number {
  return Number(duration) / 1e6;
}

/** The duration of measured milliseconds. */
export function goDurationOf(milliseconds: number): GoDuration {
  return BigInt(Math.round(milliseconds * 1e6));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** A text in quotation marks, as `%q` writes it. */
export function goQuote(text: string): string {
  return `"${Array.from(text, quoteCharacter).join("")}"`;
}

function quoteCharacter(character: string): string {
  const short = ESCAPES[character];
  if (short !== undefined) return short;
  if (isPrintable(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** Letters, marks, numbers, punctuation, symbols and the space: `unicode.IsPrint`. */
function isPrintable(character: string): boolean {
  // not a literal: V8 reads those with the program, and collects the characters of each class, for half a millisecond
  return new RegExp(PRINTABLE, "u").test(character);
}

const PRINTABLE = String.raw`^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$`;

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
