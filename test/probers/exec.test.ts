import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SourceOpener } from "../../src/checks/sources.js";
import { systemClock } from "../../src/core/clock.js";
import { openExec, ProgramGroups } from "../../src/probers/exec.js";
import { eventually } from "../support/eventually.js";

const environment = { PATH: process.env.PATH, HOME: "/", SECRET: "hunter2" };
const open = (...command: string[]) =>
  openExec(command, { clock: systemClock, groups: new ProgramGroups(), environment });

/** Runs a program; aborted after `timeoutMs`. */
async function run(command: readonly string[], timeoutMs = 20_000) {
  const { outcome, reason, detail } = await open(...command).probe({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
  });
  return { verdict: reason === undefined ? outcome : `${outcome} ${reason}`, detail: detail ?? "" };
}

const sh = (script: string) => ["/bin/sh", "-c", script];

/** Processes, zombies left out, whose command line holds a mark. */
function find(mark: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
    } catch {
      return false; // it has gone meanwhile
    }
  });
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-exec-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("exit code 0 passes, 1 fails, a signal fails as signal; the detail has the program's output [A134]", async () => {
  assert.equal((await run(["/bin/true"])).verdict, "pass");
  assert.equal((await run(["true"])).verdict, "pass", "found on the PATH");
  const failed = await run(sh("echo out; echo err >&2; exit 3"));
  assert.equal(failed.verdict, "fail exit");
  assert.match(failed.detail, /exit code 3; output ".*out/);
  assert.equal((await run(sh("kill -9 $$"))).verdict, "fail signal");
});

test("a missing program fails as ENOENT, a forbidden one as EACCES [A134]", async (t) => {
  const folder = folderOf(t);
  assert.equal((await run(["/nowhere/at/all"])).verdict, "fail ENOENT");
  assert.equal((await run(["no-such-program-anywhere"])).verdict, "fail ENOENT");
  const file = join(folder, "file");
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o600);
  assert.equal((await run([file])).verdict, "fail EACCES");
});

test("what the system refuses to start is a failure of the program, and no prober error [A134]", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "no-program");
  writeFileSync(file, "");
  assert.equal((await run([`${file}/below-a-file`])).verdict, "fail ENOENT");
  assert.equal((await run([`/${"x".repeat(5_000)}`])).verdict, "fail ENOENT");
});

test("arguments are passed unchanged: there is no shell [B93]", async (t) => {
  const file = join(folderOf(t), "made");
  assert.equal((await run(["/bin/echo", `; touch ${file}`, "$(id)", "`id`"])).verdict, "pass");
  assert.throws(() => readFileSync(file));
});

test("a program gets a few environment variables, and no secret", async () => {
  assert.equal((await run(sh('test -n "$PATH" && test -z "$SECRET"'))).verdict, "pass");
});

test("a program that forks, ignores SIGTERM and hangs is killed with all its children [A135]", async () => {
  const mark = `healthbridge-a135-${process.pid}`;
  const script = `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 1; done' ${mark} & sh -c 'while :; do sleep 1; done' ${mark}`;
  const probing = run([...sh(script), mark], 300);
  await eventually(() => find(mark).length >= 3, "all of them run");
  assert.equal((await probing).verdict, "fail signal");
  await eventually(() => find(mark).length === 0, "none of them is left");
});

test("a program that ends is judged at once, even if its children keep its output open; they are killed [C34]", async () => {
  const mark = `healthbridge-c34-${process.pid}`;
  const verdict = await run(sh(`for i in 1 2 3 4 5 6 7 8 9 10; do sh -c 'sleep 1000; :' ${mark} & done; exit 0`));
  assert.equal(verdict.verdict, "pass");
  await eventually(() => find(mark).length === 0, "none of them is left");
});

test("4 KiB of 100 MB of output are kept, and a program that closes its output and sleeps is ended [C34]", async () => {
  const loud = await run(sh("head -c 100000000 /dev/zero | tr '\\0' x; exit 1"));
  assert.equal(loud.verdict, "fail exit");
  assert.ok(loud.detail.length <= 4_200);
  assert.equal((await run(sh("exec >&- 2>&-; sleep 1000"), 200)).verdict, "fail signal");
});

test("many runs leave no zombie [C34]", async () => {
  const prober = open("/bin/true");
  for (let times = 0; times < 100; times += 1)
    await prober.probe({ signal: AbortSignal.timeout(20_000), timeoutMs: 20_000 });
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
  const zombies = children.filter((pid) => {
    try {
      return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      return false;
    }
  });
  assert.deepEqual(zombies, []);
});

test("at most eight programs run at the same time; the ninth waits, and its deadline does not run meanwhile", async (t) => {
  const mark = `healthbridge-eight-${process.pid}`;
  const opener = new SourceOpener({ clock: systemClock, random: Math.random, environment });
  const probers = Array.from({ length: 9 }, () =>
    opener.open({ kind: "exec", command: [...sh("sleep 1000; :"), mark] }, {}, false),
  );
  const aborts = probers.map(() => new AbortController());
  t.after(() => {
    for (const abort of aborts) abort.abort();
  });
  const started: number[] = [];
  const ended: number[] = [];
  for (const [index, { prober }] of probers.entries())
    prober.reserve?.(() => {
      started.push(index);
      const signal = aborts[index]?.signal ?? AbortSignal.abort();
      void prober.probe({ signal, timeoutMs: 20_000 }).then(() => ended.push(index));
    });
  await eventually(() => find(mark).length === 8, "eight run");
  assert.deepEqual(started, [0, 1, 2, 3, 4, 5, 6, 7]);
  aborts[3]?.abort();
  await eventually(() => started.includes(8) && ended.includes(3), "the ninth starts when one has ended");
  for (const abort of aborts) abort.abort();
  await eventually(() => ended.length === 9 && find(mark).length === 0, "all of them end");
});
