/**
 * The last reports of heartbeats across a restart. This is the one rule that needs wall time: the monotonic time starts
 * again with the process.
 *
 *     report --> store                        restart --> store --> younger than ttl? --yes--> counts as it did before
 *                                                                       | no
 *                                                                       '--> `missed`
 *
 * A report or a miss that the heartbeat has counted already is newer than a stored one.
 *
 * A wall clock may have been set back since then, and the report lies in the future. Up to a minute is taken as now. Beyond
 * that the age is unknown: a pass is ignored, since it may be old, and a failure counts.
 */
import type { Clock } from "../core/clock.js";
import type { Heartbeat, Report } from "../probers/heartbeat.js";
import type { CheckDeclaration } from "./declarations.js";
import type { CompleteSettings } from "./settings.js";

/** A report with the wall time at which it was taken, in milliseconds since 1970. */
export interface StoredReport {
  readonly report: Report;
  readonly at: number;
}

/** Where the last report of each heartbeat is kept, by the name of the check. Its methods must not throw. */
export interface ReportStore {
  read(check: string): StoredReport | undefined;
  write(check: string, report: StoredReport): void;
  remove(check: string): void;
}

const MAX_FUTURE_MS = 60_000;

/** A check, which may be a heartbeat. Its interval is the ttl. */
export interface KeptCheck {
  readonly declaration: Pick<CheckDeclaration, "name">;
  readonly heartbeat: Heartbeat | undefined;
  readonly settings: Pick<CompleteSettings, "intervalMs">;
  /** `started`: it has counted a report or a miss. */
  readonly runner: { readonly started: boolean };
}

/** Takes up the last report of a heartbeat, and stores each new one. */
export function keepReports(check: KeptCheck, store: ReportStore, clock: Clock): void {
  storeReports(check, store, clock);
  takeUpReport(check, store, clock);
}

/** Stores each new report of a heartbeat. Without a store, it does nothing. */
export function storeReports(
  { declaration, heartbeat }: KeptCheck,
  store: ReportStore | undefined,
  clock: Clock,
): void {
  if (store === undefined) return;
  heartbeat?.onReport((report) => store.write(declaration.name, { report, at: clock.wallTime() }));
}

/** Takes up the last report of a heartbeat. Without a store, it does nothing. */
export function takeUpReport(check: KeptCheck, store: ReportStore | undefined, clock: Clock): void {
  const { declaration, heartbeat, settings, runner } = check;
  if (heartbeat === undefined || store === undefined || runner.started) return;
  const last = store.read(declaration.name);
  if (last === undefined) return;
  const ageMs = clock.wallTime() - last.at;
  if (ageMs >= settings.intervalMs) heartbeat.restore("missed", 0);
  else if (ageMs >= -MAX_FUTURE_MS || last.report === "fail") heartbeat.restore(last.report, Math.max(0, ageMs));
}
