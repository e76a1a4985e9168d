/**
 * What is wrong with a declaration: which rule it breaks, and where.
 *
 * The library throws violations as one `HealthError`. The configuration shows each at its line and column.
 */
import { HealthError, type HealthErrorCode } from "../core/health-error.js";

/** The keys and list indexes that lead to a value: `checks`, `db`, `interval`. */
export type Path = readonly (string | number)[];

/** One broken rule. */
export interface Violation {
  readonly code: HealthErrorCode;
  readonly path: Path;
  /** Follows the path and a colon: `must be a duration`. */
  readonly text: string;
  /** The other declaration, where two of them are in conflict. */
  readonly other?: Path | undefined;
}

/** A path as text: `checks.orders-a.expect.status[0]`. */
export function formatPath(path: Path): string {
  return path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w/-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("")
    .replace(/^\./, "");
}

/** @throws HealthError with the text of every violation, and the code of the first; nothing is thrown for none */
export function throwViolations(violations: readonly Violation[]): void {
  const [first] = violations;
  if (first === undefined) return;
  const texts = violations.map(({ path, text, other }) => {
    const conflict = other === undefined ? "" : ` (${formatPath(other)})`;
    return `${formatPath(path)}: ${text}${conflict}`;
  });
  throw new HealthError(first.code, texts.join("; "));
}
