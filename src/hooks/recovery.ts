/**
 * Automatic recovery: runs a program for a service that fails, such as a restart.
 *
 *     every second: evidence --view--> planner --decisions--> start --> program --> end --> planner
 *                                         ^                     '--> journal, channel `recovery`
 *                                         '-- journal (restart)
 *
 * Everything is decided again each second, from what is so at that moment. So a missed event can do no harm.
 *
 * When this process ends, a program that runs is not killed: a restart that is cut in the middle leaves the service down.
 */
import { background } from "../core/background.js";
import { publish, type RecoveryStep } from "../core/channels.js";
import { type CancelTimer, type Clock, settledWithin } from "../core/clock.js";
import type { Journal } from "../telemetry/journal.js";
import { RecoveryEvidence, type RecoveryEvidenceDeps } from "./recovery-evidence.js";
import { type RecoveryDecision, RecoveryPlanner, type RecoveryReport, type RunHistory } from "./recovery-planner.js";
import { type RecoveryRun, type RunningRecovery, startRecovery } from "./recovery-program.js";
import { type RecoveryRule, RecoveryRules } from "./recovery-rules.js";
import { RecoveryStore } from "./recovery-store.js";

export interface RecoveryDeps extends RecoveryEvidenceDeps {
  readonly clock: Clock;
  /** Without it, the limits do not survive a restart. */
  readonly journal: Journal | undefined;
  /** The environment of this process. Programs get a few variables of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const TICK_MS = 1_000;

/** A tick that is later shows that this process was blocked or stopped. */
const MAX_LATE_MS = 500;

/** How long the shutdown waits for programs that run. */
const MAX_END_MS = 10_000;

export class Recovery {
  readonly #deps: RecoveryDeps;
  readonly #rules: RecoveryRules;
  readonly #planner: RecoveryPlanner;
  readonly #evidence: RecoveryEvidence;
  readonly #store: RecoveryStore;
  /** The runs that go on, by their service. */
  readonly #running = new Map<string, RunningRecovery & { readonly recovery: string }>();
  #dueAt: number;
  #lastVersion: number | undefined;
  #cancelTick: CancelTimer = () => {};
  #isStopped = false;

  constructor(rules: readonly RecoveryRule[], deps: RecoveryDeps) {
    const { clock, journal } = deps;
    this.#deps = deps;
    this.#rules = new RecoveryRules(rules);
    this.#planner = new RecoveryPlanner(this.#rules);
    this.#evidence = new RecoveryEvidence(deps);
    this.#store = new RecoveryStore(journal, clock);
    for (const [service, history] of this.#store.entries()) this.#restore(service, history);
    this.#dueAt = clock.now() + TICK_MS;
    this.#schedule();
  }

  /** Takes the rules of another configuration. Programs that run go on, and past runs count. */
  reload(rules: readonly RecoveryRule[], hasSelfCheck: boolean): void {
    this.#rules.replace(rules);
    this.#lastVersion = undefined;
    if (!hasSelfCheck) this.#evidence.endSelfCheck();
  }

  /** Of each service of which something is remembered. */
  reports(): readonly RecoveryReport[] {
    return this.#planner.reports(this.#deps.clock.now());
  }

  /** Starts nothing more, and waits for the programs that run: at most 10 s. Then they are left alone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick();
    this.#evidence.close();
    if (this.#running.size === 0) return;
    const ends = [...this.#running.values()].map(({ ended }) => ended);
    await settledWithin(Promise.all(ends), MAX_END_MS, this.#deps.clock);
    for (const [service, { recovery, pid, leave }] of this.#running) {
      leave();
      this.#publish(recovery, service, { step: "left", pid });
    }
    this.#running.clear();
  }

  #restore(service: string, history: RunHistory): void {
    this.#planner.restore(service, history);
    const rule = this.#rules.of(service);
    if (rule === undefined || !history.hasGivenUp) return;
    this.#publish(rule.name, service, { step: "gave-up", runs: history.runs.length, windowMs: rule.windowMs });
  }

  #schedule(): void {
    const { clock } = this.#deps;
    this.#cancelTick = clock.setTimer(Math.max(0, this.#dueAt - clock.now()), () => {
      const now = clock.now();
      if (now - this.#dueAt > MAX_LATE_MS) this.#evidence.distrust();
      this.#dueAt = now + TICK_MS;
      this.#schedule();
      this.#plan();
    });
  }

  #plan(): void {
    const { statusVersion } = this.#deps.reader;
    if (this.#planner.isIdle && statusVersion === this.#lastVersion) return;
    this.#lastVersion = statusVersion;
    for (const decision of this.#planner.plan(this.#evidence.view())) this.#do(decision);
  }

  #do(decision: RecoveryDecision): void {
    switch (decision.kind) {
      case "start":
        this.#start(decision);
        break;
      case "refuse":
        this.#publish(decision.rule.name, decision.service, { step: "refused", cause: decision.cause });
        break;
      case "give-up": {
        const { rule, service, runs } = decision;
        this.#save(service);
        this.#publish(rule.name, service, { step: "gave-up", runs, windowMs: rule.windowMs });
        break;
      }
      case "resume":
        this.#save(decision.service);
        this.#publish(decision.rule.name, decision.service, { step: "resumed" });
        break;
      case "forget":
        this.#store.remove(decision.service);
        break;
      default:
        decision satisfies never;
    }
  }

  #start(run: RecoveryRun): void {
    const { clock, gate, reader } = this.#deps;
    if (gate === undefined) {
      this.#run(run);
      return;
    }
    const { rule, service } = run;
    const claimed = gate.claim(service.name, rule.timeoutMs + rule.cooldownMs).then((isClaimed) => {
      if (this.#isStopped) return;
      if (isClaimed && gate.refusal() === undefined && reader.read(service.name)?.status === "NOT_SERVING") {
        this.#run(run);
        return;
      }
      // the run of another member counts as one of this member: its cool-down is waited for
      this.#planner.ended(service.name, clock.now());
      this.#save(service.name);
    });
    background(claimed, reader.instance, `recovery ${rule.name}`);
  }

  #run(run: RecoveryRun): void {
    const { rule, service, attempt } = run;
    const { name, reason } = service;
    const { clock } = this.#deps;
    const startedAt = clock.now();
    this.#save(name, startedAt + rule.timeoutMs);
    this.#publish(rule.name, name, { step: "started", attempt, maxRuns: rule.maxRuns, reason });
    const running = startRecovery(run, this.#deps);
    this.#running.set(name, { ...running, recovery: rule.name });
    void running.ended.then(({ outcome, detail }) => {
      const now = clock.now();
      this.#running.delete(name);
      this.#planner.ended(name, now);
      this.#save(name);
      this.#publish(rule.name, name, { step: "ended", outcome, detail, durationMs: now - startedAt });
    });
  }

  /** @param endedAt the latest possible end of a run that starts */
  #save(service: string, endedAt?: number): void {
    const history = this.#planner.historyOf(service);
    if (history !== undefined) this.#store.write(service, { ...history, endedAt: endedAt ?? history.endedAt });
  }

  #publish(recovery: string, service: string, step: RecoveryStep): void {
    publish("recovery", { instance: this.#deps.reader.instance, recovery, service, ...step });
  }
}
