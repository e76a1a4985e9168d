/** The bench `discovery`: a change of one instance, told to many subscribers of xDS. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { run as runProgram } from "../../test/interop/peers.js";
import { eventually } from "../../test/support/eventually.js";
import { BUILDS, type Build, OURS } from "../measuring/builds.js";
import { pinBench, runMeasured } from "../measuring/cores.js";
import { type Figures, median, medians, rounded } from "../measuring/figures.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { goProgram } from "../serving/build.js";
import { reasonOf } from "../serving/turns.js";

/** The row of `BENCHES`. */
export const benchDiscovery: Bench = {
  about: "xDS: a change of one of 100,000 instances, told to 500 subscribers, beside go-control-plane",
  run,
};

const SERVICES = 1_000;
const INSTANCES = 100;

/** Subscribers of all services; each has a connection with one stream. */
const MANY = 500;

/** A new snapshot of go-control-plane sends 4 MB to each subscriber: 2 GB for 500 of them. It is compared at this number. */
const FEW = 20;

const CHANGES: Readonly<Record<number, number>> = { [FEW]: 5, [MANY]: 11 };

const START_MS = 60_000;

interface Contender {
  readonly name: string;
  readonly subscribers: readonly number[];
  /** Builds it into a folder. Returns the command that starts it. */
  readonly prepare: (folder: string) => readonly string[];
}

/** What `xds.go` writes. */
interface Subscribed {
  readonly rssBefore: number;
  readonly rssAfter: number;
  readonly establishedMs: number;
  readonly quantilesMs: readonly [number, number, number];
  readonly changesMs: readonly number[];
  readonly cpuMs: number;
}

const SNAPSHOT = "go-control-plane, SnapshotCache";
const LINEAR = "go-control-plane, LinearCache";

const CONTENDERS: readonly Contender[] = [
  ...BUILDS.map((build) => ({
    name: build.name,
    subscribers: [FEW, MANY],
    prepare: (folder: string) => ours(build, folder),
  })),
  { name: LINEAR, subscribers: [FEW, MANY], prepare: () => [goProgram("go-control-plane"), "linear"] },
  { name: SNAPSHOT, subscribers: [FEW], prepare: () => [goProgram("go-control-plane"), "snapshot"] },
];

/** A bundle, as the command line is: the loader of TypeScript would be a part of the memory. */
function ours(build: Build, folder: string): readonly string[] {
  const outfile = join(folder, `${build.name.replaceAll(/\W+/g, "-")}.mjs`);
  buildSync({
    ...{ entryPoints: [join(build.folder, "bench/discovery/server.ts")], outfile, bundle: true },
    ...{ platform: "node", target: "node20", format: "esm", logLevel: "error" },
  });
  return [process.execPath, outfile];
}

async function run(deps: BenchDeps): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-bench-"));
  try {
    return await compare(deps, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compare({ rounds, only, say }: BenchDeps, folder: string): Promise<Report> {
  const leftOut: string[] = [];
  say("building the client");
  const client = goProgram("client");
  const cases: { name: string; subscribers: number; command: readonly string[]; samples: Figures[] }[] = [];
  for (const { name, subscribers, prepare } of CONTENDERS) {
    if (only.length > 0 && !only.includes(name)) continue;
    say(`building ${name}`);
    try {
      const command = prepare(folder);
      cases.push(...subscribers.map((count) => ({ name, subscribers: count, command, samples: [] as Figures[] })));
    } catch (error) {
      leftOut.push(`${name}: ${reasonOf(error)}`);
    }
  }
  pinBench(); // not before: a build uses both cores
  for (let round = 1; round <= rounds; round += 1)
    for (const { name, subscribers, command, samples } of cases) {
      say(`discovery, round ${round} of ${rounds}: ${name}, ${subscribers} subscribers`);
      try {
        samples.push(await measure(client, command, subscribers));
      } catch (error) {
        leftOut.push(`${name}, ${subscribers} subscribers, round ${round}: ${reasonOf(error)}`);
      }
    }
  const measured = cases.map(({ name, subscribers, samples }) => ({
    ...{ name, subscribers, samples, median: medians(samples) },
  }));
  const goals = goalsOf(measured);
  return { text: textOf(measured, goals, leftOut), figures: { goals, leftOut, measured } };
}

interface Measured {
  readonly name: string;
  readonly subscribers: number;
  readonly median: Figures;
}

async function measure(client: string, [program = "", ...args]: readonly string[], count: number): Promise<Figures> {
  const server = runMeasured(program, [...args, String(SERVICES), String(INSTANCES)]);
  try {
    await eventually(() => server.ended || server.lines.length > 0, "the server starts", START_MS);
    const numbers = [server.lines[0], server.process.pid, count, SERVICES, CHANGES[count]];
    const { code, stdout, stderr } = await runProgram(client, ["xds", ...numbers.map(String)]);
    if (code !== 0) throw new Error(`${stderr} ${server.output.slice(-500)}`);
    const found: Subscribed = JSON.parse(stdout);
    const [p50Ms, p99Ms, maxMs] = found.quantilesMs;
    return {
      ...{ establishedMs: found.establishedMs, allMs: median(found.changesMs), p50Ms, p99Ms, maxMs },
      ...{ cpuMs: found.cpuMs, cpuUs: (found.cpuMs * 1_000) / count },
      ...{ rssBeforeMb: (found.rssBefore * 1_024) / 1e6, rssMb: (found.rssAfter * 1_024) / 1e6 },
    };
  } finally {
    await server.stop();
  }
}

function goalsOf(measured: readonly Measured[]): readonly Goal[] {
  const figure = (name: string, subscribers: number, of: string) =>
    measured.find((each) => each.name === name && each.subscribers === subscribers)?.median[of] ?? Number.NaN;
  const ratio = (reference: string, subscribers: number, of: string) => {
    const value = figure(OURS, subscribers, of) / figure(reference, subscribers, of);
    return { measured: `${rounded(value)} x`, met: value <= 1 };
  };
  const all = figure(OURS, MANY, "maxMs");
  return [
    { goal: `${MANY} subscribers have each change within 1 s`, measured: `${rounded(all)} ms`, met: all <= 1_000 },
    { goal: `CPU of a change, ${MANY} subscribers, beside LinearCache`, ...ratio(LINEAR, MANY, "cpuMs") },
    { goal: `CPU of a change, ${FEW} subscribers, beside SnapshotCache`, ...ratio(SNAPSHOT, FEW, "cpuMs") },
  ];
}

/** The columns, by the names of their figures. */
const COLUMNS: Readonly<Record<string, string>> = {
  establishedMs: "all are served, ms",
  p50Ms: "change, p50, ms",
  p99Ms: "p99, ms",
  maxMs: "max, ms",
  allMs: "all have it, ms",
  cpuMs: "CPU/change, ms",
  cpuUs: "CPU/subscriber, us",
  rssBeforeMb: "RSS before, MB",
  rssMb: "RSS, MB",
};

function textOf(measured: readonly Measured[], goals: readonly Goal[], leftOut: readonly string[]): string {
  const rows = measured.map(({ name, subscribers, median: figures }) => [
    `${name}, ${subscribers} subscribers`,
    ...Object.keys(COLUMNS).map((column) => rounded(figures[column] ?? Number.NaN)),
  ]);
  return [
    table(["server", ...Object.values(COLUMNS)], rows),
    table(["goal", "measured", "met"], goalRows(goals)),
    ...leftOut.map((reason) => `Left out: ${reason}`),
  ].join("\n\n");
}
