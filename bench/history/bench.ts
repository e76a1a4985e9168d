/** The bench `history`: what open streams of events, and a history on disk, take from the Checks. */
import { pinBench } from "../measuring/cores.js";
import { type Figures, median, medians, rounded } from "../measuring/figures.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { LoadTool } from "../serving/load.js";
import { type Contender, measureHistory } from "./contenders.js";

/** The row of `BENCHES`. */
export const benchHistory: Bench = {
  about: "Checks beside open streams of events, and beside a history on disk (npm run build first)",
  run,
};

interface Case extends Contender {
  /** The name of the case with which it is compared. */
  readonly beside?: string;
}

const QUIET = "a change a second";
const BUSY = "100 changes a second";

const CASES: readonly Case[] = [
  { name: QUIET, changesPerSecond: 1, listeners: 0, hasJournal: false },
  { name: `${QUIET}, 50 streams`, beside: QUIET, changesPerSecond: 1, listeners: 50, hasJournal: false },
  { name: `${QUIET}, 1,000 streams`, beside: QUIET, changesPerSecond: 1, listeners: 1_000, hasJournal: false },
  { name: BUSY, changesPerSecond: 100, listeners: 0, hasJournal: false },
  { name: `${BUSY}, stateDir`, beside: BUSY, changesPerSecond: 100, listeners: 0, hasJournal: true },
];

/** The goal: at most 10 % less throughput on one core. Checks use the whole core, so they lose what is taken from it. */
const MIN_THROUGHPUT = 0.9;

async function run({ rounds, only, say }: BenchDeps): Promise<Report> {
  pinBench();
  const tool = new LoadTool();
  const cases = CASES.filter(({ name }) => only.length === 0 || only.includes(name));
  const samples = new Map(cases.map(({ name }) => [name, [] as Figures[]]));
  try {
    for (let round = 1; round <= rounds; round += 1)
      for (const each of cases) {
        say(`history: round ${round} of ${rounds}: ${each.name}`);
        samples.get(each.name)?.push(await measureHistory(each, tool));
      }
  } finally {
    tool.discard();
  }
  const ratios = new Map(
    cases.map(({ name, beside }) => [name, ratioOf(samples.get(name), samples.get(beside ?? ""))]),
  );
  const goals = goalsOf(cases, ratios);
  const text = [textOf(samples, ratios), table(["goal", "measured", "met"], goalRows(goals))].join("\n\n");
  return { text, figures: { goals, ratios: Object.fromEntries(ratios), samples: Object.fromEntries(samples) } };
}

/** The part of the core that is left for Checks, as a share of the other case's: the median of the rounds. */
function ratioOf(samples: readonly Figures[] = [], others: readonly Figures[] = []): number {
  const leftOf = ({ restCpuMs = Number.NaN }: Figures = {}) => 1_000 - restCpuMs;
  return median(samples.map((sample, index) => leftOf(sample) / leftOf(others[index])));
}

function goalsOf(cases: readonly Case[], ratios: ReadonlyMap<string, number>): readonly Goal[] {
  return cases.flatMap(({ name, beside }) => {
    const ratio = ratios.get(name) ?? Number.NaN;
    if (beside === undefined) return [];
    return [
      { goal: `${name}: at least 0.9 of the core is left`, measured: rounded(ratio), met: ratio >= MIN_THROUGHPUT },
    ];
  });
}

function textOf(samples: ReadonlyMap<string, readonly Figures[]>, ratios: ReadonlyMap<string, number>): string {
  const rows = [...samples].map(([name, each]) => {
    const { perSecond, cpuMicros, restCpuMs, changesPerSecond, rssMb, eventKb } = medians(each);
    const figures = [restCpuMs, ratios.get(name), perSecond, cpuMicros, changesPerSecond, eventKb, rssMb];
    return [name, ...figures.map((figure = Number.NaN) => rounded(figure))];
  });
  const head = ["healthbridge with", "CPU without Checks, ms/s", "core left, ratio", "Checks/s", "CPU/Check, us"];
  return table([...head, "changes/s", "events, KB", "RSS, MB"], rows);
}
