/**
 * The bench `abuse`: what an honest client notices, and what the server keeps, while other clients or targets abuse it.
 *
 * 50 honest connections send 200 Checks a second for three seconds. One round, whatever `--rounds` says.
 */
import { pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { OURS } from "../measuring/builds.js";
import { pinBench, runMeasured } from "../measuring/cores.js";
import { rounded } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { serving } from "../measuring/serving.js";
import { table } from "../measuring/table.js";
import { Client } from "../serving/client.js";
import type { Server } from "../serving/server.js";
import { reasonOf } from "../serving/turns.js";
import type { Attack } from "./attacks.js";
import { CONTENDERS, type Contender, ours } from "./contenders.js";
import { KINDS, QUIET } from "./kinds.js";
import { floodingTargets } from "./targets.js";

const PER_SECOND = 200;
const HONEST_MS = 3_000;
const HEAD_START_MS = 300;

/** The server has started, and its memory is that of an idle one. */
const SETTLE_MS = 500;
const RSS_EVERY_MS = 50;
const MAX_P99_MS = 20;

/** What an honest client saw, and the memory meanwhile. */
interface Row {
  readonly server: string;
  readonly kind: string;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly idleMb: number;
  readonly peakMb: number;
  readonly fault?: string;
}

/** The row of `BENCHES`. */
export const benchAbuse: Bench = {
  about: "an honest client's p99 and the memory under bursts, unread answers and flooding targets (about six minutes)",
  run,
};

async function run({ say, only }: BenchDeps): Promise<Report> {
  const client = await Client.build();
  const rows: Row[] = [];
  const leftOut: string[] = [];
  const names = Object.keys(CONTENDERS).filter((name) => only.length === 0 || only.includes(name.split(",")[0] ?? ""));
  const contenders: Contender[] = [];
  for (const name of names) {
    say(`preparing ${name}`);
    const ready = await CONTENDERS[name]?.().catch((error) => void leftOut.push(`${name}: ${reasonOf(error)}`));
    if (ready !== undefined) contenders.push(ready);
  }
  pinBench();
  for (const contender of contenders) {
    for (const { name, attackOn } of KINDS) {
      const attack = attackOn(contender);
      if (attack === undefined) continue;
      say(`${contender.name}: ${name}`);
      rows.push(await measure(contender, name, attack, client));
    }
    contender.discard();
  }
  if (only.length === 0 || only.includes(OURS)) rows.push(...(await measureTargets(client, say)));
  return reportOf(rows, leftOut);
}

/** The prober of one scheme at a time, on a target that floods it. */
async function measureTargets(client: Client, say: BenchDeps["say"]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const targets = await floodingTargets();
  for (const { scheme, url } of targets) {
    say(`${OURS}: flooding target of ${scheme}`);
    const settings = "interval: 2100ms, timeout: 2s, unhealthyInterval: 2100ms, edgeInterval: 2100ms";
    const text = `checks: { flooded: { target: "${url}", ${settings} } }\nservices: {}\n`;
    const contender = ours(OURS, text);
    rows.push(await measure(contender, `flooding ${scheme}`, async () => {}, client));
    contender.discard();
  }
  for (const target of targets) target.stop();
  return rows;
}

async function measure(contender: Contender, kind: string, attack: Attack, client: Client): Promise<Row> {
  const { name, start } = contender;
  const nothing = { server: name, kind, p99Ms: Number.NaN, maxMs: Number.NaN, idleMb: Number.NaN, peakMb: Number.NaN };
  const port = await freePort();
  const [file, ...args] = start(port);
  const program = runMeasured(file, args);
  try {
    await serving(program, port);
    await pause(SETTLE_MS);
    return { ...nothing, ...(await underAttack({ program, port }, attack, client)) };
  } catch (error) {
    return { ...nothing, fault: reasonOf(error) };
  } finally {
    await program.stop();
  }
}

async function underAttack(server: Server, attack: Attack, client: Client) {
  const idleMb = rssMb(server.program);
  let peakMb = idleMb;
  const sampling = setInterval(() => {
    if (!server.program.ended) peakMb = Math.max(peakMb, rssMb(server.program));
  }, RSS_EVERY_MS);
  const stop = new AbortController();
  const attacking = attack(server.port, stop.signal);
  try {
    await pause(HEAD_START_MS);
    const { p99Us, maxUs } = await client.pace(server, PER_SECOND, HONEST_MS);
    return { p99Ms: p99Us / 1_000, maxMs: maxUs / 1_000, idleMb, peakMb };
  } finally {
    stop.abort();
    clearInterval(sampling);
    await attacking;
  }
}

function reportOf(rows: readonly Row[], leftOut: readonly string[]): Report {
  const head = ["Server", "Abuse", "p99", "longest", "RSS before", "RSS peak", "Not measured"];
  const cells = rows.map(({ server, kind, p99Ms, maxMs, idleMb, peakMb, fault = "" }) => {
    const figures = [`${rounded(p99Ms)} ms`, `${rounded(maxMs)} ms`, `${rounded(idleMb)} MB`, `${rounded(peakMb)} MB`];
    return [server, kind, ...figures, fault.slice(0, 80)];
  });
  const mine = rows.filter(({ server }) => server.startsWith(OURS));
  const worst = mine.reduce((most, { p99Ms }) => (p99Ms > most || Number.isNaN(p99Ms) ? p99Ms : most), 0);
  const quiet = Math.max(...mine.filter(({ kind }) => kind === QUIET).map(({ p99Ms }) => p99Ms));
  const goal: Goal = {
    goal: `an honest client's p99 under any abuse: at most ${MAX_P99_MS} ms`,
    measured: `${rounded(worst)} ms; without abuse ${rounded(quiet)} ms`,
    met: worst <= MAX_P99_MS,
  };
  const left = leftOut.map((line) => `- ${line}\n`).join("");
  const goals = table(["Goal", "Measured", "Reached"], goalRows([goal]));
  const text = `\n## Abuse\n\n${table(head, cells)}\n\n${left}\n## Goals\n\n${goals}`;
  return { text, figures: { rows, leftOut, goals: [goal] } };
}
