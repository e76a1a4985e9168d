/**
 * The last reports of heartbeats across a restart. This is the one rule that needs wall time: the monotonic time starts
 * again with the process.
 *
 *     report --> store                        restart --> store --> younger than ttl? --yes--> counts as it did before
 *                                                                       | no
 *                                                                       '--> `missed`
 *
 * A wall clock may have been set back since then, and the report lies in the future. Up to a minute is taken as now. Beyond
 * that the age is unknown: a pass is ignored, since it may be old, and a failure counts.
 */
import type { Clock } from "../core/clock.js";
import type { Heartbeat, Report } from "../probers/heartbeat.js";
import type { ConfiguredCheck } from "./checks-plan.js";

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

/** A heartbeat whose reports are kept. */
export interface KeptHeartbeat {
  readonly store: ReportStore;
  readonly clock: Clock;
  readonly name: string;
  readonly heartbeat: Heartbeat;
}

/** A check, which may be a heartbeat. */
type MaybeHeartbeat = ConfiguredCheck & { readonly heartbeat: Heartbeat | undefined };

/** The heartbeats whose reports are kept in a store, once there is one. */
export class KeptReports {
  readonly #clock: Clock;
  #store: ReportStore | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keepIn(store: ReportStore, checks: Iterable<MaybeHeartbeat>): void {
    this.#store = store;
    for (const check of checks) this.keep(check);
  }

  keep({ declaration, settings, heartbeat }: MaybeHeartbeat): void {
    if (heartbeat === undefined || this.#store === undefined) return;
    keepReports({ store: this.#store, clock: this.#clock, name: declaration.name, heartbeat }, settings.intervalMs);
  }

  forget(name: string): void {
    this.#store?.remove(name);
  }
}

/** Takes up the last report of a heartbeat, and stores each new one. */
export function keepReports({ store, clock, name, heartbeat }: KeptHeartbeat, ttlMs: number): void {
  heartbeat.onReport((report) => store.write(name, { report, at: clock.wallTime() }));
  const last = store.read(name);
  if (last === undefined) return;
  const ageMs = clock.wallTime() - last.at;
  if (ageMs >= ttlMs) heartbeat.restore("missed", 0);
  else if (ageMs >= -MAX_FUTURE_MS || last.report === "fail") heartbeat.restore(last.report, Math.max(0, ageMs));
}
