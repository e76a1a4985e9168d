/**
 * The bench `fleet`: what three members and their store use at rest, how fast a fall of many targets is told by all, and how
 * fast a member is replaced.
 *
 *     members a, b, c --a probe every 10 s, one copy--> targets in this process
 *            '---- redis-server ----'
 *
 * `FLEET_CHECKS` is the number of checks (default 30,000). Needs root.
 */
import { callControl } from "../../src/client/control-client.js";
import { eventually, pause } from "../../test/support/eventually.js";
import { cpuMs } from "../measuring/cpu.js";
import { type Figures, medians, rounded } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";
import { measureFall } from "./fall.js";
import { CHECKS, type Daemon, FleetSite } from "./site.js";

/** The row of `BENCHES`. */
export const benchFleet: Bench = {
  about: "three members of a fleet with 30,000 checks: CPU, memory, writes, a fall of 10,000 targets, a takeover",
  run,
};

const REST_MS = 20_000;
const TAKEOVER_MS = 120_000;
const MAX_CPU_RATIO = 1.1;
const MAX_PROPAGATION_MS = 250;

async function run({ rounds, say }: BenchDeps): Promise<Report> {
  const site = await FleetSite.start();
  const samples: Figures[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const measure = (title: string, ...names: readonly string[]) => {
        say(`fleet, round ${round} of ${rounds}: ${title}`);
        return measured(site, names);
      };
      const single = await measure("a daemon without a fleet", "");
      const one = await measure("a fleet of one", "solo");
      const three = await measure("three members", "a", "b", "c");
      const ratio = { cpuRatio: (one.cpuMs ?? Number.NaN) / (single.cpuMs ?? Number.NaN) };
      samples.push({ ...prefixed("single", single), ...prefixed("one", one), ...prefixed("three", three), ...ratio });
    }
  } finally {
    await site.stop();
  }
  const figures = medians(samples);
  const of = (name: string) => figures[name] ?? Number.NaN;
  const [ratio, propagation] = [of("cpuRatio"), of("three.propagationP99Ms")];
  const goals: Goal[] = [
    {
      goal: "CPU of a fleet of one, beside no fleet: at most 10 % more",
      measured: `${rounded(ratio)} x`,
      met: ratio <= MAX_CPU_RATIO,
    },
    {
      goal: `a fall is told by all members within ${MAX_PROPAGATION_MS} ms of the first one, p99`,
      measured: `${rounded(propagation)} ms`,
      met: propagation <= MAX_PROPAGATION_MS,
    },
  ];
  return { text: textOf(figures, goals), figures: { checks: CHECKS, goals, median: figures, samples } };
}

/** Starts members, and measures them at rest. `""` is a daemon without a fleet. Of several, one is killed at the end. */
async function measured(site: FleetSite, names: readonly string[]): Promise<Figures> {
  const daemons = await Promise.all(names.map((name) => site.daemon(name)));
  try {
    await pause(REST_MS); // the members find each other, and each has probed what it owns
    const rest = await atRest(site, daemons);
    if (names.length < 2) return rest;
    return { ...rest, ...(await measureFall(site, daemons)), takeoverMs: await takeover(daemons) };
  } finally {
    for (const { program } of daemons) await program.stop();
    await site.reset();
  }
}

async function atRest(site: FleetSite, daemons: readonly Daemon[]): Promise<Figures> {
  const programs = daemons.map(({ program }) => program);
  const [cpu, storeCpu, writes, at] = [programs.map(cpuMs), cpuMs(site.redis), await site.writes(), performance.now()];
  await pause(REST_MS);
  const seconds = (performance.now() - at) / 1_000;
  const used = programs.map((program, index) => (cpuMs(program) - (cpu[index] ?? 0)) / seconds);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    cpuMs: sum(used) / used.length,
    rssMb: sum(programs.map(rssMb)) / used.length,
    storeCpuMs: (cpuMs(site.redis) - storeCpu) / seconds,
    storeRssMb: rssMb(site.redis),
    writes: ((await site.writes()) - writes) / seconds,
  };
}

/** Kills the first member. The time until the others probe all that it has probed. */
async function takeover([first, ...others]: readonly Daemon[]): Promise<number> {
  await first?.program.stop();
  const killedAt = performance.now();
  // by the control socket: a scrape of so many checks is work that the takeover would have to wait for
  const owned = async () => {
    const shares = await Promise.all(others.map(({ control }) => shareOf(control)));
    return shares.reduce((sum, share) => sum + share, 0);
  };
  const isTakenOver = async () => (await owned()) >= CHECKS;
  await eventually(() => pause(100).then(isTakenOver), "the others have taken over", TAKEOVER_MS);
  return performance.now() - killedAt;
}

/** The number of checks that a member probes. */
async function shareOf(path: string): Promise<number> {
  const [answer] = await callControl("ListMembers", {}, { path, timeoutMs: TAKEOVER_MS });
  return answer?.members.find(({ self }) => self)?.checks ?? 0;
}

function prefixed(prefix: string, figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function textOf(figures: Figures, goals: readonly Goal[]): string {
  const columns = ["cpuMs", "rssMb", "storeCpuMs", "storeRssMb", "writes"];
  const heads = ["CPU of a member, ms/s", "RSS, MB", "CPU of the store, ms/s", "RSS, MB", "writes/s"];
  const titles = { single: "no fleet", one: "a fleet of one", three: "three members" };
  const rows = Object.entries(titles).map(([name, title]) => [
    `${title}, ${CHECKS.toLocaleString("en")} checks`,
    ...columns.map((column) => rounded(figures[`${name}.${column}`] ?? Number.NaN)),
  ]);
  const ofThree = (name: string) => rounded(figures[`three.${name}`] ?? Number.NaN);
  const events = [
    ["a third of the targets fails: all members tell all of it after, ms", ofThree("fallMs")],
    [
      "from the first member that tells it to the last one, p50 and p99, ms",
      `${ofThree("propagationP50Ms")}, ${ofThree("propagationP99Ms")}`,
    ],
    ["writes/s meanwhile", ofThree("fallWrites")],
    ["a member is killed: the others probe all of its checks after, ms", ofThree("takeoverMs")],
  ];
  return [
    table(["daemon", ...heads], rows),
    table(["event", "three members"], events),
    table(["goal", "measured", "met"], goalRows(goals)),
  ].join("\n\n");
}
