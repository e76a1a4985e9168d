/**
 * What the daemon stores across a restart, in the folder `stateDir`.
 *
 *     heartbeat --report--> journal, type `heartbeat`, key: the name of the check --restart--> heartbeat
 *     operator  --drain, maintenance--> journal, types `drain` and `maintenance`  --restart--> operator (`operator`)
 *     history   --transitions, buckets--> history journal                          --restart--> history
 */
import type { ReportStore, StoredReport } from "../checks/heartbeat-reports.js";
import { settledWithin, systemClock } from "../core/clock.js";
import { HealthError } from "../core/health-error.js";
import type { Journal } from "../telemetry/journal.js";
import type { Health } from "./health.js";

export interface StateFolder {
  readonly folder: string;
  /** What gave the folder: the key `stateDir` or the flag `--state-dir`. Errors name it. */
  readonly option: string;
}

/** The folder in use. */
export interface OpenState {
  readonly journal: Journal;
  /** Writes what has changed, and releases the folder. Takes at most two seconds. */
  close(): Promise<void>;
}

const HEARTBEAT = "heartbeat";

/** A long history is read to its end while the daemon serves. */
const MAX_HISTORY_WAIT_MS = 1_000;

/**
 * Opens the folder, and restores the reports and the history in it.
 * Rejects with HealthError STATE_FAILED when it cannot be used.
 */
export async function openState(folder: StateFolder, health: Health, instance: string): Promise<OpenState> {
  const { Journal } = await import("../telemetry/journal.js");
  const deps = { clock: systemClock, instance };
  const journal = await naming(folder, Journal.open(folder.folder, deps));
  keepReports(journal, health);
  const { history } = health.parts;
  if (history === undefined) return { journal, close: () => journal.close() };
  try {
    const { HistoryJournal } = await import("../telemetry/history/history-journal.js");
    const isHeld = () => journal.isHeld();
    const opened = await naming(folder, HistoryJournal.open(folder.folder, { ...deps, ...history, isHeld }));
    await settledWithin(opened.loaded, MAX_HISTORY_WAIT_MS, systemClock);
    return { journal, close: () => opened.close().finally(() => journal.close()) };
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** Errors name what gave the folder. */
function naming<Value>({ option }: StateFolder, opening: Promise<Value>): Promise<Value> {
  return opening.catch((error: unknown) => {
    if (!(error instanceof HealthError)) throw error;
    throw new HealthError(error.code, error.message.replace(/^stateDir/, option), { cause: error.cause });
  });
}

function keepReports(journal: Journal, health: Health): void {
  const store: ReportStore = {
    read: (check) => readReport(journal.get(HEARTBEAT, check)),
    write: (check, report) => journal.put(HEARTBEAT, check, report),
    remove: (check) => journal.put(HEARTBEAT, check, undefined),
  };
  health.keepReports(store);
}

/** A value of the journal, which another version may have written. */
function readReport(value: unknown): StoredReport | undefined {
  const { report, at }: { readonly report?: unknown; readonly at?: unknown } = Object(value);
  if ((report !== "pass" && report !== "fail") || typeof at !== "number" || !Number.isFinite(at)) return undefined;
  return { report, at };
}
