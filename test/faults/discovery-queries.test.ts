/**
 * Thousands of blocking queries of clients that ask again at once, while instances flap: the memory is bounded, and an honest
 * query, an honest subscriber of another service and gRPC's Check are answered in time. With DISCOVERY_QUERIES=9990 it takes
 * the bound of blocked queries; the result is in the diagnostics.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { Agent, get as getHttp, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { HealthClient } from "../../src/client/health-client.js";
import { compileProgram } from "../support/compiled.js";
import { eventually, inTime, pause } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const IS_PROOF = process.env.DISCOVERY_QUERIES !== undefined;
const QUERIES = Number(process.env.DISCOVERY_QUERIES ?? 2_000);
/** The proof has a quiet machine. In CI other tests run at the same time, so the bound there only finds what stands still. */
const MAX_P99_MS = IS_PROOF ? 100 : 1_000;
/** The heap of a container of 512 MB. Without a limit, V8 leaves garbage for as long as the machine has memory. */
const HEAP_LIMIT_MB = 256;
/** What a blocked query may hold, with its connection. */
const MAX_HELD_KB = 12;
/** What all answers together may leave behind. */
const MAX_LEFT_MB = 5;
/** What the process may grow by: its young generation and its buffers, and each query with its connection. */
const MAX_GROWTH_MB = (IS_PROOF ? 80 : 120) + QUERIES * (IS_PROOF ? 0.03 : 0.04);
/** In the proof, a p99 is not the slowest of some dozens. */
const SECONDS = IS_PROOF ? 40 : 8;

/** Starts a program of this folder. */
function start(t: TestContext, file: string, ...args: readonly string[]) {
  const options = ["--expose-gc", `--max-old-space-size=${HEAP_LIMIT_MB}`];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const program = compileProgram(new URL(file, import.meta.url));
  t.after(program.remove);
  const child = spawn(process.execPath, [...options, program.file, ...args], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  notOutlive(child, () => child.kill("SIGKILL"));
  t.after(() => void child.kill("SIGKILL"));
  const waiting: ((line: string) => void)[] = [];
  const lines: string[] = [];
  const { stdin } = child;
  createInterface(child.stdout).on("line", (line) => {
    const next = waiting.shift();
    if (next === undefined) lines.push(line);
    else next(line);
  });
  const line = () => {
    const first = lines.shift();
    return first === undefined ? new Promise<string>((resolve) => void waiting.push(resolve)) : Promise.resolve(first);
  };
  const say = (text: string) => void stdin.write(`${text}\n`);
  const ask = (text: string) => {
    say(text);
    return inTime(line(), `${file}: ${text}`, 60_000);
  };
  return { line, say, ask };
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function request(port: number, path: string): Promise<{ readonly index: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage) => {
      let body = "";
      response.on("data", (part) => {
        body += String(part);
      });
      response.on("end", () => resolve({ index: Number(response.headers["x-consul-index"]), body }));
    };
    getHttp({ port, host: "127.0.0.1", path, agent }, onResponse).on("error", reject);
  });
}

const percentile = (values: readonly number[], part: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;

/** Repeats an action for some seconds. Returns the milliseconds of each time. */
async function measure(action: () => Promise<unknown>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const since = performance.now();
    await action();
    times.push(performance.now() - since);
    await pause(10);
  }
  return times;
}

test(`${QUERIES} blocking queries of clients that ask again at once, while instances flap`, async (t) => {
  t.after(() => agent.destroy());
  const site = start(t, "discovery-site.ts");
  const port = Number(await inTime(site.line(), "the port", 60_000));
  type Stats = { rssMb: number; heldMb: number; blocked: number; loopMs: number; busyMs: number; cpuMs: number };
  const stats = async (): Promise<Stats> => JSON.parse(await site.ask("stats"));
  const before = await stats();
  const crowd = start(t, "discovery-crowd.ts", String(port), String(QUERIES));
  assert.equal(await inTime(crowd.line(), "each client has an answer", 120_000), "ready");
  await eventually(async () => (await stats()).blocked === QUERIES, "all are blocked");
  const blocked = await stats();

  const client = new HealthClient(`127.0.0.1:${port}`);
  t.after(() => client.close());
  // what the machine itself makes of it, with its other work
  const idle = await measure(() => client.check("calm"), SECONDS / 4);
  site.say("flap");
  const answersBefore = Number(await crowd.ask("count"));
  // as a subscriber sees it: from the change to the answer, with the 20 ms for which the catalog gathers changes
  const flips: number[] = [];
  const flip = async () => {
    const { index } = await request(port, "/v1/health/service/calm");
    const asked = request(port, `/v1/health/service/calm?index=${index}`);
    await pause(50);
    const since = performance.now();
    site.say("flip");
    await asked;
    flips.push(performance.now() - since);
  };
  const [queries, checks] = await Promise.all([
    measure(() => request(port, "/v1/health/service/orders?passing"), SECONDS / 2),
    measure(() => client.check("calm"), SECONDS),
    pause((SECONDS / 2) * 1_000).then(() => measure(flip, SECONDS / 2)),
  ]);
  const answers = Number(await crowd.ask("count")) - answersBefore;
  const after = await stats();
  for (const [name, times] of Object.entries({ idle, queries, checks, flips }))
    t.diagnostic(
      `${name}: ${times.length}, p50 ${percentile(times, 0.5).toFixed(1)}, p99 ${percentile(times, 0.99).toFixed(1)}, max ${Math.max(...times).toFixed(1)} ms`,
    );
  const [busy, cpu] = [after.busyMs - blocked.busyMs, after.cpuMs - blocked.cpuMs];
  t.diagnostic(`${(answers / SECONDS).toFixed(0)} answers a second; loop delay p99 ${after.loopMs.toFixed(1)} ms`);
  t.diagnostic(`the loop was busy for ${busy.toFixed(0)} ms, with ${cpu.toFixed(0)} ms of CPU time`);
  t.diagnostic(
    `RSS ${before.rssMb.toFixed(0)}, blocked ${blocked.rssMb.toFixed(0)}, flapping ${after.rssMb.toFixed(0)} MB`,
  );
  t.diagnostic(
    `held ${before.heldMb.toFixed(1)}, blocked ${blocked.heldMb.toFixed(1)}, flapping ${after.heldMb.toFixed(1)} MB`,
  );
  assert.ok(answers > 1_000, "the clients were answered during the flaps");
  assert.ok(percentile(queries, 0.99) < MAX_P99_MS, "a query without an index");
  assert.ok(percentile(checks, 0.99) < MAX_P99_MS, "Check");
  assert.ok(percentile(flips, 0.99) < MAX_P99_MS, "a subscriber of another service");
  const heldKb = ((blocked.heldMb - before.heldMb) * 1e3) / QUERIES;
  assert.ok(heldKb < MAX_HELD_KB, `a blocked query holds ${heldKb} KB`);
  assert.ok(after.heldMb - blocked.heldMb < MAX_LEFT_MB, `${after.heldMb - blocked.heldMb} MB are left of the answers`);
  assert.ok(after.rssMb - before.rssMb < MAX_GROWTH_MB, `${after.rssMb - before.rssMb} MB`);
});
