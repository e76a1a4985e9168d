/** The isolation rule's own check: started, changed and stopped as a plan says. */
import type { Progress } from "./evaluate.js";
import type { Isolation } from "./isolation.js";
import { SELF_CHECK } from "./name-rules.js";
import type { IsolationPlan } from "./plan.js";
import { CheckRunner } from "./runner.js";
import { endRunner, type RunnerDeps } from "./runner-deps.js";

export class SelfCheck {
  readonly #deps: RunnerDeps;
  readonly #isolation: Isolation;
  #runner: CheckRunner | undefined;

  constructor(deps: RunnerDeps, isolation: Isolation) {
    this.#deps = deps;
    this.#isolation = isolation;
  }

  apply(plan: IsolationPlan): void {
    switch (plan.kind) {
      case "keep":
        return;
      case "change":
        this.#runner?.change(plan.rule.settings);
        break;
      case "stop":
      case "start":
        if (this.#runner !== undefined) endRunner(this.#runner, this.#deps.instance);
        this.#isolation.setSelfCheck(plan.kind === "start");
        this.#runner = plan.kind === "start" ? this.#start(plan) : undefined;
        break;
      default:
        plan satisfies never;
    }
    if ("rule" in plan) this.#isolation.maxHoldMs = plan.rule.maxHoldMs;
  }

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
