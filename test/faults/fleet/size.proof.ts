/**
 * A fleet with very many checks on a real Redis: all fail within a moment, and a member comes late [F22, F23].
 *
 *     late: real checks ------.
 *                              +-- redis-server         FLEET_SIZE=100000 is the size of the contract; CI takes 20,000
 *     a, b: votes alone ------'
 *
 * Time in which a member waits for a processor does not count, neither in a turn of its event loop nor until it is ready:
 * that is the time of other processes.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { debian } from "../../interop/install.js";
import { type Running, run, startRedis } from "../../interop/peers.js";
import { compileProgram } from "../../support/compiled.js";
import { eventually, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { notOutlive } from "../../support/not-outlive.js";

const COUNT = Number(process.env.FLEET_SIZE ?? 20_000);
const FALL_MS = 10_000;
const MAX_WRITES = 200;
const MAX_TURN_MS = 100;
const READY_MS = 3_000;
/** A machine with neighbours takes longer: what was measured is in the diagnostics. */
const TOLERANCE = 3;
const PATIENCE_MS = 240_000;

interface Answer {
  readonly longestMs?: number;
  readonly waitedMs?: number;
  readonly fallen?: boolean;
  readonly started?: boolean;
  readonly members?: readonly Readonly<Record<string, number | boolean>>[];
}

class MemberProcess {
  readonly #process;
  readonly #answers: Answer[] = [];

  constructor(program: string, kind: "checks" | "votes", names: string, port: number) {
    this.#process = spawn(process.execPath, [program, kind, names, `${port}`, `${COUNT}`], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    notOutlive(this.#process, () => this.#process.kill("SIGKILL"));
    createInterface({ input: this.#process.stdout }).on("line", (line) => void this.#answers.push(JSON.parse(line)));
  }

  send(command: string): void {
    this.#process.stdin.write(`${command}\n`);
  }

  async next(what: string): Promise<Answer> {
    await eventually(() => this.#answers.length > 0, what, PATIENCE_MS);
    return this.#answers.shift() ?? {};
  }

  async ask(command: string): Promise<Answer> {
    this.send(command);
    return this.next(command);
  }

  /** Waits until each of its members has all checks in a state. */
  async all(state: string): Promise<void> {
    const isAll = async () => (await this.ask("state")).members?.every((member) => member[state] === COUNT) === true;
    await eventually(() => pause(1_000).then(isAll), `all checks are ${state}`, PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

describe(`a fleet with ${COUNT} checks`, () => {
  const program = compileProgram(new URL("size-member.ts", import.meta.url));
  let port = 0;
  let redis: Running;
  const processes: MemberProcess[] = [];
  let peers: MemberProcess;
  let late: MemberProcess;

  /** Writes to the log so far. */
  async function writes(): Promise<number> {
    const { stdout } = await run(debian("redis-cli", "redis-tools"), ["-p", `${port}`, "info", "commandstats"]);
    return Number(/cmdstat_xadd:calls=(\d+)/.exec(stdout)?.[1] ?? 0);
  }

  before(async () => {
    port = await freePort();
    redis = await startRedis(port);
    peers = new MemberProcess(program.file, "votes", "a,b", port);
    late = new MemberProcess(program.file, "checks", "late", port);
    processes.push(peers, late);
    await peers.next("the members a and b");
    await late.next("the late member");
    peers.send("start");
    await peers.all("passing");
    let written = -1;
    const isQuiet = async () => {
      const before = written;
      written = await writes();
      return written === before;
    };
    await eventually(() => pause(2_000).then(isQuiet), "all votes of a and b are in the store", PATIENCE_MS);
  });

  after(async () => {
    await Promise.all(processes.map((each) => each.stop()));
    await redis.stop();
    program.remove();
  });

  test("a late joiner knows all statuses soon, startup waits for that, and its event loop is never blocked [F23]", async (t) => {
    const [before] = (await late.ask("state")).members ?? [];
    assert.deepEqual([before?.pending, (await late.ask("started")).started], [COUNT, false]);
    const planned = await late.ask("turns");
    late.send("start");
    const startedAt = performance.now();
    // each question costs the member a turn, a line and two calls of the system
    const isStarted = async () => (await late.ask("started")).started === true;
    await eventually(() => pause(50).then(isStarted), "startup is open", PATIENCE_MS);
    const passedMs = performance.now() - startedAt;
    const { longestMs = Number.NaN, waitedMs = Number.NaN } = await late.ask("turns");
    const readyMs = passedMs - (waitedMs - (planned.waitedMs ?? Number.NaN));
    const [now] = (await late.ask("state")).members ?? [];
    assert.equal(now?.passing, COUNT, "startup has waited for all checks");
    t.diagnostic(
      `ready after ${readyMs.toFixed(0)} ms (with waits for a processor: ${passedMs.toFixed(0)} ms); ` +
        `longest turn ${longestMs.toFixed(1)} ms (planning: ${planned.longestMs?.toFixed(0)} ms)`,
    );
    assert.ok(readyMs <= READY_MS * TOLERANCE, `ready after ${readyMs} ms`);
    assert.ok(longestMs <= MAX_TURN_MS * TOLERANCE, `the longest turn was ${longestMs} ms`);
  });

  test("all checks fall within ten seconds: few writes, no blocked event loop, one table [F22]", async (t) => {
    await pause(8_000); // the late member gets its share
    t.diagnostic(`longest turn of the take-over: ${(await late.ask("turns")).longestMs?.toFixed(1)} ms`);
    const [writesBefore, startedAt] = [await writes(), performance.now()];
    for (const each of processes) each.send(`fall ${FALL_MS}`);
    for (const each of processes) assert.deepEqual(await each.next("all have fallen"), { fallen: true });
    for (const each of processes) await each.all("failing");
    const seconds = (performance.now() - startedAt) / 1_000;
    const rate = ((await writes()) - writesBefore) / seconds;
    const { longestMs = Number.NaN } = await late.ask("turns");
    t.diagnostic(
      `${rate.toFixed(0)} writes a second in ${seconds.toFixed(1)} s; longest turn ${longestMs.toFixed(1)} ms`,
    );
    assert.ok(rate <= MAX_WRITES, `${rate} writes a second`);
    assert.ok(longestMs <= MAX_TURN_MS * TOLERANCE, `the longest turn was ${longestMs} ms`);
  });
});
