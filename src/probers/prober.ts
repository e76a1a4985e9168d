/**
 * What a prober is: the code for a kind of target, which looks once when it is asked.
 *
 * It RETURNS what it found, ill health included. It THROWS only when it could not look (we have no file descriptors
 * left, say): that tells nothing of the target, and flips no verdict. It keeps nothing between two looks but a
 * connection.
 */
import type { ReasonCode } from "./reasons.js";

/** What one probe found. */
export interface ProbeResult {
  readonly outcome: "pass" | "warn" | "fail";
  /** Why it isn't a plain pass: a short code that anybody may see. */
  readonly reason?: ReasonCode;
  /** The full text, which may hold a target's own words: for the log only. */
  readonly detail?: string;
}

/** How a probe may take its time. */
export interface ProbeContext {
  /** Aborted at the deadline, or when the check ends: the work must stop and its resources go. */
  readonly signal: AbortSignal;
  /** Milliseconds from the start to the deadline. */
  readonly timeoutMs: number;
}

/** One target, ready to be looked at. */
export interface Prober {
  probe(context: ProbeContext): Promise<ProbeResult>;
  /** Calls `listener` when the target itself says that it has changed, where it can: a reason to look early. */
  onChange?(listener: () => void): void;
  /** Ends connections that are kept between probes. */
  close(): void;
}

/** A plain pass. */
export const PASS: ProbeResult = { outcome: "pass" };

/** A target's words beyond this are cut: a bad one could fill the log with them. */
const MOST_DETAIL_CHARACTERS = 300;

/** A failure. */
export function fail(reason: ReasonCode, detail: string): ProbeResult {
  return { outcome: "fail", reason, detail: detail.slice(0, MOST_DETAIL_CHARACTERS).toWellFormed() };
}
