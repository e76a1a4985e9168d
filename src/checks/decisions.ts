/**
 * What is shown of checks that the members of a fleet decide together.
 *
 *     decide --state, validUntil--> report, statuses --no newer decision--> pending, `stale`
 *              '--pending--> pending; before the first decision, what the check assumes
 *
 * The ages that other threads apply are those of the decisions. A decision about a check that is not probed here has no
 * latency, and the time of its last result follows from `validUntil`.
 */
import type { Decision } from "../fleet/records/vote.js";
import type { Assumption } from "./assumption.js";
import type { ConfiguredCheck } from "./checks-plan.js";
import { PENDING, type Progress } from "./evaluate.js";
import type { CheckPublisher, Measurement } from "./publisher.js";
import type { ReportedServices } from "./reported-services.js";
import type { RunnerDeps } from "./runner-deps.js";
import { Validity } from "./validity.js";

export interface ShownDecisionsDeps {
  readonly runnerDeps: RunnerDeps;
  readonly publisher: CheckPublisher;
  readonly reported: ReportedServices;
}

/** What this member has found itself. */
export interface OwnFinding {
  readonly progress: Pick<Progress, "state" | "reason" | "detail">;
  /** `undefined`: the check has no result here. */
  readonly last: Measurement | undefined;
}

/** One check as it is shown now. */
interface Shown {
  readonly check: ConfiguredCheck;
  readonly validity: Validity;
  /** There was a decision that counted. */
  isDecided: boolean;
  verdict: Pick<Progress, "state" | "reason">;
  /** Wall time of the last result that was published. */
  at: number;
}

/** The reason of a decision that stands because no member can look. */
const ISOLATED = "prober-isolated";

export class ShownDecisions {
  readonly #deps: ShownDecisionsDeps;
  readonly #shown = new Map<string, Shown>();

  constructor(deps: ShownDecisionsDeps) {
    this.#deps = deps;
  }

  /** A check without a decision. `assumption` is shown until there is one. */
  add(check: ConfiguredCheck, assumption: Assumption | undefined): void {
    const { name } = check.declaration;
    const onEnd = (reason: string) => this.#write(shown, { state: "pending", reason });
    const validity = new Validity({ name, settings: check.settings, deps: this.#deps.runnerDeps }, onEnd);
    const { state, reason } = assumption ?? PENDING;
    const shown: Shown = {
      check,
      validity,
      isDecided: false,
      verdict: { state, reason },
      at: Number.NEGATIVE_INFINITY,
    };
    this.#shown.set(name, shown);
    validity.assume(assumption);
  }

  /** The check has other settings. */
  change({ declaration, settings }: ConfiguredCheck): void {
    this.#shown.get(declaration.name)?.validity.change(settings);
  }

  /** Returns the state that a check with another target takes over. */
  delete(name: string): Assumption | undefined {
    const shown = this.#shown.get(name);
    shown?.validity.end();
    this.#shown.delete(name);
    return shown?.validity.lastState(shown.verdict.state);
  }

  /** Shows nothing any more. What was published stays. */
  stop(): void {
    for (const { validity } of this.#shown.values()) validity.end();
    this.#shown.clear();
  }

  /** Shows what was decided. */
  decide(name: string, decision: Decision, own: OwnFinding): void {
    const shown = this.#shown.get(name);
    if (shown === undefined) return;
    const { state, reason, validUntil, reported } = decision;
    const isOver = validUntil <= this.#deps.runnerDeps.clock.now();
    if (state === "pending" || isOver) {
      this.#showPending(shown, state === "pending" ? reason : "stale", own);
      return;
    }
    const { settings } = shown.check;
    shown.validity.inherit(validUntil);
    const isSame = shown.isDecided && isSameVerdict(shown.verdict, decision);
    const last = own.last ?? this.#measuredByOthers(shown, validUntil);
    // a result of another member is written as often as one of this member
    if (!isSame || (own.last === undefined && last.at - shown.at >= settings.intervalMs))
      this.#write(shown, { state, reason }, own, last);
    shown.isDecided = true;
    this.#deps.publisher.countFirstResult(name);
    if (reported !== undefined) this.#deps.reported.adopt(name, reported, settings, validUntil);
  }

  /** Shows a measurement of our own beside what was decided. */
  measure(name: string, own: OwnFinding): void {
    const shown = this.#shown.get(name);
    if (shown?.isDecided === true) this.#write(shown, shown.verdict, own, own.last);
  }

  #showPending(shown: Shown, given: string | undefined, own: OwnFinding): void {
    if (shown.validity.assumption !== undefined) return;
    const reason = given ?? (shown.isDecided ? "stale" : PENDING.reason);
    shown.validity.reset();
    if (!isSameVerdict(shown.verdict, { state: "pending", reason }))
      this.#write(shown, { state: "pending", reason }, own);
  }

  /** The last result of another member, as far as it is known. */
  #measuredByOthers({ check, at }: Shown, validUntil: number): Measurement {
    const { clock } = this.#deps.runnerDeps;
    const ageMs = Math.max(0, clock.now() - (validUntil - check.settings.staleAfterMs));
    return { latencyMs: undefined, at: Math.max(at, clock.wallTime() - ageMs) };
  }

  /** The detail is our own: that of others does not leave them. */
  #write(shown: Shown, verdict: Shown["verdict"], own?: OwnFinding, last?: Measurement): void {
    const { state, reason } = verdict;
    const detail = own !== undefined && isSameVerdict(own.progress, verdict) ? own.progress.detail : undefined;
    shown.verdict = verdict;
    shown.at = last?.at ?? shown.at;
    this.#deps.publisher.report(shown.check, { state, held: reason === ISOLATED, reason, detail }, last);
  }
}

function isSameVerdict(one: Shown["verdict"], other: Shown["verdict"]): boolean {
  return one.state === other.state && one.reason === other.reason;
}
