/**
 * A prober: the code for one kind of target. It probes once for each call.
 *
 * It RETURNS a result, also for a target that is unhealthy. It THROWS only when it could not probe, for example without
 * free file descriptors: that says nothing about the target and changes no state. Between two probes it keeps nothing
 * but a connection.
 */
import { WARN_BEFORE_MS } from "../core/certificate-time.js";
import { type DurationLike, parseDuration } from "../core/duration.js";
import type { ReasonCode } from "../core/reasons.js";

/** The result of one probe. */
export interface ProbeResult {
  readonly outcome: "pass" | "warn" | "fail";
  /** Why it is not a plain pass: a short code, shown to unauthenticated clients too. */
  readonly reason?: ReasonCode;
  /** The full text. It may hold text of the target, so it is for the log only. */
  readonly detail?: string;
  /** What an operator should change. It holds no text of the target, and is logged when the state of the check changes. */
  readonly advice?: string;
  /** When the target's certificate expires, in wall time; `undefined` where the scheme sees none. */
  readonly certificateEndsAt?: number;
  /** Further services that the target reports, by their full names: each is published beside the check. */
  readonly discovered?: ReadonlyMap<string, Discovered>;
}

/** The state of a service that a target reports. */
export interface Discovered {
  readonly outcome: "pass" | "fail";
  readonly reason?: ReasonCode;
}

/** The time that a probe has. */
export interface ProbeContext {
  /** Aborted at the deadline, or when the check ends: the probe must stop and release its resources. */
  readonly signal: AbortSignal;
  /** Milliseconds from the start to the deadline. */
  readonly timeoutMs: number;
  /** Milliseconds from now to the deadline, which delays of healthbridge itself move. 0 or less: the deadline has passed. */
  readonly leftMs: () => number;
}

/** A target that can be probed. */
export interface Prober {
  /**
   * Calls `start` when this machine has room for a probe: at once, or when others have ended. `probe` is called next, or
   * `close`, which also ends the wait. A prober without it needs no room.
   */
  reserve?(start: () => void): void;
  probe(context: ProbeContext): Promise<ProbeResult>;
  /**
   * Ends the probe that runs, at its deadline or when the check ends. A prober that has this method does not use
   * `signal`: an AbortController costs as much as a probe.
   */
  cancel?(): void;
  /** Calls `listener` when the target reports a change by itself: a reason to probe early. */
  onChange?(listener: () => void): void;
  /** Calls `listener` with each result that comes without a probe, and its age: it counts at once. */
  onResult?(listener: (result: ProbeResult, ageMs: number) => void): void;
  /** Ends connections that are kept between probes. */
  close(): void;
}

/**
 * A *prober error*: healthbridge could not probe, which says nothing about the target. It is thrown, never returned.
 * Anything else that a prober throws counts as one too, with the reason `prober`.
 */
export class ProberError extends Error {
  override readonly name = "ProberError";
  readonly reason: ReasonCode;

  constructor(reason: ReasonCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
    // it is expected, and may come for each probe of each check: a stack trace would only fill the log
    this.stack = `${this.name}: ${message}`;
  }
}

export const PASS: ProbeResult = { outcome: "pass" };

/** Longer texts are cut: a hostile target could fill the log. */
const MAX_DETAIL_CHARACTERS = 300;

/** A degraded pass: it counts as a pass, and marks the services of the check as degraded. */
export function warn(reason: ReasonCode, detail: string): ProbeResult {
  return { ...fail(reason, detail), outcome: "warn" };
}

export function fail(reason: ReasonCode, detail: string): ProbeResult {
  return { outcome: "fail", reason, detail: detail.slice(0, MAX_DETAIL_CHARACTERS).toWellFormed() };
}

const DAY_MS = 86_400_000;

/**
 * Adds the end of the target's certificate to a result. A plain pass becomes a `warn` when the certificate expires within
 * `warnBefore`, but never with 0.
 */
export function withCertificate(
  result: ProbeResult,
  endsAt: number | undefined,
  wallTime: number,
  warnBefore: DurationLike = WARN_BEFORE_MS,
): ProbeResult {
  if (endsAt === undefined) return result;
  const certificate = { certificateEndsAt: endsAt };
  const warnBeforeMs = typeof warnBefore === "number" ? warnBefore : (parseDuration(warnBefore) ?? WARN_BEFORE_MS);
  const isNear = warnBeforeMs > 0 && endsAt - wallTime < warnBeforeMs;
  if (result.outcome !== PASS.outcome || !isNear) return { ...result, ...certificate };
  const days = Math.max(0, Math.floor((endsAt - wallTime) / DAY_MS));
  return { ...warn("tls-ending", `the certificate ends in ${days} days`), ...certificate };
}
