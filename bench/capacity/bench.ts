/** The bench `capacity`: what one process needs, for the tables of docs/capacity.md. */
import { pinBench } from "../measuring/cores.js";
import { type Figures, medians } from "../measuring/figures.js";
import type { Bench, BenchDeps, Report } from "../measuring/report.js";
import { Client } from "../serving/client.js";
import { LoadTool } from "../serving/load.js";
import { CHECK_CASES, checksTable } from "./checks.js";
import { requestCases, requestsTable } from "./requests.js";
import { watcherCases, watchersTable } from "./watchers.js";

/** The row of `BENCHES`. */
export const benchCapacity: Bench = {
  about: "memory and CPU by checks, watchers and requests: the tables of docs/capacity.md (npm run build first)",
  page: "docs/capacity.md",
  run,
};

interface Part {
  readonly cases: readonly (readonly [name: string, measure: () => Promise<Figures>])[];
  readonly tableOf: (figures: ReadonlyMap<string, Figures>) => string;
}

async function run({ rounds, only, say }: BenchDeps): Promise<Report> {
  pinBench();
  const [tool, client] = [new LoadTool(), await Client.build()];
  const parts: Readonly<Record<string, Part>> = {
    checks: { cases: CHECK_CASES, tableOf: checksTable },
    watchers: { cases: watcherCases(client), tableOf: watchersTable },
    requests: { cases: requestCases(tool), tableOf: requestsTable },
  };
  const tables: Record<string, string> = {};
  const figures: Record<string, unknown> = {};
  try {
    for (const [part, { cases, tableOf }] of Object.entries(parts)) {
      if (only.length > 0 && !only.includes(part)) continue;
      const samples = new Map(cases.map(([name]) => [name, [] as Figures[]]));
      for (let round = 1; round <= rounds; round += 1)
        for (const [name, measure] of cases) {
          say(`capacity: round ${round} of ${rounds}: ${part}: ${name}`);
          samples.get(name)?.push(await measure());
        }
      figures[part] = Object.fromEntries(samples);
      tables[part] = tableOf(new Map([...samples].map(([name, each]) => [name, medians(each)])));
    }
  } finally {
    tool.discard();
  }
  return { text: Object.values(tables).join("\n\n"), figures, tables };
}
