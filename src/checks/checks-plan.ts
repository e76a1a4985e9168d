/**
 * A plan: the changes that make the running checks those of a configuration. `plan` makes one, `CheckEngine` commits it.
 */
import type { Prober } from "../probers/prober.js";
import type { CheckDeclaration, IsolationDeclaration } from "./declarations.js";
import type { ServiceDeclaration } from "./service-graph.js";
import type { CompleteSettings } from "./settings.js";
import type { OpenedSource } from "./sources.js";
import { throwViolations, type Violation } from "./violation.js";

/** A check with its settings. */
export interface ConfiguredCheck {
  readonly declaration: CheckDeclaration;
  readonly settings: CompleteSettings;
}

/** A check with its open prober. */
export interface OpenedCheck extends ConfiguredCheck, OpenedSource {}

/** A check that keeps its state. */
export interface ChangedCheck extends ConfiguredCheck {
  /** The prober that it uses from now on. Default: the one that it has. */
  readonly prober?: Prober;
}

/** The isolation rule, with the settings of its self-check. */
export interface IsolationRule {
  readonly declaration: IsolationDeclaration;
  readonly settings: CompleteSettings;
  readonly maxHoldMs: number;
}

/** What happens to the isolation rule. */
export type IsolationPlan =
  | { readonly kind: "keep" }
  | { readonly kind: "stop" }
  | { readonly kind: "change"; readonly rule: IsolationRule }
  | { readonly kind: "start"; readonly rule: IsolationRule; readonly prober: Prober };

/** The changes, ready to be committed. A replaced check is both removed and started. */
export interface ChecksPlan {
  /** Whether this is the plan of a whole configuration. */
  readonly isWhole: boolean;
  readonly removed: readonly string[];
  readonly started: readonly OpenedCheck[];
  readonly changed: readonly ChangedCheck[];
  /** The services to declare in place of all others, as they were given and members first; `undefined`: no change. */
  readonly services:
    | { readonly given: readonly ServiceDeclaration[]; readonly order: readonly ServiceDeclaration[] }
    | undefined;
  readonly isolation: IsolationPlan;
  readonly allowLinkLocal: boolean;
}

/** A plan. With violations it must be discarded. */
export interface Planned {
  readonly plan: ChecksPlan;
  readonly violations: readonly Violation[];
}

/**
 * The plan, if it has no violations.
 * @param accept gets the violations. When it throws, what the plan has opened is closed.
 */
export function acceptPlan(
  { plan, violations }: Planned,
  accept: typeof throwViolations = throwViolations,
): ChecksPlan {
  try {
    accept(violations);
    return plan;
  } catch (error) {
    discardPlan(plan);
    throw error;
  }
}

/** Closes the probers that a plan has opened. */
export function discardPlan({ started, changed, isolation }: ChecksPlan): void {
  for (const { prober } of [...started, ...changed]) prober?.close();
  if (isolation.kind === "start") isolation.prober.close();
}
