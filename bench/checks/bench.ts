/** The bench `checks`: what a probe costs, beside others, and what a core can bear. */
import { pinBench } from "../measuring/cores.js";
import { median, rounded } from "../measuring/figures.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { compareCpu, LOAD, type Standing } from "./cpu-per-probe.js";
import { bearLoads, type Loaded } from "./load.js";
import { BenchTarget } from "./target.js";

/** The row of `BENCHES`. */
export const benchChecks: Bench = {
  about: "CPU per HTTP probe beside HAProxy's and blackbox_exporter's, and one core under load (npm run build first)",
  run,
};

async function run(deps: BenchDeps): Promise<Report> {
  pinBench();
  const target = await BenchTarget.start();
  try {
    const standings = await compareCpu(target, deps);
    const loads = await bearLoads(target, deps);
    const goals = [...cpuGoals(standings), ...loadGoals(loads)];
    const contenders = standings.map(({ contender, ...rest }) => ({ ...nameOf(contender), ...rest }));
    return { text: textOf(standings, loads, goals), figures: { goals, contenders, loads } };
  } finally {
    await target.stop();
  }
}

const nameOf = ({ name, connection }: Standing["contender"]) => ({ name, connection });

function microsOf(standings: readonly Standing[], name: string, connection?: string): number {
  const found = standings.find(
    ({ contender }) => contender.name === name && (connection === undefined || contender.connection === connection),
  );
  return found?.median.cpuMicros ?? Number.NaN;
}

function cpuGoals(standings: readonly Standing[]): readonly Goal[] {
  const haproxy = microsOf(standings, "HAProxy httpchk");
  const kept = microsOf(standings, "healthbridge", "keep-alive");
  const fresh = microsOf(standings, "healthbridge", "fresh");
  const blackbox = microsOf(standings, "blackbox_exporter");
  const times = (ratio: number) => `${rounded(ratio)} x`;
  return [
    { goal: "keep-alive: at most 1.3 x HAProxy", measured: times(kept / haproxy), met: kept <= 1.3 * haproxy },
    { goal: "fresh: at most 3 x HAProxy", measured: times(fresh / haproxy), met: fresh <= 3 * haproxy },
    { goal: "keep-alive: 4 x less than blackbox", measured: times(blackbox / kept), met: blackbox >= 4 * kept },
    { goal: "fresh: 4 x less than blackbox", measured: times(blackbox / fresh), met: blackbox >= 4 * fresh },
  ];
}

function loadGoals([steady, overload]: readonly Loaded[]): readonly Goal[] {
  if (steady === undefined || overload === undefined) return [];
  const rate = median(steady.rounds.map(({ probesPerSecond }) => probesPerSecond));
  const lagMs = median(steady.rounds.map(({ lag }) => lag.p99Ms));
  const downOf = ({ rounds }: Loaded) => rounds.reduce((sum, { turnedDown }) => sum + turnedDown, 0);
  const lateShare = median(overload.rounds.map(({ late, probes }) => late / probes));
  return [
    { goal: "one core: 8,000 probes a second", measured: rounded(rate), met: rate >= 7_900 },
    { goal: "there: start lag p99 at most 100 ms", measured: `${rounded(lagMs)} ms`, met: lagMs <= 100 },
    { goal: "there: no false down", measured: String(downOf(steady)), met: downOf(steady) === 0 },
    { goal: "overload: checks are late, and counted", measured: `${rounded(lateShare * 100)} %`, met: lateShare > 0 },
    { goal: "overload: none turns down", measured: String(downOf(overload)), met: downOf(overload) === 0 },
  ];
}

function textOf(standings: readonly Standing[], loads: readonly Loaded[], goals: readonly Goal[]): string {
  const perSecond = rounded((LOAD.checks / LOAD.intervalMs) * 1000);
  return [
    `\nCPU per HTTP probe at ${perSecond} a second, and its ratio to HAProxy's`,
    cpuTable(standings),
    "\nOne core under load, keep-alive",
    loadTable(loads),
    "\nGoals",
    table(["Goal", "Measured", "Met"], goalRows(goals)),
  ].join("\n");
}

function cpuTable(standings: readonly Standing[]): string {
  const haproxy = microsOf(standings, "HAProxy httpchk");
  const rows = standings.map(({ contender: { name, connection }, median: found }) => [
    `${name}, ${connection}`,
    `${rounded(found.cpuMicros / haproxy)} x`,
    `${rounded(found.cpuMicros)} us`,
    rounded(found.probesPerSecond),
    found.connectionsPerProbe.toFixed(2),
    `${Math.round(found.targetCpuShare * 100)} %`,
  ]);
  return table(["Prober", "Ratio", "CPU per probe", "Probes/s", "Connections/probe", "Target's core"], rows);
}

function loadTable(loads: readonly Loaded[]): string {
  const rows = loads.map(({ name, askedPerSecond, rounds }) => {
    const of = (figure: (round: Loaded["rounds"][number]) => number) => rounded(median(rounds.map(figure)));
    return [
      name,
      rounded(askedPerSecond),
      of(({ probesPerSecond }) => probesPerSecond),
      `${of(({ cpuMicros }) => cpuMicros)} us`,
      `${of(({ lag }) => lag.p50Ms)} / ${of(({ lag }) => lag.p99Ms)} ms`,
      of(({ late }) => late),
      of(({ dropped }) => dropped),
      of(({ turnedDown }) => turnedDown),
    ];
  });
  const head = [
    "Load",
    "Asked/s",
    "Probes/s",
    "CPU per probe",
    "Start lag p50 / p99",
    "Late",
    "Dropped",
    "Turned down",
  ];
  return table(head, rows);
}
