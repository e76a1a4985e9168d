/** What the check engine is told to run. */
import type { Prober } from "../probers/prober.js";
import type { CheckSettings } from "./settings.js";

/** A check to be run. */
export interface CheckDeclaration {
  readonly name: string;
  readonly prober: Prober;
  readonly settings: CheckSettings;
  /** Nobody is asked, so its first look is not spread: it is due after the initial delay, or when its prober has news. */
  readonly passive?: boolean | undefined;
}

/** The isolation rule's own check. */
export interface IsolationDeclaration {
  /** Looks at something that is always there while our own network is. */
  readonly prober: Prober;
  readonly settings?: CheckSettings | undefined;
  /** How long statuses are held at most, in milliseconds. Default 60 s. */
  readonly maxHoldMs?: number | undefined;
}
