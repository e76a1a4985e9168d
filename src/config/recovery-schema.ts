/** The shape of `recovery`: rules by their names. */
import * as v from "valibot";
import { formatDuration } from "../core/duration.js";
import { RECOVERY_DEFAULTS } from "../hooks/recovery-rules.js";
import { command, count, duration, group, share, table, texts } from "./schema-parts.js";

const { afterMs, timeoutMs, cooldownMs, maxRuns, windowMs, maxShare, maxFailing } = RECOVERY_DEFAULTS;

const optionalDuration = (meaning: string, defaultMs: number) =>
  v.optional(duration(`${meaning} Default ${formatDuration(defaultMs)}.`));

const RULE = group(
  {
    exec: command("The program with its arguments. It needs allowExec, and gets the service in HEALTHBRIDGE_SERVICE."),
    services: texts("Names of services and checks, and patterns with *, such as celery.worker/*."),
    after: optionalDuration(
      "How long a service must be NOT_SERVING, without a break, before the program is run.",
      afterMs,
    ),
    timeout: optionalDuration("The program is killed after this time, with its process group. At most 1h.", timeoutMs),
    cooldown: optionalDuration("The time from the end of a run to the next run for the same service.", cooldownMs),
    maxRuns: v.optional(
      count(
        `The maximum number of runs for one service within window, at most 100. Then the rule gives up. Default ${maxRuns}.`,
      ),
    ),
    window: optionalDuration("The time in which runs are counted. At most 30d.", windowMs),
    maxShare: v.optional(
      share(
        `The share of the services of the rule that can be under recovery at once; at least one can. Default ${maxShare}.`,
      ),
    ),
    maxFailing: v.optional(
      share(
        `If a larger share of the services of the rule is NOT_SERVING, and more than one, nothing is run. Default ${maxFailing}.`,
      ),
    ),
  },
  "A rule.",
);

/** The rules by their names. */
export const RECOVERY = table(RULE, "Rules of automatic recovery by name: each runs a program for services that fail.");
