/** `serve` whose log is not read, or whose streams are closed: it serves on, and ends in time. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const GOOD = "drainDelay: 0s\nchecks: {}\n";
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => void server.once("listening", resolve));
  const { port } = Object(server.address());
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

/** A daemon whose standard output is a pipe that is not read. */
async function unread(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, GOOD);
  const port = await freePort();
  const daemon = spawn(process.execPath, [MAIN, "-c", file, "--listen", `127.0.0.1:${port}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  notOutlive(daemon, () => daemon.kill("SIGKILL"));
  daemon.stdout.pause();
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).then((answer) => answer.text());
  await eventually(
    () =>
      ask("/livez").then(
        () => true,
        () => false,
      ),
    "it serves",
  );
  const reload = async () => {
    daemon.kill("SIGHUP");
    await pause(500);
  };
  return { daemon, reload, ask };
}

function exitOf(daemon: {
  once(event: "exit", listener: (code: number | null) => void): unknown;
}): Promise<number | null> {
  return new Promise((resolve) => void daemon.once("exit", resolve));
}

test("a log that is not read does not delay the end", async (t) => {
  const { daemon, reload } = await unread(t);
  await reload();
  const exit = exitOf(daemon);
  daemon.kill("SIGTERM");
  assert.equal(await exit, 0);
});

for (const name of ["stdout", "stderr"] as const)
  test(`a closed ${name} does not end the service`, async (t) => {
    const { daemon, reload, ask } = await unread(t);
    daemon[name].destroy();
    await reload();
    if (name === "stdout") assert.match(await ask("/metrics"), /^healthbridge_log_lines_dropped_total [1-9]/m);
    assert.equal(await ask("/livez"), "OK");
    const exit = exitOf(daemon);
    daemon.kill("SIGTERM");
    assert.equal(await exit, 0);
  });
