/**
 * Load: one core with 8,000 keep-alive probes a second, and with three times what it can do.
 *
 * Too much to do must make checks late, in a way that can be counted; it must turn none down (envoy#28699).
 */
import { pause } from "../../test/support/eventually.js";
import { BUILDS } from "../measuring/builds.js";
import { cpuMs } from "../measuring/cpu.js";
import type { BenchDeps } from "../measuring/report.js";
import { type Sample, sample } from "./cpu-per-probe.js";
import { findings, type ProberFindings, startProber } from "./healthbridge.js";
import type { BenchTarget } from "./target.js";

/** How a load went, round by round. */
export interface Loaded {
  readonly name: string;
  readonly askedPerSecond: number;
  readonly rounds: readonly (Sample & ProberFindings)[];
}

/** A load to be borne. */
interface Burden {
  readonly name: string;
  /** The folder of the build that bears it. */
  readonly build: string;
  readonly checks: number;
  readonly intervalMs: number;
}

/** As many connections as a process may have open everywhere. */
const CHECKS = 8_000;

const STEADY = { name: "8,000 a second", checks: CHECKS, intervalMs: 1_000 };

/** More than a core can do today: shows how much that is. */
const SATURATION = { name: "what the core can do", checks: CHECKS, intervalMs: 100 };

const WARM_UP_MS = 5_000;
const WINDOW_MS = 8_000;

/**
 * The steady load and the overload, then the steady load on further builds. The overload is computed from what the core
 * does when it is asked too much.
 */
export async function bearLoads(target: BenchTarget, deps: BenchDeps): Promise<readonly Loaded[]> {
  const [ours, ...others] = BUILDS;
  if (ours === undefined) return [];
  const steady = await bear(target, { ...STEADY, build: ours.folder }, deps);
  deps.say(`load: ${SATURATION.name}`);
  const { probesPerSecond } = await bearOnce(target, { ...SATURATION, build: ours.folder });
  const intervalMs = Math.floor((CHECKS / (3 * probesPerSecond)) * 1000);
  const overload = { name: "three times what the core can do", checks: CHECKS, intervalMs, build: ours.folder };
  const loads = [steady, await bear(target, overload, deps)];
  for (const { name, folder } of others)
    loads.push(await bear(target, { ...STEADY, name: `${STEADY.name}, ${name}`, build: folder }, deps));
  return loads;
}

async function bear(target: BenchTarget, burden: Burden, { rounds, say }: BenchDeps): Promise<Loaded> {
  const { name, checks, intervalMs } = burden;
  const found: (Sample & ProberFindings)[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`load, round ${round} of ${rounds}: ${name}`);
    found.push(await bearOnce(target, burden));
  }
  return { name, askedPerSecond: (checks / intervalMs) * 1000, rounds: found };
}

async function bearOnce(target: BenchTarget, { checks, intervalMs, build }: Burden): Promise<Sample & ProberFindings> {
  const schedule = { checks, intervalMs, timeoutMs: intervalMs * 0.8 };
  const program = await startProber({ url: target.url, ...schedule, build, reuse: true, measuresLag: true });
  try {
    await pause(WARM_UP_MS);
    await findings(program); // the lags of the start are not those of the window
    const measured = await sample(target, () => cpuMs(program), WINDOW_MS);
    return { ...measured, ...(await findings(program)) };
  } finally {
    await program.stop();
  }
}
