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
  /** When the certificate that the target showed ends, in wall time: where the scheme saw one. */
  readonly certificateEndsAt?: number;
  /** Further services that the target tells of, under their full names: each is published beside the check. */
  readonly discovered?: ReadonlyMap<string, Discovered>;
}

/** What a target tells of a service that it knows. */
export interface Discovered {
  readonly outcome: "pass" | "fail";
  readonly reason?: ReasonCode;
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
  /**
   * Ends the probe that runs, at its deadline or when the check ends. A prober that has it leaves `signal` alone: an
   * AbortController for each probe costs as much as the probe.
   */
  cancel?(): void;
  /** Calls `listener` when the target itself says that it has changed, where it can: a reason to look early. */
  onChange?(listener: () => void): void;
  /** Ends connections that are kept between probes. */
  close(): void;
}

/**
 * A *prober error*: we could not look, which tells nothing of the target. It is thrown, never returned; anything else
 * that a prober throws counts as one too, under the reason `prober`.
 */
export class ProberError extends Error {
  override readonly name = "ProberError";
  readonly reason: ReasonCode;

  constructor(reason: ReasonCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A plain pass. */
export const PASS: ProbeResult = { outcome: "pass" };

/** A target's words beyond this are cut: a bad one could fill the log with them. */
const MAX_DETAIL_CHARACTERS = 300;

/** A pass with a flaw: it counts as a pass, and marks the check's services degraded. */
export function warn(reason: ReasonCode, detail: string): ProbeResult {
  return { ...fail(reason, detail), outcome: "warn" };
}

/** A failure. */
export function fail(reason: ReasonCode, detail: string): ProbeResult {
  return { outcome: "fail", reason, detail: detail.slice(0, MAX_DETAIL_CHARACTERS).toWellFormed() };
}
