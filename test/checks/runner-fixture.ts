/** A runner on the virtual clock, with a scripted prober, and what it reports. */
import type { Progress } from "../../src/checks/evaluate.js";
import type { FailureDecision } from "../../src/checks/isolation.js";
import { CheckRunner } from "../../src/checks/runner.js";
import { createRunnerDeps, type LastProbe, type RunnerDeps } from "../../src/checks/runner-deps.js";
import type { CheckSettings } from "../../src/checks/settings.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { completeSettings } from "../support/complete-settings.js";
import { VirtualClock } from "../support/virtual-clock.js";
import { ScriptedProber } from "./scripted-prober.js";

const STEADY: CheckSettings = { jitter: 0 };

export class Bench {
  readonly clock: VirtualClock;
  readonly prober: ScriptedProber;
  readonly heard: { readonly progress: Progress; readonly last: LastProbe | undefined; readonly at: number }[] = [];
  readonly runner: CheckRunner;
  readonly deps: RunnerDeps;
  /** The decision of the isolation rule. */
  decision: FailureDecision = "fail";

  constructor(settings: CheckSettings = {}, always?: ProbeResult, random = () => 0.5, clock = new VirtualClock()) {
    this.clock = clock;
    this.prober = new ScriptedProber(() => this.clock.now(), always);
    this.deps = createRunnerDeps(this.clock, random, "runner-test");
    this.runner = new CheckRunner({
      name: "c",
      prober: this.prober,
      settings: completeSettings("c", { ...STEADY, ...settings }),
      deps: this.deps,
      listener: {
        onProgress: (progress, last) => this.heard.push({ progress, last, at: this.clock.now() }),
        onThreshold: () => this.decision,
      },
    });
  }

  get states(): string[] {
    return this.heard.map(({ progress }) => progress.state);
  }

  get reason(): string | undefined {
    return this.heard.at(-1)?.progress.reason;
  }
}
