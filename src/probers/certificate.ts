/** Turns the expiry of a target's certificate into a result: a warning before it. */
import { PASS, type ProbeResult, warn } from "./prober.js";

const DAY_MS = 86_400_000;

export const DEFAULT_WARN_BEFORE_MS = 14 * DAY_MS;

/**
 * Adds the end of the certificate to a result. A plain pass becomes a `warn` when the certificate expires within
 * `warnBeforeMs`, but never with 0.
 */
export function withCertificate(
  result: ProbeResult,
  endsAt: number | undefined,
  wallTime: number,
  warnBeforeMs: number = DEFAULT_WARN_BEFORE_MS,
): ProbeResult {
  if (endsAt === undefined) return result;
  const certificate = { certificateEndsAt: endsAt };
  const isNear = warnBeforeMs > 0 && endsAt - wallTime < warnBeforeMs;
  if (result.outcome !== PASS.outcome || !isNear) return { ...result, ...certificate };
  const days = Math.max(0, Math.floor((endsAt - wallTime) / DAY_MS));
  return { ...warn("tls-ending", `the certificate ends in ${days} days`), ...certificate };
}
