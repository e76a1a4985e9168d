/**
 * A function of the application as a prober. The value that it returns or resolves to decides:
 *
 *     a boolean                          true passes, false fails
 *     an object with a boolean `ok`      the same (a fetch Response)
 *     an object with a string `status`   pass, up, ok | warn, degraded | fail, down, error, shutting_down
 *     an Error                           fails, also when it is returned instead of thrown
 *     any other value                    passes (a query's result, undefined)
 *
 * A function that throws or rejects fails, and so does one whose value cannot be read (a getter that throws). Only the
 * value itself is read: nothing is called or iterated, and no body is consumed.
 */
import { messageOf } from "../core/health-error.js";
import { fail, PASS, type ProbeResult, type Prober, warn } from "./prober.js";

/** A function that checks. `signal` is aborted at the deadline. */
export type CheckFunction = (context: { readonly signal: AbortSignal }) => unknown;

/** The context of a check function. `onEnd` is for functions of this package: `processPressure` measures between two probes. */
export interface FunctionContext {
  readonly signal: AbortSignal;
  /** Calls `release` once when the check has ended, however often it is given. It must not throw. */
  onEnd(release: () => void): void;
}

/** A prober that calls `check`. */
export function openFunction(check: CheckFunction): Prober {
  const releases = new Set<() => void>();
  const onEnd = (release: () => void) => void releases.add(release);
  return {
    async probe({ signal }) {
      try {
        const context: FunctionContext = { signal, onEnd };
        return resultOf(await check(context));
      } catch (error) {
        return fail("error", messageOf(error));
      }
    },
    close() {
      for (const release of releases) release();
    },
  };
}

/** The words of `status`, in lower case: those of the health+json draft, of Spring Boot, Terminus and their kind. */
const OUTCOMES: Readonly<Record<string, ProbeResult["outcome"]>> = {
  pass: "pass",
  up: "pass",
  ok: "pass",
  warn: "warn",
  degraded: "warn",
  fail: "fail",
  down: "fail",
  error: "fail",
  shutting_down: "fail",
};

function resultOf(value: unknown): ProbeResult {
  if (typeof value === "boolean") return value ? PASS : fail("result", "the function returned false");
  if (typeof value !== "object" || value === null) return PASS;
  if (value instanceof Error) return fail("error", messageOf(value));
  const { ok, status }: { readonly ok?: unknown; readonly status?: unknown } = value;
  if (typeof ok === "boolean") return ok ? PASS : fail("result", `ok is false${textOf(value, status)}`);
  if (typeof status !== "string") return PASS;
  const word = status.trim().toLowerCase();
  const outcome = Object.hasOwn(OUTCOMES, word) ? OUTCOMES[word] : "pass";
  if (outcome === "warn") return warn("result", `status is ${word}${textOf(value)}`);
  return outcome === "fail" ? fail("result", `status is ${word}${textOf(value)}`) : PASS;
}

/** What the value says beside the outcome: an HTTP status, `detail` and `message`. */
function textOf(value: object, status?: unknown): string {
  const { detail, message }: { readonly detail?: unknown; readonly message?: unknown } = value;
  const texts = [typeof status === "number" ? `status ${status}` : "", detail, message];
  return texts
    .filter((text) => typeof text === "string" && text !== "")
    .map((text) => `; ${text}`)
    .join("");
}
