/**
 * A passive check: a reporter must send a beat within a time.
 *
 *     beat --> probe at once: pass, or the failure that was reported
 *     ttl over without a beat --> probe at once: fail `missed`
 *
 * Before the first beat there is no result until the time is over.
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";

export type Report = "pass" | "fail";

/** The prober of a heartbeat, and where its reports come in. */
export interface Heartbeat extends Prober {
  /** Takes a report. It counts until the next one, or until the time is over. */
  beat(report?: Report): void;
}

/** A heartbeat that must come within `ttlMs`. */
export function openHeartbeat(ttlMs: number, clock: Clock): Heartbeat {
  let last: Report | "missed" = "missed";
  let cancel: CancelTimer = () => {};
  let notify: () => void = () => {};
  const set = (report: Report | "missed") => {
    last = report;
    cancel();
    notify();
  };
  return {
    async probe() {
      return RESULTS[last];
    },
    onChange(listener) {
      notify = listener;
    },
    beat(report = "pass") {
      set(report);
      cancel = clock.setTimer(ttlMs, () => set("missed"));
    },
    close() {
      cancel();
      notify = () => {};
    },
  };
}

const RESULTS: Readonly<Record<Report | "missed", ProbeResult>> = {
  pass: PASS,
  fail: fail("reported", "the reporter reported a failure"),
  missed: fail("missed", "no report within the time of the heartbeat"),
};
