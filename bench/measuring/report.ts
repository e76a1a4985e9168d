/** What a bench is, and what it hands back. */

/** A bench of the table in `run.ts`. */
export interface Bench {
  /** One line for the list. */
  readonly about: string;
  run(deps: BenchDeps): Promise<Report>;
}

/** What a bench is given. */
export interface BenchDeps {
  /** How often everything is measured; what is told is the median. */
  readonly rounds: number;
  /** The contenders that take part; empty: all of them. */
  readonly only: readonly string[];
  /** Tells what is being done. */
  readonly say: (text: string) => void;
}

/** What was measured. */
export interface Report {
  /** For people: Markdown. */
  readonly text: string;
  /** For machines: goes into the JSON file. */
  readonly figures: Readonly<Record<string, unknown>>;
}

/** A goal beside what was measured. Reported, never asserted: a slow day is no fault. */
export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** The goals as rows of a table. */
export function goalRows(goals: readonly Goal[]): readonly (readonly string[])[] {
  return goals.map(({ goal, measured, met }) => [goal, measured, met ? "yes" : "no"]);
}
