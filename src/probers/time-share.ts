/**
 * A part of the time of a probe: for the token of a request, or for one of several addresses.
 *
 *     start |--- share ---|- - - - - -> action . . . . |- - - - - -> deadline      - - -> delays of healthbridge itself
 */
import type { CancelTimer, Clock } from "../core/clock.js";
import type { ProbeContext } from "./prober.js";

/** Calls `action` when `shareMs` of the time that is left now are over. */
export function afterShare(
  probe: Pick<ProbeContext, "leftMs">,
  shareMs: number,
  clock: Clock,
  action: () => void,
): CancelTimer {
  const leftAtEnd = probe.leftMs() - shareMs;
  let cancel: CancelTimer = () => {};
  const wait = (delayMs: number) => {
    cancel = clock.setTimer(delayMs, () => {
      const restMs = probe.leftMs() - leftAtEnd;
      if (restMs < 1) action();
      else wait(restMs);
    });
  };
  wait(shareMs);
  return () => cancel();
}
