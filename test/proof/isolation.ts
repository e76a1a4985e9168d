/**
 * A blocked event loop, beside the packages that other applications use, and what the thread costs.
 *
 *     npm run proof -- isolation [--json]
 */
import { npmHealthPackages } from "../interop/npm-packages.js";
import {
  type Answers,
  type Cost,
  type Isolation,
  measureCost,
  measureIsolation,
  OURS,
} from "../isolation/isolation.js";
import type { Arguments } from "./arguments.js";

const BLOCK_MS = 15_000;
const STALL_AFTER_MS = 10_000;

/** Measures every subject, one after the other. Returns whether ours keeps its promises, and the others show that the block was real. */
export async function proveIsolation({ json }: Arguments): Promise<boolean> {
  const folder = npmHealthPackages();
  const others = ["healthbridge", "grpc-health-check", "terminus", "lightship"].map((kind) => ({ kind, folder }));
  const results: Isolation[] = [];
  for (const subject of [OURS, ...others]) results.push(await measureIsolation(subject, BLOCK_MS, STALL_AFTER_MS));
  const costs: Cost[] = [];
  for (const subject of [{ kind: "healthbridge" }, OURS]) costs.push(await measureCost(subject, 20_000, 300));
  const problems = problemsOf(results);
  process.stdout.write(
    json ? `${JSON.stringify({ results, costs, problems }, null, 2)}\n` : textOf(results, costs, problems),
  );
  return problems.length === 0;
}

function problemsOf([ours, ...others]: readonly Isolation[]): readonly string[] {
  const faults = (["http", "grpc"] as const).flatMap((protocol) => {
    const answers = ours?.[protocol];
    if (answers === undefined) return [`${protocol}: not measured`];
    const { requests, answered, p99Ms, turnedAfterMs = Number.NaN, backAfterMs = Number.NaN } = answers;
    return [
      ...(answered === requests ? [] : [`${protocol}: ${requests - answered} requests were not answered`]),
      ...(p99Ms <= 10 ? [] : [`${protocol}: p99 is ${p99Ms.toFixed(1)} ms`]),
      ...(Math.abs(turnedAfterMs - STALL_AFTER_MS) <= 500 ? [] : [`${protocol}: turned after ${turnedAfterMs} ms`]),
      ...(backAfterMs <= 1_000 ? [] : [`${protocol}: back after ${backAfterMs} ms`]),
    ];
  });
  const silent = others.filter(({ http, grpc }) => (http?.answered ?? 0) + (grpc?.answered ?? 0) > 0);
  return [...faults, ...silent.map(({ kind }) => `${kind} has answered`)];
}

function textOf(results: readonly Isolation[], costs: readonly Cost[], problems: readonly string[]): string {
  const rows = results.flatMap(({ kind, http, grpc }) =>
    [["HTTP", http] as const, ["gRPC", grpc] as const].flatMap(([protocol, answers]) =>
      answers === undefined ? [] : [rowOf(kind, protocol, answers)],
    ),
  );
  const own = results.map(({ ownP99Ms }) => ownP99Ms.toFixed(1)).join(", ");
  const costRows = costs.map(
    ({ kind, residentMB, cpuMicrosecondsPerCheck, changeP50Ms, changeP99Ms }) =>
      `| ${kind} | ${residentMB.toFixed(0)} MB | ${cpuMicrosecondsPerCheck.toFixed(0)} us | ${changeP50Ms.toFixed(2)} ms | ${changeP99Ms.toFixed(2)} ms |`,
  );
  const lines = [
    "| served by | protocol | requests | answered | p50 | p99 | max | NOT_SERVING after | SERVING again after |",
    "| --- | --- | --: | --: | --: | --: | --: | --: | --: |",
    ...rows,
    "",
    `p99 of the delay of the measuring process itself, in ms: ${own}`,
    "",
    "| served by | resident memory | CPU for each Check | a change is seen after: p50 | p99 |",
    "| --- | --: | --: | --: | --: |",
    ...costRows,
    "",
    ...problems.map((problem) => `PROBLEM: ${problem}`),
  ];
  return `${lines.join("\n")}\n`;
}

function rowOf(kind: string, protocol: string, answers: Answers): string {
  const { requests, answered, p50Ms, p99Ms, maxMs, turnedAfterMs, backAfterMs } = answers;
  const ms = (value: number | undefined, digits = 1) =>
    value === undefined || Number.isNaN(value) ? "-" : `${value.toFixed(digits)} ms`;
  const cells = [
    kind,
    protocol,
    requests,
    answered,
    ms(p50Ms),
    ms(p99Ms),
    ms(maxMs),
    ms(turnedAfterMs, 0),
    ms(backAfterMs, 0),
  ];
  return `| ${cells.join(" | ")} |`;
}
