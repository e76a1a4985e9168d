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
 * If the wall clock was set back since then, a report can be in the future. Up to a minute is treated as now. Beyond that
 * the age is unknown: a pass is ignored, since it may be old, and a failure counts.
 */
import { publish } from "../core/channels.js";
import type { Clock } from "../core/clock.js";
import type { Heartbeat, Report } from "../probers/heartbeat.js";
import type { CheckDeclaration } from "./declarations.js";
import type { CompleteSettings } from "./settings.js";

/** A report with the wall time at which it was taken, in milliseconds since 1970. */
export interface StoredReport {
  readonly report: Report;
  readonly at: number;
}

/** Where the last report of each heartbeat is kept, by the name of the check. What a method throws is published as a fault. */
export interface ReportStore {
  read(check: string): StoredReport | undefined;
  write(check: string, report: StoredReport): void;
  remove(check: string): void;
}

/** The same store, which never throws: a report over HTTP and a reload call it. A report that cannot be stored counts. */
export function guardStore(store: ReportStore, instance: string): ReportStore {
  const attempt = <Value>(call: () => Value): Value | undefined => {
    try {
      return call();
    } catch (error) {
      publish("fault", { instance, where: "the store of reports", error });
      return undefined;
    }
  };
  return {
    read: (check) => attempt(() => store.read(check)),
    write: (check, report) => attempt(() => store.write(check, report)),
    remove: (check) => attempt(() => store.remove(check)),
  };
}

const MAX_FUTURE_MS = 60_000;

/** A check, which may be a heartbeat. Its interval is the ttl. */
export interface KeptCheck {
  readonly declaration: Pick<CheckDeclaration, "name">;
  readonly heartbeat: Heartbeat | undefined;
  readonly settings: Pick<CompleteSettings, "intervalMs">;
  /** `lastProbeAt` is finite when it has counted a report or a miss. */
  readonly runner: { readonly lastProbeAt: number };
}

/** Restores the last report of a heartbeat, and stores each new one. */
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

/** Restores the last report of a heartbeat. Without a store, it does nothing. */
export function takeUpReport(check: KeptCheck, store: ReportStore | undefined, clock: Clock): void {
  const { declaration, heartbeat, settings, runner } = check;
  if (heartbeat === undefined || store === undefined || Number.isFinite(runner.lastProbeAt)) return;
  const last = store.read(declaration.name);
  if (last === undefined) return;
  const ageMs = clock.wallTime() - last.at;
  if (ageMs >= settings.intervalMs) heartbeat.restore("missed", 0);
  else if (ageMs >= -MAX_FUTURE_MS || last.report === "fail") heartbeat.restore(last.report, Math.max(0, ageMs));
}
