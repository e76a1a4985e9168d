import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { SourceOpener } from "../../src/checks/sources.js";
import { systemClock } from "../../src/core/clock.js";
import { Health } from "../../src/daemon/health.js";
import { openExec } from "../../src/probers/exec.js";
import type { Expectation } from "../../src/probers/options.js";
import type { ProbeResult } from "../../src/probers/prober.js";
import { ProgramGroups } from "../../src/probers/program.js";
import { eventually } from "../support/eventually.js";
import { findProcesses } from "../support/processes.js";
import { contextOf } from "./probing.js";

const environment = { PATH: process.env.PATH, HOME: "/", SECRET: "hunter2" };
const groups = new ProgramGroups();
const open = (command: readonly string[], expect: Expectation = {}) =>
  openExec(command, { clock: systemClock, groups, environment }, expect);

/** Runs a program; aborted after `timeoutMs`. */
async function run(command: readonly string[], timeoutMs = 20_000, expect: Expectation = {}) {
  const { outcome, reason, detail } = await open(command, expect).probe(contextOf(timeoutMs));
  return { verdict: reason === undefined ? outcome : `${outcome} ${reason}`, detail: detail ?? "" };
}

const sh = (script: string) => ["/bin/sh", "-c", script];

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
  assert.equal(failed.detail, "exit code 3: out; stderr: err");
  assert.equal((await run(sh("kill -9 $$"))).verdict, "fail signal");
});

describe("an exit code that `expect.warn` names is a warning, any other but 0 fails", () => {
  const rows: readonly (readonly [expect: Expectation, script: string, verdict: string])[] = [
    [{ warn: 1 }, "exit 1", "warn exit"],
    [{ warn: [1] }, "exit 1", "warn exit"],
    [{ warn: [1] }, "exit 2", "fail exit"],
    [{ warn: [1] }, "exit 0", "pass"],
    [{ warn: [1, 3, 255] }, "exit 255", "warn exit"],
    [{ warn: [1, 3] }, "exit 3", "warn exit"],
    [{ warn: 9 }, "kill -9 $$", "fail signal"],
    [{ warn: 137 }, "sh -c 'kill -9 $$'; exit $?", "warn exit"],
    [{}, "exit 1", "fail exit"],
  ];
  for (const [expect, script, verdict] of rows)
    test(`${JSON.stringify(expect)}, ${script}: ${verdict}`, async () => {
      const result = await run(sh(`echo "the line"; ${script}`), 20_000, expect);
      assert.equal(result.verdict, verdict);
      if (verdict !== "pass") assert.match(result.detail, /: the line(?:; stderr: Killed)?$/);
    });
});

describe("an `expect.warn` that is not exit codes from 1 to 255 is refused, in the library too", () => {
  const codes: readonly unknown[] = [
    0,
    [0],
    [1, 0],
    256,
    -1,
    1.5,
    Number.NaN,
    "1",
    ["1"],
    [],
    null,
    {},
    [[1]],
    new Array(2),
  ];
  for (const warn of codes)
    test(JSON.stringify(warn), () => {
      // callers may have no types
      const expect = { warn } as Expectation;
      assert.throws(() => open(["/bin/true"], expect), { code: "INVALID_OPTION", message: /^expect\.warn must/ });
      const health = new Health();
      assert.throws(() => health.check("x", { exec: ["/bin/true"] }, { expect }), { code: "INVALID_OPTION" });
    });
});

test("a program takes no other expectation, and a target no `warn`", () => {
  const health = new Health();
  const exec = { exec: ["/bin/true"] };
  assert.throws(() => health.check("x", exec, { expect: { status: [200] } }), /expect\.status.*it takes warn and max/);
  assert.throws(() => health.check("x", exec, { expect: { warn: 1, body: "x" } }), /expect\.body/);
  for (const target of ["http://127.0.0.1:1/", "grpc://127.0.0.1:1"])
    assert.throws(
      () => health.check("x", target, { expect: { warn: 1 } }),
      /expect(?:\.warn)?: is not an (?:option|expectation)/,
    );
  assert.throws(() => health.check("x", () => true, { expect: { warn: 1 } }), /a function has no such option/);
  health.check("x", exec, { expect: { warn: [1, 2], maxLatency: "1s" }, interval: "1h", initialDelay: "1h" });
});

