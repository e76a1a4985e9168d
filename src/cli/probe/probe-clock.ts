/**
 * The clock of a probe: that of the system, with the monotonic time of `process.hrtime`. In Node, the global `performance`
 * loads a module when it is first used, which takes a probe two milliseconds.
 */
import { type Clock, systemClock } from "../../core/clock.js";

export const probeClock: Clock = {
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  wallTime: systemClock.wallTime,
  setTimer: systemClock.setTimer,
};
