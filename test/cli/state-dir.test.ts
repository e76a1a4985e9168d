/** Heartbeats that survive a restart of the daemon: `stateDir`. Needs the build. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { run } from "./program.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-state-"));
after(() => rmSync(directory, { recursive: true }));
const config = join(directory, "healthbridge.yaml");
const stateDir = join(directory, "state");
const NAMES = ["a", "b", "c"] as const;
const write = (ttl: string) =>
  writeFileSync(
    config,
    `listen: ["127.0.0.1:0"]
stateDir: ${stateDir}
checks:
${NAMES.map((name) => `  ${name}: { heartbeat: { ttl: ${ttl}, token: t } }`).join("\n")}
`,
  );
write("26h");

const daemons: DaemonProcess[] = [];
const serve = async () => {
  const daemon = await DaemonProcess.serve("-c", config, "--drain-delay", "0s");
  daemons.push(daemon);
  return daemon;
};
after(() => Promise.all(daemons.map((daemon) => daemon.kill())));
const report = async ({ port }: DaemonProcess, check: string, status: string) => {
  const url = `http://127.0.0.1:${port}/heartbeat/${check}?status=${status}`;
  const answer = await fetch(url, { method: "POST", headers: { authorization: "Bearer t" } });
  await answer.text();
  return answer.status;
};
const statusOf = async ({ port }: DaemonProcess, check: string) =>
  (await fetch(`http://127.0.0.1:${port}/healthcheck/${check}`)).text();
const statuses = (daemon: DaemonProcess) => Promise.all(NAMES.map((name) => statusOf(daemon, name)));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a heartbeat takes up its last report after a stop, and after ttl it has missed it", async () => {
  const first = await serve();
  assert.deepEqual(await statuses(first), ["UNKNOWN", "UNKNOWN", "UNKNOWN"]);
  assert.deepEqual([await report(first, "a", "pass"), await report(first, "b", "fail")], [200, 200]);
  first.process.kill("SIGTERM");
  assert.equal((await first.ended()).code, 0);
  const second = await serve();
  assert.deepEqual(await statuses(second), ["OK", "NOT_SERVING", "UNKNOWN"]);
  await second.kill();
  write("10ms");
  const third = await serve();
  assert.deepEqual((await statuses(third)).slice(0, 2), ["NOT_SERVING", "NOT_SERVING"]);
  await third.kill();
  write("26h");
});

test("a second daemon on the same folder is refused with exit code 2, and the first one goes on", async () => {
  const first = await serve();
  const { code, stderr } = await run("serve", "--listen", "127.0.0.1:0", "--state-dir", stateDir);
  assert.deepEqual(
    [code, stderr],
    [2, `healthbridge: --state-dir ${stateDir}: another healthbridge uses this folder; give each its own\n`],
  );
  assert.equal(await report(first, "a", "pass"), 200);
  await first.kill();
});

test("killed at random moments, it has every report that is older than a second, and starts each time", async () => {
  let expected = new Map<string, { readonly status: string; readonly at: number }>();
  for (let round = 0; round < 8; round += 1) {
    const daemon = await serve();
    for (const [name, { status, at }] of expected) {
      if (at > 1_500) assert.equal(await statusOf(daemon, name), status, `round ${round}`);
    }
    const sent = new Map<string, { readonly status: string; readonly sentAt: number }>();
    const end = performance.now() + 200 + round * 400;
    let count = 0;
    while (performance.now() < end) {
      count += 1;
      const name = NAMES[count % 3] ?? "a";
      const status = Math.random() < 0.5 ? "pass" : "fail";
      if (count > 60 && name === "a") continue; // one that has been quiet for a while
      assert.equal(await report(daemon, name, status), 200);
      sent.set(name, { status: status === "pass" ? "OK" : "NOT_SERVING", sentAt: performance.now() });
      await pause(3);
    }
    const killedAt = performance.now();
    await daemon.kill();
    expected = new Map([...sent].map(([name, { status, sentAt }]) => [name, { status, at: killedAt - sentAt }]));
    if (round % 3 === 1) appendFileSync(join(stateDir, "journal"), '64 8d3c1f02 {"type":"heartbeat","key":"a"');
  }
});

test("a damaged journal is told, what can be read counts, and the daemon serves", async () => {
  const first = await serve();
  for (const name of NAMES) await report(first, name, "pass");
  first.process.kill("SIGTERM");
  await first.ended();
  const file = join(stateDir, "journal");
  const lines = readFileSync(file, "utf8").split("\n");
  writeFileSync(file, lines.map((line) => (line.includes('"b"') ? line.replace("report", "rep0rt") : line)).join("\n"));
  const second = await serve();
  assert.deepEqual(await statuses(second), ["OK", "UNKNOWN", "OK"]);
  const told = second.log.filter(({ event }) => event === "journal-damaged");
  const damagedLines = lines.filter((line) => line.includes('"b"')).length;
  assert.deepEqual([told.length, told[0]?.level, told[0]?.damagedLines], [1, "warn", damagedLines]);
  await second.kill();
});

test("an error of the folder names the flag that gave it", async () => {
  const file = join(directory, "no-folder");
  writeFileSync(file, "");
  const args = ["serve", "--listen", "127.0.0.1:0", "--state-dir", file];
  for (const more of [[], ["-c", config]]) {
    const { code, stderr } = await run(...args, ...more);
    assert.deepEqual([code, stderr], [2, `healthbridge: --state-dir ${file}: not a folder\n`]);
  }
});
