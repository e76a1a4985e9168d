/** The bench `config`: what 100 to 5,000 checks cost at the start, at rest and in a reload. */
import { BUILDS, OURS } from "../measuring/builds.js";
import { pinBench } from "../measuring/cores.js";
import { type Figures, medians, rounded } from "../measuring/figures.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { measureConfig } from "./daemon.js";

/** The row of `BENCHES`. */
export const benchConfig: Bench = {
  about: "files of 100, 1,000 and 5,000 checks: load, start, rest and reload (npm run build first)",
  run,
};

const COUNTS = [100, 1_000, 5_000] as const;

interface Measured {
  readonly build: string;
  readonly checks: number;
  readonly median: Figures;
  readonly rounds: readonly Figures[];
}

async function run({ rounds, only, say }: BenchDeps): Promise<Report> {
  pinBench();
  const builds = BUILDS.filter(({ name }) => only.length === 0 || only.includes(name));
  const cases = COUNTS.flatMap((checks) => builds.map((build) => ({ build, checks, samples: [] as Figures[] })));
  for (let round = 1; round <= rounds; round += 1)
    for (const { build, checks, samples } of cases) {
      say(`config: round ${round} of ${rounds}: ${build.name}, ${checks} checks`);
      samples.push(await measureConfig(build, checks));
    }
  const measured = cases.map(
    ({ build, checks, samples }): Measured => ({
      build: build.name,
      checks,
      median: medians(samples),
      rounds: samples,
    }),
  );
  const goals = goalsOf(measured);
  return { text: textOf(measured, goals), figures: { goals, measured } };
}

function goalsOf(measured: readonly Measured[]): readonly Goal[] {
  const { startMs = Number.NaN, oneTurnMs = Number.NaN } =
    measured.find(({ build, checks }) => build === OURS && checks === 5_000)?.median ?? {};
  const ms = (value: number) => `${rounded(value)} ms`;
  return [
    { goal: "5,000 checks: listens within 300 ms", measured: ms(startMs), met: startMs <= 300 },
    { goal: "5,000 checks, one changed: blocks for at most 20 ms", measured: ms(oneTurnMs), met: oneTurnMs <= 20 },
  ];
}

/** The columns, by the names of their figures. */
const COLUMNS: Readonly<Record<string, string>> = {
  validateMs: "validate, ms",
  startMs: "start to listening, ms",
  restRssMb: "RSS at rest, MB",
  restCpuMs: "CPU at rest, ms/s",
  oneMs: "reload, one changed, ms",
  oneTurnMs: "its longest block, ms CPU",
  allTurnMs: "all changed: longest block, ms CPU",
  afterRssMb: "RSS after, MB",
};

function textOf(measured: readonly Measured[], goals: readonly Goal[]): string {
  const rows = measured.map(({ build, checks, median }) => [
    `${build}, ${checks.toLocaleString("en")} checks`,
    ...Object.keys(COLUMNS).map((name) => rounded(median[name] ?? Number.NaN)),
  ]);
  return [table(["build", ...Object.values(COLUMNS)], rows), table(["goal", "measured", "met"], goalRows(goals))].join(
    "\n\n",
  );
}
