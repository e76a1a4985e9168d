/** healthbridge as a prober: started, and asked for what it has measured. */
import { fileURLToPath } from "node:url";
import type { Running } from "../../test/interop/peers.js";
import { eventually } from "../../test/support/eventually.js";
import { runMeasured } from "../measuring/cores.js";

/** What the process is to do. */
export interface ProberTask {
  readonly url: string;
  readonly checks: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly reuse: boolean;
  /** Listen to every probe. */
  readonly measuresLag: boolean;
  /** The folder of the build that is measured. */
  readonly build: string;
}

/** What it has found. The counts of failures, dropped results and checks that turned down are from its start on. */
export interface ProberFindings {
  readonly probes: number;
  /** Probes that started more than 100 ms after they were due. */
  readonly late: number;
  readonly lag: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly failures: Readonly<Record<string, number>>;
  readonly dropped: number;
  readonly turnedDown: number;
}

const PROGRAM = fileURLToPath(new URL("healthbridge-prober.ts", import.meta.url));

/** Starts it; resolves when every check is declared. */
export async function startProber(task: ProberTask): Promise<Running> {
  const program = runMeasured(process.execPath, ["--import", "tsx", PROGRAM, JSON.stringify(task)]);
  await eventually(() => program.lines.includes("started") || program.ended, "the prober starts");
  if (program.ended) throw new Error(`the prober has ended: ${program.output}`);
  return program;
}

/** Asks for what was found since the last time. */
export async function findings(program: Running): Promise<ProberFindings> {
  const before = program.lines.length;
  program.signal("SIGUSR2");
  await eventually(() => program.lines.length > before && program.output.endsWith("\n"), "the prober answers");
  // the line is written by `healthbridge-prober.ts` alone
  return JSON.parse(program.lines.at(-1) ?? "") as ProberFindings;
}
