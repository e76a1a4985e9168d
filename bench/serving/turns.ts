/**
 * Contenders take turns, round after round, so that a slow minute of the machine strikes all of them.
 */
import { type Figures, medians } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import type { Prepared } from "./contenders.js";

/** A contender that could be built. */
export interface Ready extends Prepared {
  readonly name: string;
}

/** One contender over all rounds. */
export interface Standing {
  readonly name: string;
  readonly samples: readonly Figures[];
  readonly medians: Figures;
  /** Rounds that it didn't come through, and why. */
  readonly faults: readonly string[];
}

/** Measures each in every round. A contender that fails loses that round, and the others go on. */
export async function takeTurns(
  what: string,
  contenders: readonly Ready[],
  { rounds, say }: BenchDeps,
  measure: (contender: Ready) => Promise<Figures>,
): Promise<readonly Standing[]> {
  const taken = contenders.map((contender) => ({ contender, samples: [] as Figures[], faults: [] as string[] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { contender, samples, faults } of taken) {
      say(`${what}, round ${round} of ${rounds}: ${contender.name}`);
      try {
        samples.push(await measure(contender));
      } catch (error) {
        faults.push(`${what}, round ${round}: ${reasonOf(error)}`);
      }
    }
  }
  return taken.map(({ contender, samples, faults }) => {
    return { name: contender.name, samples, medians: medians(samples), faults };
  });
}

/** A median of a contender by name; NaN when there is none. */
export function figureOf(standings: readonly Standing[], contender: string, figure: string): number {
  return standings.find(({ name }) => name === contender)?.medians[figure] ?? Number.NaN;
}

/** What went wrong, in a line. */
export function reasonOf(error: unknown): string {
  const { message, stderr } = error as { readonly message?: string; readonly stderr?: string }; // of whatever was thrown
  return `${message ?? error} ${stderr ?? ""}`.replaceAll(/\s+/g, " ").trim().slice(0, 400);
}
