/** The interface of a bench, and its report. */

/** A bench of the table in `run.ts`. */
export interface Bench {
  /** One line for the list. */
  readonly about: string;
  /** The page whose tables `--write` renews: a path in the repository. */
  readonly page?: string;
  run(deps: BenchDeps): Promise<Report>;
}

export interface BenchDeps {
  /** Number of measurements; the report shows their medians. */
  readonly rounds: number;
  /** The contenders that take part; empty: all of them. */
  readonly only: readonly string[];
  /** Shows the current step. */
  readonly say: (text: string) => void;
}

export interface Report {
  /** For people: Markdown. */
  readonly text: string;
  /** For machines: goes into the JSON file. */
  readonly figures: Readonly<Record<string, unknown>>;
  /** The tables of its page, by the names of their places. */
  readonly tables?: Readonly<Record<string, string>>;
}

/** A goal with the measured figure. It is reported, not asserted. */
export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** The goals as rows of a table. */
export function goalRows(goals: readonly Goal[]): readonly (readonly string[])[] {
  return goals.map(({ goal, measured, met }) => [goal, measured, met ? "yes" : "no"]);
}
