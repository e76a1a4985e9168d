/**
 * The verdict of one check: its progress after each result, with the isolation rule.
 *
 *     result --evaluate--> about to fail? --no--> progress
 *                               | yes
 *                               '--> onThreshold: fail, hold (the last state stays), or count anew
 */
import { publish } from "../core/channels.js";
import type { ProbeResult } from "../probers/prober.js";
import type { CheckState } from "../registry/ports.js";
import { evaluate, PENDING, type Progress } from "./evaluate.js";
import type { RunnerOptions } from "./runner-deps.js";
import type { CompleteSettings } from "./settings.js";

export class Verdict {
  readonly #options: RunnerOptions;
  #progress: Progress = PENDING;
  #failingSince = 0;
  /** The cause of the failures while the check is held. */
  #held: Pick<Progress, "reason" | "detail"> = PENDING;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Monotonic time of the first of the current failures in a row. */
  get failingSince(): number {
    return this.#failingSince;
  }

  /** The progress after a result. */
  count(result: ProbeResult, settings: CompleteSettings, now: number): Progress {
    const before = this.#progress;
    this.#progress = this.#afterIsolation(evaluate(before, result, settings, now), settings, now);
    const isChange = before.state !== this.#progress.state || before.reason !== this.#progress.reason;
    if (isChange && result.advice !== undefined) this.#publishAdvice(result.reason, result.advice);
    return this.#progress;
  }

  /** The progress of a held check that fails now, with the cause of its failures. */
  endHold(): Progress {
    const { reason, detail } = this.#held;
    this.#progress = { ...this.#progress, state: "failing", failures: 0, successes: 0, reason, detail };
    return this.#progress;
  }

  /** The progress without a result that counts: pending, or a state that others have decided. The counters are at zero. */
  reset(reason: string | undefined, detail: string | undefined, state: CheckState = "pending"): Progress {
    this.#progress = { ...PENDING, state, reason, detail };
    return this.#progress;
  }

  /** Goes back to an earlier progress: what came after it does not count. */
  restore(progress: Progress): void {
    this.#progress = progress;
  }

  #publishAdvice(reason: string | undefined, advice: string): void {
    const { name, deps } = this.#options;
    publish("check-advice", { instance: deps.instance, check: name, reason, advice });
  }

  #afterIsolation(after: Progress, { unhealthyThreshold }: CompleteSettings, now: number): Progress {
    const before = this.#progress;
    if (after.failures === 1) this.#failingSince = now;
    const isFailing = after.state === "failing" && (before.state === "passing" || before.state === "warning");
    if (!isFailing) return after;
    if (before.failures === 0) this.#failingSince = now;
    const decision = this.#options.listener.onThreshold();
    switch (decision) {
      case "fail":
        return after;
      case "hold":
        this.#held = after;
        return { ...before, failures: unhealthyThreshold, failedAt: now };
      case "count-anew":
        return { ...before, failures: 1, failedAt: now };
      default:
        return decision satisfies never;
    }
  }
}
