/**
 * An indicator of `@nestjs/terminus` as a check function. Its result has an entry for each thing that it has asked:
 *
 *     { db: { status: "up", ... }, cache: { status: "down", message: "timeout" } }
 *
 *     one is down        fails, with the key and the message of each that is down
 *     one is degraded    warns (Terminus 12)
 *     all are up         passes
 *     HealthCheckError   fails; `causes` holds the entries (Terminus 10 and 11)
 *
 * Terminus ignores an entry without a known status, and then reports ok. Here it fails: it proves nothing. The result of a
 * whole `HealthCheckService.check()` is accepted too.
 */
import { HealthError } from "../core/health-error.js";
import type { CheckFunction } from "../probers/function.js";

/** An entry of a result. */
interface IndicatorEntry {
  readonly key: string;
  readonly status: unknown;
  readonly message: unknown;
}

/**
 * Makes a check function of an indicator of Terminus 10, 11 or 12: `nestIndicator(() => db.pingCheck("db"))`.
 * @throws HealthError INVALID_OPTION when it is no function, such as the promise of a call
 */
export function nestIndicator(indicator: CheckFunction): CheckFunction {
  if (typeof indicator !== "function")
    throw new HealthError("INVALID_OPTION", 'nestIndicator: expected a function, such as () => db.pingCheck("db")');
  return async (context) => {
    try {
      return outcomeOf(await indicator(context));
    } catch (error) {
      const { causes }: { readonly causes?: unknown } = Object(error);
      const entries = entriesOf(causes);
      if (entries.length === 0) throw error;
      return { status: "down", detail: textOf(entries) };
    }
  };
}

/** What a check function returns for a result. */
function outcomeOf(result: unknown): unknown {
  const { status, details }: { readonly status?: unknown; readonly details?: unknown } = Object(result);
  // HealthCheckService.check(): a health check without indicators has no details
  const entries = entriesOf(typeof status === "string" ? details : result);
  if (typeof status === "string" && entries.length === 0) return { status };
  const unclear = entries.filter((entry) => !["up", "down", "degraded"].includes(String(entry.status)));
  if (entries.length === 0 || unclear.length > 0)
    throw new Error('the indicator gave no result of Terminus, such as { db: { status: "up" } }');
  const down = entries.filter((entry) => entry.status === "down");
  if (down.length > 0) return { status: "down", detail: textOf(down) };
  const degraded = entries.filter((entry) => entry.status === "degraded");
  if (degraded.length > 0) return { status: "degraded", detail: textOf(degraded) };
  return { status: status === "shutting_down" ? "down" : "up" };
}

function entriesOf(result: unknown): readonly IndicatorEntry[] {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return [];
  return Object.entries(result).map(([key, value]) => {
    const { status, message }: { readonly status?: unknown; readonly message?: unknown } = Object(value);
    return { key, status, message };
  });
}

function textOf(entries: readonly IndicatorEntry[]): string {
  return entries.map(({ key, message }) => (typeof message === "string" ? `${key}: ${message}` : key)).join("; ");
}
