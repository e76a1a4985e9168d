/**
 * The soak for any length of time.
 *
 *     npm run soak -- --minutes 60 [--seed N] [--json]
 */
import { rounded } from "../../bench/measuring/figures.js";
import { type Minute, type SoakReport, soak } from "../soak/soak.js";
import type { Arguments } from "./arguments.js";

const COLUMNS: readonly (readonly [head: string, cell: (minute: Minute) => string])[] = [
  ["minute", ({ minute }) => String(minute)],
  ["checks", ({ checks }) => String(checks)],
  ["p50 ms", ({ p50Ms }) => rounded(p50Ms)],
  ["p99 ms", ({ p99Ms }) => rounded(p99Ms)],
  ["watchers", ({ watchers }) => String(watchers)],
  ["connections", ({ connections }) => String(connections)],
  ["probes", ({ descriptors }) => String(descriptors.targets)],
  ["other fds", ({ descriptors }) => String(descriptors.others)],
  ["heap MB", ({ heapBytes }) => rounded(heapBytes / 1e6)],
  ["RSS MB", ({ rssBytes }) => rounded(rssBytes / 1e6)],
  ["stale ms", ({ longestIllMs }) => String(longestIllMs)],
  ["false downs", ({ falseDowns }) => String(falseDowns)],
  ["problems", ({ problems }) => String(problems)],
];

/** Runs a soak, with a line each minute. Returns whether there was no problem. */
export async function proveSoak({ minutes = 3, seed, json }: Arguments): Promise<boolean> {
  const line = (cells: readonly string[]) =>
    process.stdout.write(`${cells.map((cell) => cell.padStart(11)).join("")}\n`);
  if (!json) line(COLUMNS.map(([head]) => head));
  const onMinute = (minute: Minute) => void (json || line(COLUMNS.map(([, cell]) => cell(minute))));
  const report = await soak({ minutes, seed: seed ?? Math.floor(Math.random() * 2 ** 31), onMinute });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : summaryOf(report));
  return report.problems.length === 0;
}

function summaryOf({ seed, counts, heap, problems }: SoakReport): string {
  const lines = [
    `seed ${seed}`,
    ...Object.entries(counts).map(([what, count]) => `${what}: ${count}`),
    `heap: ${rounded(heap.growthBytes / 1e6)} MB in ${heap.seconds} s; at most ${rounded(heap.allowedBytes / 1e6)} MB`,
    `problems: ${problems.length}`,
    ...problems,
  ];
  return `${lines.join("\n")}\n`;
}
