/**
 * What the daemon stores across a restart, in the folder `stateDir`.
 *
 *     heartbeat --report--> journal, type `heartbeat`, key: the name of the check --restart--> heartbeat
 *     operator  --drain, maintenance--> journal, types `drain` and `maintenance`  --restart--> operator (`operator`)
 */
import type { ReportStore, StoredReport } from "../checks/heartbeat-reports.js";
import { systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import type { Journal } from "../telemetry/journal.js";
import type { Health } from "./health.js";

/** Where the state is. */
export interface StateFolder {
  readonly folder: string;
  /** What gave the folder: the key `stateDir` or the flag `--state-dir`. Errors name it. */
  readonly option: string;
}

const HEARTBEAT = "heartbeat";

/**
 * Opens the folder, and restores the reports in it.
 * Rejects with HealthError STATE_FAILED when it cannot be used.
 */
export async function openState({ folder, option }: StateFolder, health: Health, instance: string): Promise<Journal> {
  const { Journal } = await import("../telemetry/journal.js");
  const journal = await Journal.open(folder, { clock: systemClock, instance }).catch((error: unknown) => {
    if (!(error instanceof HealthError)) throw error;
    throw new HealthError(error.code, error.message.replace(/^stateDir/, option), { cause: error.cause });
  });
  const store: ReportStore = {
    read: (check) => readReport(journal.get(HEARTBEAT, check)),
    write: (check, report) => journal.put(HEARTBEAT, check, report),
    remove: (check) => journal.put(HEARTBEAT, check, undefined),
  };
  health.keepReports(store);
  return journal;
}

/** A value of the journal, which another version may have written. */
function readReport(value: unknown): StoredReport | undefined {
  const { report, at }: { readonly report?: unknown; readonly at?: unknown } = Object(value);
  if ((report !== "pass" && report !== "fail") || typeof at !== "number" || !Number.isFinite(at)) return undefined;
  return { report, at };
}
