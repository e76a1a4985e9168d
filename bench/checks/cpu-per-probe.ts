/**
 * CPU per probe: every contender for itself, at the same rate on the same target, round after round, so that a slow
 * minute of the machine strikes all of them.
 */
import { pause } from "../../test/support/eventually.js";
import { cpuMs } from "../measuring/cpu.js";
import { median } from "../measuring/figures.js";
import type { BenchDeps } from "../measuring/report.js";
import { CONTENDERS, type Contender, type Load } from "./contenders.js";
import type { BenchTarget } from "./target.js";

/** What one contender did in one round. */
export interface Sample {
  readonly cpuMicros: number;
  readonly probesPerSecond: number;
  readonly connectionsPerProbe: number;
  /** How much of its core the target took: near 1, it would be the target that is measured. */
  readonly targetCpuShare: number;
}

/** One contender over all rounds. */
export interface Standing {
  readonly contender: Contender;
  readonly samples: readonly Sample[];
  readonly median: Sample;
}

/** 2,000 probes a second: what the slowest of them can do on a core, about. */
export const LOAD: Load = { checks: 1000, intervalMs: 500 };

const WARM_UP_MS = 4_000;
const WINDOW_MS = 4_000;

/** Measures all of them. */
export async function compareCpu(target: BenchTarget, { rounds, only, say }: BenchDeps): Promise<readonly Standing[]> {
  const taking = CONTENDERS.filter(({ name }) => only.length === 0 || only.includes(name));
  const samples = new Map<Contender, Sample[]>(taking.map((contender) => [contender, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contender, found] of samples) {
      say(`CPU per probe, round ${round} of ${rounds}: ${contender.name}, ${contender.connection}`);
      const contest = await contender.start(target, LOAD);
      try {
        await pause(WARM_UP_MS);
        found.push(await sample(target, () => cpuMs(contest.program)));
      } finally {
        await contest.stop();
      }
    }
  }
  return [...samples].map(([contender, found]) => ({ contender, samples: found, median: medianOf(found) }));
}

/** Measures whatever probes the target now. */
export async function sample(target: BenchTarget, proberCpuMs: () => number, windowMs = WINDOW_MS): Promise<Sample> {
  const read = async () => ({
    at: performance.now(),
    cpuMs: proberCpuMs(),
    targetCpuMs: cpuMs(target.program),
    ...(await target.seen()),
  });
  const before = await read();
  await pause(windowMs);
  const after = await read();
  const probes = after.requests - before.requests;
  const elapsedMs = after.at - before.at;
  return {
    cpuMicros: ((after.cpuMs - before.cpuMs) / probes) * 1000,
    probesPerSecond: (probes / elapsedMs) * 1000,
    connectionsPerProbe: (after.connections - before.connections) / probes,
    targetCpuShare: (after.targetCpuMs - before.targetCpuMs) / elapsedMs,
  };
}

/** The median of each figure. */
export function medianOf(samples: readonly Sample[]): Sample {
  const of = (figure: keyof Sample) => median(samples.map((each) => each[figure]));
  return {
    cpuMicros: of("cpuMicros"),
    probesPerSecond: of("probesPerSecond"),
    connectionsPerProbe: of("connectionsPerProbe"),
    targetCpuShare: of("targetCpuShare"),
  };
}
