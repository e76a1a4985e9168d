/** A state folder on a disk of half a megabyte that fills up. Needs root, `unshare` and `nsenter` (util-linux), and the build. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";

const DISK_KB = 512;

const CONFIG = `listen: ["127.0.0.1:0"]
stateDir: DIR/disk/state
checks:
  a: { heartbeat: { ttl: 1h, token: t } }
`;

/** A process in a mount namespace of its own, with a small disk at `disk`. */
async function holdDisk(t: TestContext, disk: string): Promise<ChildProcess> {
  const script = `mount -t tmpfs -o size=${DISK_KB}k none "$0" && echo mounted && exec sleep 600`;
  const holder = spawn("unshare", ["-m", "sh", "-c", script, disk], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  return holder;
}

/** Fills the disk to its last byte. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4_096));
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  }
}

async function report(port: number, status: "pass" | "fail"): Promise<void> {
  const url = `http://127.0.0.1:${port}/heartbeat/a?status=${status}`;
  const answer = await fetch(url, { method: "POST", headers: { authorization: "Bearer t" } });
  assert.equal(answer.status, 200);
}

interface Past {
  readonly seconds: Readonly<Record<string, number>>;
  readonly transitions: readonly { readonly id: string }[];
}

async function pastOf(port: number): Promise<Past> {
  // documented in docs/history.md
  return (await (await fetch(`http://127.0.0.1:${port}/history/a`)).json()) as Past;
}

test("a full disk stops the history on disk and not the service, and all of it is written when there is room", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-disk-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [disk, config] = [join(folder, "disk"), join(folder, "healthbridge.yaml")];
  mkdirSync(disk);
  writeFileSync(config, CONFIG.replaceAll("DIR", folder));
  const holder = await holdDisk(t, disk);
  const serve = async () => {
    const daemon = new DaemonProcess(["serve", "-c", config], [], ["nsenter", "-t", `${holder.pid}`, "-m"]);
    t.after(() => daemon.kill());
    await eventually(() => daemon.addresses.length > 0, "the daemon serves");
    return daemon;
  };
  const first = await serve();
  const { port } = first;
  const events = (name: string) => first.log.filter(({ event }) => event === name);
  await report(port, "pass");
  await pause(1_500);
  const filler = `/proc/${holder.pid}/root${disk}/filler`;
  fill(filler);
  for (let index = 0; events("journal-failed").every(({ file }) => !String(file).includes("history")); index += 1) {
    assert.ok(index < 3_000, "the failure is reported");
    await report(port, index % 2 === 0 ? "fail" : "pass");
    assert.equal((await fetch(`http://127.0.0.1:${port}/livez`)).status, 200);
    await pause(10);
    fill(filler); // what the daemon has given back
  }
  await report(port, "fail");
  await pause(2_000);
  const during = await pastOf(port);
  rmSync(filler);
  await eventually(
    () => events("journal-written").some(({ file }) => String(file).includes("history")),
    "it is written again",
  );
  const before = await pastOf(port);
  first.process.kill("SIGKILL");
  await first.ended();
  const second = await serve();
  const after = await pastOf(second.port);
  const ids = new Set(after.transitions.map(({ id }) => id));
  for (const { id } of before.transitions) assert.ok(ids.has(id), `transition ${id} is lost`);
  const { notServing = 0 } = after.seconds;
  assert.ok(notServing >= (during.seconds.notServing ?? 0) - 2, `${notServing} s of ${during.seconds.notServing} s`);
});
