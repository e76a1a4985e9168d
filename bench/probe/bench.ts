/**
 * The bench `probe`: what one exec probe costs, as a process, on three versions of Node and beside grpc_health_probe.
 *
 * A Go program starts all contenders in turn on one core (`bench/peers/stopwatch`). The server is in this process, on the
 * other core.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Health } from "../../src/index.js";
import { portOf } from "../../test/support/port-of.js";
import { OURS } from "../measuring/builds.js";
import { pinBench, runMeasured } from "../measuring/cores.js";
import { type Figures, medians, rounded } from "../measuring/figures.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { goProgram } from "../serving/build.js";
import { type Contender, contendersOf, EMPTY, REFERENCE, VERSIONS } from "./contenders.js";

/** The row of `BENCHES`. */
export const benchProbe: Bench = {
  about: "an exec probe as a process: wall time, CPU and memory, on Node 20, 22 and 24 (npm run build first)",
  run,
};

/** Starts of each program in a round. */
const STARTS = 20;

/** What a probe may take longer than an empty script. */
const GOAL_MS = 12;

interface Measured extends Contender {
  readonly median: Figures;
  readonly samples: readonly Figures[];
}

async function run({ rounds, only, say }: BenchDeps): Promise<Report> {
  pinBench();
  const stopwatch = goProgram("stopwatch");
  const health = new Health();
  const contenders = contendersOf(portOf(await health.listen(["127.0.0.1:0"]))).filter(
    ({ name }) => only.length === 0 || name === EMPTY || name === REFERENCE || only.includes(name),
  );
  const samples = contenders.map((): Figures[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    say(round === 0 ? "probe: files are read for the first time" : `probe: round ${round} of ${rounds}`);
    const figures = await startAll(stopwatch, contenders, round === 0 ? 2 : STARTS);
    if (round > 0) for (const [index, each] of figures.entries()) samples[index]?.push(...each);
  }
  await health.shutdown({ drainDelayMs: 0 });
  const measured = contenders.map((contender, index): Measured => {
    const own = samples[index] ?? [];
    return { ...contender, median: medians(own), samples: own };
  });
  const goals = goalsOf(measured);
  return { text: textOf(measured, goals), figures: { goals, measured } };
}

/** Starts each program so many times, in turn. Returns the figures of each. */
async function startAll(stopwatch: string, contenders: readonly Contender[], rounds: number): Promise<Figures[][]> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const task = join(folder, "task.json");
  // Node 20 reads the first variable's file at each start; the others change what Node does
  const { NODE_EXTRA_CA_CERTS, NODE_OPTIONS, NODE_COMPILE_CACHE, ...env } = process.env;
  const programs = contenders.map(({ command, env: added }) => ({
    args: command,
    env: Object.entries({ ...env, ...added }).map(([name, value]) => `${name}=${value}`),
  }));
  writeFileSync(task, JSON.stringify({ rounds, programs }));
  const running = runMeasured(stopwatch, [task]);
  await once(running.process, "close");
  rmSync(folder, { recursive: true });
  if (running.process.exitCode !== 0) throw new Error(`the stopwatch failed: ${running.output}`);
  return JSON.parse(running.output);
}

function goalsOf(measured: readonly Measured[]): readonly Goal[] {
  return VERSIONS.map((version) => {
    const addedMs = overEmpty(measured, version, OURS, "wallMs");
    const addedCpuMs = overEmpty(measured, version, OURS, "cpuMs");
    return {
      goal: `Node ${version}: an empty script + ${GOAL_MS} ms at most`,
      measured: Number.isNaN(addedMs) ? "not measured" : `+ ${rounded(addedMs)} ms, of CPU + ${rounded(addedCpuMs)} ms`,
      met: addedMs <= GOAL_MS,
    };
  });
}

/** What a program takes more than an empty script on the same Node. */
function overEmpty(measured: readonly Measured[], version: string, name: string, figure: string): number {
  const of = (contender: string) =>
    measured.find((each) => each.version === version && each.name === contender)?.median[figure] ?? Number.NaN;
  return of(name) - of(EMPTY);
}

function textOf(measured: readonly Measured[], goals: readonly Goal[]): string {
  const reference = measured.find(({ name }) => name === REFERENCE)?.median.wallMs ?? Number.NaN;
  const rows = measured.map(({ version, name, median }) => {
    const { wallMs = Number.NaN, cpuMs = Number.NaN, rssMb = Number.NaN } = median;
    const added = (figure: string) =>
      version === undefined || name === EMPTY ? "" : `+ ${rounded(overEmpty(measured, version, name, figure))}`;
    return [
      version === undefined ? name : `Node ${version}: ${name}`,
      ...[rounded(wallMs), added("wallMs"), `${rounded(wallMs / reference)} x`],
      ...[rounded(cpuMs), added("cpuMs"), rounded(rssMb)],
    ];
  });
  const head = ["program", "wall, ms", "over empty", `to ${REFERENCE}`, "CPU, ms", "over empty", "peak RSS, MB"];
  return [table(head, rows), table(["goal", "measured", "met"], goalRows(goals))].join("\n\n");
}
