/** The result of a call that ended without an answer, on whatever protocol. */
import { BrokenCall } from "../client/broken-call.js";
import { fail, type ProbeResult } from "./prober.js";
import { resultOfError } from "./reasons.js";

/**
 * What it means that a call broke.
 * @throws what is a fault of ours, see `resultOfError`
 */
export function resultOfBreak(error: unknown): ProbeResult {
  if (!(error instanceof BrokenCall)) return resultOfError(error);
  switch (error.kind) {
    case "reset":
    case "closed":
    case "protocol":
      return fail(error.kind, error.message);
    case "unprocessed":
      return fail("unavailable", error.message);
    case "cancelled":
      return fail("timeout", error.message);
    default:
      return error.kind satisfies never;
  }
}
