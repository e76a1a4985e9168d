/**
 * A row of the conformance list: one sentence of a protocol, and how to find out whether a server obeys it.
 *
 *     row --> run(context) --> holds | breaks (sent, expected, received) | not tried (why)
 *
 * A row opens connections of its own, so rows are independent of each other.
 */
import { printable } from "../core/printable.js";
import type { RowContext } from "./context.js";

/** Which protocol a row belongs to. */
export type RowGroup = "health" | "grpc" | "http2";

/** How strictly the source says it: MUST and SHOULD of RFC 2119. */
export type Severity = "must" | "should";

/** The document that contains the rule. */
export interface Source {
  readonly title: string;
  readonly url: string;
}

/** What came of a row. */
export type RowVerdict =
  | { readonly kind: "holds" }
  | { readonly kind: "breaks"; readonly sent: string; readonly expected: string; readonly received: string }
  | { readonly kind: "not-tried"; readonly why: string };

/** The part of a row that reports show. */
export interface RowText {
  /** Stable: reports and `--only` name it. */
  readonly id: string;
  /** The sentence, in our words. */
  readonly rule: string;
  readonly source: Source;
  readonly severity: Severity;
}

export interface ConformanceRow extends RowText {
  readonly group: RowGroup;
  /** Needs a program that changes statuses (`--control`). */
  readonly needsControl?: boolean;
  /** Whether the row runs after all others. It finds out whether the server has survived them. */
  readonly isLast?: boolean;
  readonly run: (context: RowContext) => Promise<RowVerdict>;
}

export const HOLDS: RowVerdict = { kind: "holds" };

/** Characters of a text in a verdict: it may contain names and texts of the server. */
const MAX_TEXT = 500;

export function breaks(sent: string, expected: string, received: string): RowVerdict {
  return { kind: "breaks", sent: cut(sent), expected: cut(expected), received: cut(received) };
}

export function notTried(why: string): RowVerdict {
  return { kind: "not-tried", why: cut(why) };
}

function cut(raw: string): string {
  const text = printable(raw);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} ...` : text;
}
