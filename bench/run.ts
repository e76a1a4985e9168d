/**
 * Runs a bench: `npm run bench -- NAME [--rounds N] [--only CONTENDER,...] [--write]`; without a name it lists the
 * benches. `--write` renews the tables of the page in docs that shows the figures.
 *
 * It prints tables, and writes all figures to `bench/results/NAME.json`. A bench fails when it cannot measure, never
 * because of a figure.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchAbuse } from "./abuse/bench.js";
import { benchCapacity } from "./capacity/bench.js";
import { benchChecks } from "./checks/bench.js";
import { benchConfig } from "./config/bench.js";
import { benchDiscovery } from "./discovery/bench.js";
import { benchFleet } from "./fleet/bench.js";
import { benchHistory } from "./history/bench.js";
import { LiveLine } from "./measuring/live-line.js";
import { writeTables } from "./measuring/page.js";
import type { Bench, BenchDeps } from "./measuring/report.js";
import { benchProbe } from "./probe/bench.js";
import { benchServing } from "./serving/bench.js";

/** All benches. A new one is a folder and a row here. */
const BENCHES: Readonly<Record<string, Bench>> = {
  checks: benchChecks,
  config: benchConfig,
  serving: benchServing,
  history: benchHistory,
  abuse: benchAbuse,
  probe: benchProbe,
  capacity: benchCapacity,
  discovery: benchDiscovery,
  fleet: benchFleet,
};

const DEFAULT_ROUNDS = 5;

interface RunOptions extends Omit<BenchDeps, "say"> {
  /** Whether the tables of the bench's page are renewed. */
  readonly writes: boolean;
}

async function runBench(name: string, bench: Bench, { writes, ...deps }: RunOptions): Promise<void> {
  const live = new LiveLine(process.stdout);
  const report = await bench.run({ ...deps, say: (text) => live.show(text) }).finally(() => live.clear());
  const folder = fileURLToPath(new URL("results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const file = `${folder}${name}.json`;
  writeFileSync(
    file,
    `${JSON.stringify({ bench: name, ...deps, node: process.version, ...report.figures }, null, 2)}\n`,
  );
  process.stdout.write(`${report.text}\n\nAll figures: ${file}\n`);
  if (writes && bench.page !== undefined)
    writeTables(new URL(`../${bench.page}`, import.meta.url), report.tables ?? {});
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: String(DEFAULT_ROUNDS) },
    only: { type: "string", default: "" },
    write: { type: "boolean", default: false },
  },
});
const [name] = positionals;
const bench = name === undefined || !Object.hasOwn(BENCHES, name) ? undefined : BENCHES[name];
const rounds = Number(values.rounds);
const only = values.only.split(",").filter((contender) => contender !== "");
if (name === undefined) {
  for (const [each, { about }] of Object.entries(BENCHES)) process.stdout.write(`${each}: ${about}\n`);
} else if (bench === undefined || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--rounds N] [--only CONTENDER,...] [--write]\n`,
  );
  process.exitCode = 2;
} else {
  await runBench(name, bench, { rounds, only, writes: values.write });
  process.exit(0); // a library may keep handles open
}
