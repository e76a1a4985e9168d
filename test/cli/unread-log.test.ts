/** `serve` whose log is not read, or whose streams are closed: it serves on, and ends in time. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, inTime } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const GOOD = "drainDelay: 0s\nchecks: {}\n";

/** At SIGUSR2 the daemon writes more than its standard output takes, and says so: two signals can change places. */
const FLOOD = `process.on("SIGUSR2", () => {
  process.stdout.write("x".repeat(1e6) + "\\n");
  process.stderr.write("full");
})`;

/** The body of an answer over a unix socket; undefined while the socket is not there. */
function ask(socketPath: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    get({ socketPath, path, agent: false, timeout: 5_000 }, (answer) => {
      let text = "";
      answer.on("data", (bytes) => {
        text += bytes;
      });
      answer.on("end", () => resolve(text));
    })
      .on("timeout", () => resolve("no answer within 5 s"))
      .on("error", () => resolve(undefined));
  });
}

/** A daemon whose standard output is a pipe that is full and is not read. */
async function unread(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, GOOD);
  const path = join(folder, "health.sock");
  const args = [
    "--import",
    `data:text/javascript,${encodeURIComponent(FLOOD)}`,
    MAIN,
    "-c",
    file,
    "--listen",
    `unix:${path}`,
  ];
  const daemon = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  notOutlive(daemon, () => daemon.kill("SIGKILL"));
  daemon.stdout.pause();
  await eventually(async () => (await ask(path, "/livez")) === "OK", "it serves");
  let text = "";
  daemon.stderr.on("data", (bytes) => {
    text += bytes;
  });
  daemon.kill("SIGUSR2");
  await eventually(() => text.includes("full"), "its output is full");
  return { daemon, ask: (target: string) => ask(path, target) };
}

function exitOf(daemon: ChildProcess): Promise<number | null> {
  return inTime(new Promise((resolve) => void daemon.once("exit", resolve)), "the daemon ends");
}

/** Asserts that a daemon answers, and ends in order at SIGTERM. */
async function endsWell(daemon: ChildProcess, ask: (path: string) => Promise<string | undefined>): Promise<void> {
  assert.equal(await ask("/livez"), "OK");
  const exit = exitOf(daemon);
  daemon.kill("SIGTERM");
  assert.equal(await exit, 0);
}

test("a log that is not read does not delay the end", async (t) => {
  const { daemon } = await unread(t);
  const exit = exitOf(daemon);
  daemon.kill("SIGTERM");
  assert.equal(await exit, 0);
});

test("a closed stdout does not end the service; its lines are dropped and counted", async (t) => {
  const { daemon, ask } = await unread(t);
  daemon.stdout.destroy();
  daemon.kill("SIGHUP"); // a reload is logged
  const dropped = /^healthbridge_log_lines_dropped_total [1-9]/m;
  await eventually(async () => dropped.test((await ask("/metrics")) ?? ""), "a dropped line is counted");
  await endsWell(daemon, ask);
});

test("a closed stderr does not end the service", async (t) => {
  const { daemon, ask } = await unread(t);
  daemon.stderr.destroy();
  daemon.kill("SIGHUP");
  await endsWell(daemon, ask);
});
