/**
 * A passive check: nobody is asked, somebody must report within a time.
 *
 *     beat --> look at once: pass, or the failure that was reported
 *     ttl over without a beat --> look at once: fail `missed`
 *
 * Until the first beat, and while its time is not over, nothing is known: the first look comes with the first beat, or
 * when the time is over.
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import { fail, PASS, type ProbeResult, type Prober } from "./prober.js";

/** What somebody reports. */
export type Report = "pass" | "fail";

/** A heartbeat's prober, and its other end. */
export interface Heartbeat extends Prober {
  /** Reports. It counts until the time is over, or the next report. */
  beat(report?: Report): void;
}

/** A heartbeat that must come within `ttlMs`. */
export function openHeartbeat(ttlMs: number, clock: Clock): Heartbeat {
  let last: Report | "missed" = "missed";
  let cancel: CancelTimer = () => {};
  let tell: () => void = () => {};
  const become = (report: Report | "missed") => {
    last = report;
    cancel();
    tell();
  };
  return {
    async probe() {
      return RESULTS[last];
    },
    onChange(listener) {
      tell = listener;
    },
    beat(report = "pass") {
      become(report);
      cancel = clock.setTimer(ttlMs, () => become("missed"));
    },
    close() {
      cancel();
      tell = () => {};
    },
  };
}

const RESULTS: Readonly<Record<Report | "missed", ProbeResult>> = {
  pass: PASS,
  fail: fail("reported", "a failure was reported"),
  missed: fail("missed", "nobody reported in time"),
};
