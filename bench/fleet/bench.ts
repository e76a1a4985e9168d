/**
 * The bench `fleet`: what three members and their store use at rest, and how fast a member is replaced.
 *
 *     members a, b, c --a probe every 10 s, copies 2--> targets in this process, at an address that is not loopback
 *            '---- redis-server ----'
 *
 * `FLEET_CHECKS` is the number of checks (default 30,000). A target at a loopback address would be a check of each machine, so
 * an address is added to the loopback interface. Needs root.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debian } from "../../test/interop/install.js";
import { Running, run as runProgram, startRedis } from "../../test/interop/peers.js";
import { eventually, pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { BUILDS, mainOf } from "../measuring/builds.js";
import { cpuMs } from "../measuring/cpu.js";
import { type Figures, medians, rounded } from "../measuring/figures.js";
import { rssMb } from "../measuring/memory.js";
import { type Bench, type BenchDeps, type Goal, goalRows, type Report } from "../measuring/report.js";
import { table } from "../measuring/table.js";

/** The row of `BENCHES`. */
export const benchFleet: Bench = {
  about: "three members of a fleet with 30,000 checks: CPU, memory, writes, and the time of a takeover",
  run,
};

const CHECKS = Number(process.env.FLEET_CHECKS ?? 30_000);
const [INTERVAL_S, PORTS, REST_MS] = [10, 8, 10_000];
const START_MS = 180_000;
/** Of the range for benchmarks, RFC 2544. */
const ADDRESS = "198.18.0.1";
const MAX_CPU_RATIO = 1.1;

interface Daemon {
  readonly program: Running;
  readonly port: number;
}

async function run({ rounds, say }: BenchDeps): Promise<Report> {
  const [folder, port] = [mkdtempSync(join(tmpdir(), "healthbridge-bench-")), await freePort()];
  const ip = debian("ip", "iproute2");
  execFileSync(ip, ["addr", "replace", `${ADDRESS}/32`, "dev", "lo"]);
  const redis = await startRedis(port);
  const targets = await Promise.all(Array.from({ length: PORTS }, listening));
  const site: Site = { folder, redis, port, targets };
  const samples: Figures[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1) {
      say(`fleet, round ${round} of ${rounds}: a daemon without a fleet`);
      const single = await measured(site, [""]);
      say(`fleet, round ${round} of ${rounds}: a fleet of one`);
      const one = await measured(site, ["solo"]);
      say(`fleet, round ${round} of ${rounds}: three members`);
      const three = await measured(site, ["a", "b", "c"]);
      const ratio = { cpuRatio: (one.cpuMs ?? Number.NaN) / (single.cpuMs ?? Number.NaN) };
      samples.push({ ...prefixed("single", single), ...prefixed("one", one), ...prefixed("three", three), ...ratio });
    }
  } finally {
    for (const target of targets) target.close();
    await redis.stop();
    execFileSync(ip, ["addr", "del", `${ADDRESS}/32`, "dev", "lo"]);
    rmSync(folder, { recursive: true });
  }
  const figures = medians(samples);
  const ratio = figures.cpuRatio ?? Number.NaN;
  const goals: Goal[] = [
    {
      goal: "CPU of a fleet of one, beside no fleet: at most 10 % more",
      measured: `${rounded(ratio)} x`,
      met: ratio <= MAX_CPU_RATIO,
    },
  ];
  return { text: textOf(figures, goals), figures: { checks: CHECKS, goals, median: figures, samples } };
}

interface Site {
  readonly folder: string;
  readonly redis: Running;
  readonly port: number;
  readonly targets: readonly Server[];
}

/** Starts members, and measures them at rest. `""` is a daemon without a fleet. The first of several is killed then. */
async function measured(site: Site, names: readonly string[]): Promise<Figures> {
  const daemons = await Promise.all(names.map((name) => started(site, name)));
  try {
    await pause(REST_MS); // the members find each other, and all checks have their results
    const programs = daemons.map(({ program }) => program);
    const [cpu, storeCpu, writes, at] = [
      programs.map(cpuMs),
      cpuMs(site.redis),
      await writesOf(site),
      performance.now(),
    ];
    await pause(REST_MS);
    const seconds = (performance.now() - at) / 1_000;
    const used = programs.map((program, index) => (cpuMs(program) - (cpu[index] ?? 0)) / seconds);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const rest = {
      cpuMs: sum(used) / used.length,
      rssMb: sum(programs.map(rssMb)) / used.length,
      storeCpuMs: (cpuMs(site.redis) - storeCpu) / seconds,
      storeRssMb: rssMb(site.redis),
      writes: ((await writesOf(site)) - writes) / seconds,
    };
    return names.length < 2 ? rest : { ...rest, takeoverMs: await takeover(daemons) };
  } finally {
    for (const { program } of daemons) await program.stop();
    await runProgram(debian("redis-cli", "redis-tools"), ["-p", `${site.port}`, "flushall"]);
  }
}

