/**
 * The check of the isolation rule itself, of a target that is reachable whenever the network of healthbridge works. It is
 * not a service.
 */
import { SELF_CHECK } from "../core/service-name.js";
import type { IsolationPlan } from "./checks-plan.js";
import type { Progress } from "./evaluate.js";
import type { Isolation } from "./isolation.js";
import { CheckRunner } from "./runner.js";
import type { RunnerDeps } from "./runner-deps.js";

export class SelfCheck {
  readonly #deps: RunnerDeps;
  readonly #isolation: Isolation;
  #runner: CheckRunner | undefined;

  constructor(deps: RunnerDeps, isolation: Isolation) {
    this.#deps = deps;
    this.#isolation = isolation;
  }

  /** Follows a plan. Returns the runner that has to be stopped, if there is one. */
  change(plan: Exclude<IsolationPlan, { kind: "keep" }>): CheckRunner | undefined {
    const before = this.#runner;
    if ("rule" in plan) this.#isolation.maxHoldMs = plan.rule.maxHoldMs;
    switch (plan.kind) {
      case "change":
        before?.change(plan.rule.settings);
        return undefined;
      case "stop":
      case "start":
        this.#isolation.setSelfCheck(plan.kind === "start");
        this.#runner = plan.kind === "start" ? this.#start(plan) : undefined;
        return before;
      default:
        return plan satisfies never;
    }
  }

  /** A check has failed. The cause may be healthbridge's own network. */
  probeSoon(): void {
    this.#runner?.probeSoon();
  }

  #start({ rule, prober }: Extract<IsolationPlan, { kind: "start" }>): CheckRunner {
    const { settings } = rule;
    const onProgress = ({ state }: Progress) => this.#isolation.onSelfCheckResult(state === "failing");
    const listener = { onProgress, onThreshold: () => "fail" as const };
    const runner = new CheckRunner({ name: SELF_CHECK, prober, settings, deps: this.#deps, listener });
    runner.start(0);
    return runner;
  }
}
