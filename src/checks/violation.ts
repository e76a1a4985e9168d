/**
 * What is wrong with a declaration: which rule it breaks, and where.
 *
 * The library throws violations as one `HealthError`. The configuration shows each at its line and column.
 */
import { HealthError, type HealthErrorCode } from "../core/health-error.js";
import { formatPath, type Path } from "../core/option-error.js";

export interface Violation {
  readonly code: HealthErrorCode;
  readonly path: Path;
  /** Follows the path and a colon: `must be a duration`. */
  readonly text: string;
  /** The option that `text` ends with, and its value in words: `checks.db.interval (1s)`. */
  readonly limit?: { readonly path: Path; readonly value: string } | undefined;
  /** The other declaration, where two of them are in conflict. */
  readonly other?: Path | undefined;
}

/** @throws HealthError with the text of every violation, and the code of the first; nothing is thrown for none */
export function throwViolations(violations: readonly Violation[]): void {
  const [first] = violations;
  if (first === undefined) return;
  const texts = violations.map(
    (violation) => `${formatPath(violation.path)}: ${describeViolation(violation, formatPath)}`,
  );
  throw new HealthError(first.code, texts.join("; "));
}

/** The text of a violation. The functions name another option and another declaration. */
export function describeViolation(
  { text, limit, other }: Violation,
  nameOption: (path: Path) => string,
  nameDeclaration = nameOption,
): string {
  const bound = limit === undefined ? "" : ` ${nameOption(limit.path)} (${limit.value})`;
  const conflict = other === undefined ? "" : ` (${nameDeclaration(other)})`;
  return `${text}${bound}${conflict}`;
}
