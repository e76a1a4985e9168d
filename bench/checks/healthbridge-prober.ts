/**
 * A process of its own that checks one target under many names, with the library as it was built.
 *
 * It takes a `ProberTask` as its argument. SIGUSR2 has it write what it has found since the last time, as a line of
 * JSON (`ProberFindings`).
 */
import { subscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Published } from "../../src/core/channels.js";
import { quantile } from "../measuring/figures.js";
import type { ProberFindings, ProberTask } from "./healthbridge.js";

/** A probe that starts later than this counts as late. */
const LATE_MS = 100;

// argv[2] is written by `healthbridge.ts` alone
const task = JSON.parse(process.argv[2] ?? "") as ProberTask;
const { url, checks, intervalMs, timeoutMs, reuse, measuresLag } = task;

// the build is measured; its types are those of the sources
const { Health } = (await import(
  pathToFileURL(join(task.build, "dist/index.js")).href
)) as typeof import("../../src/index.js");

let lags: number[] = [];
let turnedDown = 0;
let dropped = 0;
const failures: Record<string, number> = {};

// a subscriber costs a little CPU, so there is none where CPU is compared with other probers
if (measuresLag) {
  subscribe("healthbridge:probe", (message) => {
    // only the library writes to its channels
    const { outcome, reason = "?", startLagMs } = message as Published<"probe">;
    lags.push(startLagMs);
    if (outcome === "fail") failures[reason] = (failures[reason] ?? 0) + 1;
  });
  subscribe("healthbridge:result-dropped", () => {
    dropped += 1;
  });
}

const health = new Health();
health.onTransition(({ subject, to }) => {
  if (subject === "check" && to === "failing") turnedDown += 1;
});

process.on("SIGUSR2", () => {
  const late = lags.filter((lag) => lag > LATE_MS).length;
  const lag = { p50Ms: quantile(lags, 0.5), p99Ms: quantile(lags, 0.99), maxMs: quantile(lags, 1) };
  const findings: ProberFindings = { probes: lags.length, late, lag, failures, dropped, turnedDown };
  lags = [];
  process.stdout.write(`${JSON.stringify(findings)}\n`);
});

for (let place = 0; place < checks; place += 1) {
  health.check(`check-${place}`, url, { interval: intervalMs, timeout: timeoutMs, reuse });
}
// the checks alone keep no process alive
setInterval(() => {}, 60_000);
process.stdout.write("started\n");
