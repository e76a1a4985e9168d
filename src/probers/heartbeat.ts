/**
 * A passive check: a reporter must send a report within a time.
 *
 *     beat --> counted at once: pass, or the failure that was reported
 *     ttl over without a report --> probe: fail `missed`
 *
 * Every report counts, in its order, before `beat` returns. Nothing is queued, so there is nothing that could overflow.
 * Before the first report there is no result until the time is over. The runner has the time: its interval is the ttl.
 */
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";

export type Report = "pass" | "fail";

/** The prober of a heartbeat, and where its reports come in. */
export interface Heartbeat extends Prober {
  /** Takes a report. It counts until the next one, or until the time is over. */
  beat(report?: Report): void;
  /** Takes up a report of an earlier run of this process, or `missed` when the time has passed since then. */
  restore(report: Report | "missed", ageMs: number): void;
  /** Calls `listener` with each report after it was counted. */
  onReport(listener: (report: Report) => void): void;
}

export function openHeartbeat(): Heartbeat {
  let count: (result: ProbeResult, ageMs: number) => void = () => {};
  let notify: (report: Report) => void = () => {};
  return {
    async probe() {
      return RESULTS.missed;
    },
    onResult(listener) {
      count = listener;
    },
    onReport(listener) {
      notify = listener;
    },
    beat(report = "pass") {
      count(RESULTS[report], 0);
      notify(report);
    },
    restore(report, ageMs) {
      count(RESULTS[report], ageMs);
    },
    close() {
      count = () => {};
      notify = () => {};
    },
  };
}

const RESULTS: Readonly<Record<Report | "missed", ProbeResult>> = {
  pass: PASS,
  fail: fail("reported", "the reporter reported a failure"),
  missed: fail("missed", "no report within the time of the heartbeat"),
};