describe("the last line of the output that is not blank is the detail", () => {
  const rows: Readonly<Record<string, readonly [script: string, detail: string]>> = {
    "of several": ["printf 'one\\ntwo\\nthree\\n'", "three"],
    "without a line break": ["printf 'one\\ntwo'", "two"],
    "before blank ones": ["printf 'one\\n  \\n\\t\\n\\n'", "one"],
    "with CRLF": ["printf 'one\\r\\ntwo\\r\\n'", "two"],
    "of a progress bar": ["printf '10%%\\r50%%\\r100%%'", "100%"],
    "with performance data": ["echo 'DISK CRITICAL - 97%|/=97%;80;90'", "DISK CRITICAL - 97%|/=97%;80;90"],
    "of stderr, where stdout has none": ["echo why >&2", "why"],
    "of each, where both have one": ["echo out; echo err >&2", "out; stderr: err"],
    "with control characters": ["printf '\\033[31mred\\007\\000'", "\\u001b[31mred\\u0007\\u0000"],
    "with a mark of direction and a line separator": [
      "printf 'a\\342\\200\\256b\\342\\200\\250c'",
      "a\\u202eb\\u2028c",
    ],
    "that is not UTF-8": ["printf 'a\\377\\376b'", "a\ufffd\ufffdb"],
    "in UTF-8": ["printf 'gr\\303\\274n \\342\\234\\223'", "grün ✓"],
  };
  for (const [label, [script, detail]] of Object.entries(rows))
    test(label, async () => assert.equal((await run(sh(`${script}; exit 2`))).detail, `exit code 2: ${detail}`));

  test("no output", async () => assert.equal((await run(sh("exit 2"))).detail, "exit code 2, without output"));

  test("a signal", async () => {
    assert.equal((await run(sh("echo bye; kill -TERM $$"))).detail, "ended by SIGTERM: bye");
  });

  for (const [code, text] of [
    [126, "cannot be executed"],
    [127, "was not found"],
    [137, "was ended by SIGKILL"],
    [143, "was ended by SIGTERM"],
  ] as const)
    test(`exit code ${code} of a shell`, async () => {
      assert.match(
        (await run(sh(`exit ${code}`))).detail,
        new RegExp(`^exit code ${code} \\(of a shell: .*${text}\\)`),
      );
    });

  test("written just before the exit, by many programs at once", async () => {
    const runs = Array.from({ length: 40 }, (_, index) =>
      run(sh(`head -c 60000 /dev/zero; echo; echo last ${index}; exit 1`)),
    );
    for (const [index, { detail }] of (await Promise.all(runs)).entries())
      assert.equal(detail, `exit code 1: last ${index}`);
  });
});

test("a process that leaves the group and holds the output open does not hold the result", async () => {
  const mark = `healthbridge-setsid-${process.pid}`;
  const started = performance.now();
  const { detail } = await run([...sh(`setsid sh -c 'sleep 30; :' ${mark} & echo left; exit 1`)]);
  assert.ok(performance.now() - started < 10_000);
  assert.equal(detail, "exit code 1: left");
  for (const pid of findProcesses(mark)) process.kill(pid, "SIGKILL");
});

test("secrets of the environment and of the arguments are masked in the detail", async () => {
  const environment = {
    PATH: process.env.PATH,
    DB_PASSWORD: "env-hunter2",
    DATABASE_URL: "postgres://app:url%20100%@db/x",
    PLAIN: "harmless-value",
  };
  const opener = new SourceOpener({ clock: systemClock, random: Math.random, environment });
  const script = 'echo "$1 $2 $3 env-hunter2 url%20100% harmless-value"; exit 1';
  const command = [...sh(script), "x", "--token", "arg-secret-1", "--password=arg-secret-2", "http://u:arg-p%@h/"];
  const { prober } = opener.open({ kind: "exec", command }, {}, false);
  const result = await new Promise<ProbeResult>((resolve) =>
    prober.reserve?.(() => resolve(prober.probe(contextOf(20_000)))),
  );
  assert.equal(result.detail, "exit code 1: --token *** --password=*** *** *** harmless-value");
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
  await eventually(() => findProcesses(mark).length >= 3, "all of them run");
  assert.equal((await probing).verdict, "fail signal");
  await eventually(() => findProcesses(mark).length === 0, "none of them is left");
});

test("the exit of a program decides at once, even if its children keep its output open; they are killed [C34]", async () => {
  const mark = `healthbridge-c34-${process.pid}`;
  const verdict = await run(sh(`for i in 1 2 3 4 5 6 7 8 9 10; do sh -c 'sleep 1000; :' ${mark} & done; exit 0`));
  assert.equal(verdict.verdict, "pass");
  await eventually(() => findProcesses(mark).length === 0, "none of them is left");
});

test("of 100 MB of output the end is kept, and a program that closes its output and sleeps is ended [C34]", async () => {
  const before = process.memoryUsage().rss;
  const loud = await run(sh("head -c 100000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"));
  assert.equal(loud.detail, "exit code 1: the end");
  const oneLine = await run(sh("head -c 100000000 /dev/zero | tr '\\0' x; exit 1"));
  assert.match(oneLine.detail, /^exit code 1: \.\.\.x+$/);
  assert.ok(oneLine.detail.length <= 300);
  assert.ok(process.memoryUsage().rss - before < 100e6);
  assert.equal((await run(sh("exec >&- 2>&-; sleep 1000"), 200)).verdict, "fail signal");
});

test("many runs leave no zombie [C34]", async () => {
  const prober = open(["/bin/true"]);
  for (let times = 0; times < 100; times += 1) await prober.probe(contextOf(20_000));
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
      void prober.probe(contextOf(20_000, signal)).then(() => ended.push(index));
    });
  await eventually(() => findProcesses(mark).length === 8, "eight run");
  assert.deepEqual(started, [0, 1, 2, 3, 4, 5, 6, 7]);
  aborts[3]?.abort();
  await eventually(() => started.includes(8) && ended.includes(3), "the ninth starts when one has ended");
  for (const abort of aborts) abort.abort();
  await eventually(() => ended.length === 9 && findProcesses(mark).length === 0, "all of them end");
});
