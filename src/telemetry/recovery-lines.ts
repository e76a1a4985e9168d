/** The lines of the log about automatic recovery. */
import type { Published, RecoveryOutcome, RecoveryRefusal } from "../core/channels.js";
import { formatDuration } from "../core/duration.js";
import type { Logger } from "./log.js";

const REFUSALS: Readonly<Record<RecoveryRefusal, string>> = {
  isolated: "healthbridge itself seems to be cut off from its targets",
  detached: "the store of the fleet does not answer, so another member may do the same",
  leaving: "this member of the fleet drains or leaves",
  group:
    "too many services of this rule fail at the same time, so they probably have one cause that a restart does not remove",
  share: "as many services of this rule as maxShare allows are under recovery",
  busy: "too many programs run",
};

const OUTCOMES: Readonly<Record<RecoveryOutcome, readonly [level: "info" | "warn" | "error", text: string]>> = {
  success: ["info", "ended"],
  failure: ["warn", "failed"],
  timeout: ["warn", "was killed at its timeout"],
  "not-started": ["error", "could not be started"],
};

export function logRecovery(logger: Logger, { instance: _, ...event }: Published<"recovery">): void {
  const { step, ...fields } = event;
  const of = `recovery ${JSON.stringify(event.recovery)}, service ${JSON.stringify(event.service)}`;
  switch (event.step) {
    case "started": {
      const { attempt, maxRuns, reason } = event;
      const text = `${of}: the program runs, because the service is NOT_SERVING (${reason}); run ${attempt} of ${maxRuns}`;
      logger.warn({ event: "recovery-started", ...fields }, text);
      break;
    }
    case "ended": {
      const [level, text] = OUTCOMES[event.outcome];
      const message = `${of}: the program ${text} after ${formatDuration(event.durationMs)}: ${event.detail}`;
      logger[level]({ event: "recovery-ended", ...fields }, message);
      break;
    }
    case "refused":
      logger.warn({ event: "recovery-refused", ...fields }, `${of}: nothing is run: ${REFUSALS[event.cause]}`);
      break;
    case "gave-up": {
      const window = formatDuration(event.windowMs);
      const text = `${of}: given up: NOT_SERVING after ${event.runs} runs within ${window}; repair it by hand. Recovery begins again when it has been SERVING for ${window}, or after an operator's drain or maintenance of it`;
      logger.error({ event: "recovery-gave-up", ...fields }, text);
      break;
    }
    case "resumed":
      logger.info({ event: "recovery-resumed", ...fields }, `${of}: no longer given up`);
      break;
    case "left": {
      const text = `${of}: healthbridge ends while the program runs (process ${event.pid}); the program is left alone`;
      logger.warn({ event: "recovery-left", ...fields }, text);
      break;
    }
    default:
      event satisfies never;
  }
}