/** Kills the first member. The time until the others probe all that it has probed. */
async function takeover([first, ...others]: readonly Daemon[]): Promise<number> {
  await first?.program.stop();
  const killedAt = performance.now();
  const owned = async () => {
    const texts = await Promise.all(
      others.map(async ({ port }) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
    );
    return texts.reduce(
      (sum, text) => sum + Number(/^healthbridge_fleet_checks\{[^}]*role="owner"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0),
      0,
    );
  };
  const isTakenOver = async () => (await owned()) >= CHECKS * Math.min(2, others.length);
  await eventually(() => pause(100).then(isTakenOver), "the others have taken over", START_MS);
  return performance.now() - killedAt;
}

async function writesOf({ port }: Site): Promise<number> {
  const { stdout } = await runProgram(debian("redis-cli", "redis-tools"), ["-p", `${port}`, "info", "commandstats"]);
  return Number(/cmdstat_xadd:calls=(\d+)/.exec(stdout)?.[1] ?? 0);
}

async function started({ folder, port: redis, targets }: Site, name: string): Promise<Daemon> {
  const port = await freePort();
  const [file, secretFile] = [join(folder, `${name}.yaml`), join(folder, "secret")];
  writeFileSync(secretFile, "a secret of the fleet");
  const fleet = `fleet: { name: bench, store: "redis://127.0.0.1:${redis}", member: ${name}, secretFile: ${secretFile} }`;
  const rows = Array.from({ length: CHECKS }, (_, index) => {
    const address = targets[index % PORTS]?.address();
    const target = typeof address === "object" && address !== null ? address.port : 0;
    return `  check-${index}: { target: "http://${ADDRESS}:${target}/", interval: ${INTERVAL_S}s }`;
  });
  writeFileSync(
    file,
    [`listen: ["127.0.0.1:${port}"]`, ...(name === "" ? [] : [fleet]), "checks:", ...rows].join("\n"),
  );
  const [build] = BUILDS;
  if (build === undefined) throw new Error("there is a build of this checkout");
  const program = new Running(process.execPath, [mainOf(build), "serve", "-c", file, "--log-level", "warn"]);
  const isStarted = async () => {
    if (program.ended) throw new Error(`it has ended: ${program.output.slice(-2_000)}`);
    const answer = await fetch(`http://127.0.0.1:${port}/startupz`).catch(() => undefined);
    return answer?.status === 200;
  };
  await eventually(() => pause(100).then(isStarted), `${name} has started`, START_MS);
  return { program, port };
}

/** A cheap server of HTTP: it keeps connections, and does not read requests. */
function listening(): Promise<Server> {
  const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK";
  const server = createServer((socket) => socket.on("error", () => {}).on("data", () => void socket.write(answer)));
  return new Promise((resolve) => server.listen({ port: 0, host: ADDRESS, backlog: 4_096 }, () => resolve(server)));
}

function prefixed(prefix: string, figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function textOf(figures: Figures, goals: readonly Goal[]): string {
  const columns = ["cpuMs", "rssMb", "storeCpuMs", "storeRssMb", "writes", "takeoverMs"];
  const heads = ["CPU of a member, ms/s", "RSS, MB", "CPU of the store, ms/s", "RSS, MB", "writes/s", "takeover, ms"];
  const titles = { single: "no fleet", one: "a fleet of one", three: "three members" };
  const rows = Object.entries(titles).map(([name, title]) => [
    `${title}, ${CHECKS.toLocaleString("en")} checks`,
    ...columns.map((column) => rounded(figures[`${name}.${column}`] ?? Number.NaN)),
  ]);
  return [table(["daemon", ...heads], rows), table(["goal", "measured", "met"], goalRows(goals))].join("\n\n");
}
