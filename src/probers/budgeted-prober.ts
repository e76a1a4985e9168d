/**
 * A prober that takes places of a budget while it probes, and while it keeps a connection whose place no other prober needs.
 */
import type { ProbeContext, ProbeResult, Prober } from "./prober.js";
import { ProberError } from "./prober.js";
import type { Claim, ResourceBudget } from "./resource-budget.js";

export class BudgetedProber implements Prober {
  readonly #prober: Prober;
  readonly #budget: ResourceBudget;
  readonly #claim: Claim;

  /** @param cost places that a probe takes */
  constructor(prober: Prober, budget: ResourceBudget, cost = 1) {
    this.#prober = prober;
    this.#budget = budget;
    this.#claim = { cost, close: () => prober.close() };
  }

  reserve(start: () => void): void {
    const { reserve } = this.#prober;
    const next = reserve === undefined ? start : () => reserve.call(this.#prober, start);
    this.#budget.reserve(this.#claim, next);
  }

  probe(context: ProbeContext): Promise<ProbeResult> {
    // not an async function: for each probe, that would cost a promise and two turns of the microtask queue more
    return this.#prober.probe(context).then(this.#onResult, this.#onError);
  }

  cancel(): void {
    this.#prober.cancel?.();
  }

  onChange(listener: () => void): void {
    this.#prober.onChange?.(listener);
  }

  close(): void {
    this.#prober.close();
    this.#budget.release(this.#claim);
  }

  readonly #onResult = (result: ProbeResult): ProbeResult => {
    this.#budget.end(this.#claim);
    return result;
  };

  readonly #onError = (error: unknown): never => {
    if (error instanceof ProberError && error.reason === "descriptors") this.#budget.shrink();
    this.#budget.end(this.#claim);
    throw error;
  };
}
