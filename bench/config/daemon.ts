/**
 * One daemon with many checks: its start, its rest, and reloads.
 *
 * The checks have an interval of an hour, so that no probe is measured.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Running } from "../../test/interop/peers.js";
import { eventually } from "../../test/support/eventually.js";
import { type Build, mainOf } from "../measuring/builds.js";
import { runMeasured } from "../measuring/cores.js";
import { cpuMs } from "../measuring/cpu.js";
import type { Figures } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";

const METER = fileURLToPath(new URL("../../test/support/turn-meter.cjs", import.meta.url));

const REST_MS = 3_000;
const LIMIT_MS = 120_000;

function textOf(checks: number, changed = ""): string {
  const rows = Array.from({ length: checks }, (_, index) => {
    const more = index === 7 ? changed : "";
    return `  check-${index}: { target: "http://127.0.0.1:1/health", interval: 1h, timeout: 1s${more} }\n`;
  });
  return `listen: ["127.0.0.1:0"]\nchecks:\n${rows.join("")}`;
}

/** Loads, starts, rests and reloads. */
export async function measureConfig(build: Build, checks: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, textOf(checks));
  await delay(600); // a file is read when it has been unchanged for so long
  try {
    const validateMs = await timeOf(build, ["validate", "-c", file], "is valid");
    const daemon = await timed(build, ["serve", "-c", file], '"event":"serving"');
    const { program, ms: startMs } = daemon;
    try {
      await delay(REST_MS);
      const cpuBefore = cpuMs(program);
      await delay(REST_MS);
      const rest = { restRssMb: rssMb(program), restCpuMs: ((cpuMs(program) - cpuBefore) * 1000) / REST_MS };
      const one = await reload(program, file, textOf(checks, ", unhealthyThreshold: 5"));
      const all = await reload(program, file, textOf(checks).replaceAll("1s }", "2s }"));
      return {
        validateMs,
        startMs,
        ...rest,
        oneMs: one.ms,
        oneTurnMs: one.turnMs,
        allTurnMs: all.turnMs,
        afterRssMb: rssMb(program),
      };
    } finally {
      await program.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function timeOf(build: Build, args: readonly string[], text: string): Promise<number> {
  const { program, ms } = await timed(build, args, text);
  await program.stop();
  return ms;
}

/** Starts a command. Resolves when it has written a text. */
async function timed(build: Build, args: readonly string[], text: string): Promise<{ program: Running; ms: number }> {
  const startedAt = performance.now();
  const program = runMeasured(process.execPath, ["-r", METER, mainOf(build), ...args]);
  await eventually(() => program.output.includes(text), `${args[0]} writes ${text}`, LIMIT_MS);
  return { program, ms: performance.now() - startedAt };
}

/** A reload with another text: its time without the wait for a settled file, and the CPU time of the longest turn. */
async function reload(program: Running, file: string, text: string): Promise<{ ms: number; turnMs: number }> {
  const count = (word: string) => program.output.split(word).length;
  const [reloads, turns] = [count('"event":"reloaded"'), count("TURN ")];
  program.signal("SIGUSR2");
  const startedAt = performance.now();
  writeFileSync(file, text);
  await eventually(() => count('"event":"reloaded"') > reloads, "the file is reloaded", LIMIT_MS);
  const ms = performance.now() - startedAt;
  await delay(500);
  program.signal("SIGUSR2");
  await eventually(() => count("TURN ") > turns, "the meter's result", LIMIT_MS);
  const turnMs = Number(program.output.slice(program.output.lastIndexOf("TURN ")).split(/\s/)[1]);
  return { ms, turnMs };
}
