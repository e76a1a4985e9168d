/** Rows C2-C7, C9, C13: faults of a target, of the network, and of ourselves, on real sockets. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { portOf } from "../support/port-of.js";
import { QUICK, Site } from "./site.js";

/** Occupies every thread of Node's pool: each opens a named pipe that has no writer. Returns a function that frees them. */
function blockPool(t: TestContext): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-pool-"));
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const opening: Promise<FileHandle>[] = Array.from({ length: 16 }, () => open(pipe, "r"));
  let released: Promise<void> | undefined;
  const release = async () => {
    const writer = openSync(pipe, "r+"); // both ends: this does not wait
    for (const handle of await Promise.all(opening)) await handle.close();
    closeSync(writer);
    rmSync(folder, { recursive: true });
  };
  const releaseOnce = () => {
    released ??= release();
    return released;
  };
  t.after(releaseOnce);
  return releaseOnce;
}

test("a target that dies is NOT_SERVING after its threshold, watchers get the change, and it recovers [C2]", async (t) => {
  const site = await Site.start(t);
  site.health.check("c", site.url, QUICK);
  await site.becomes("c", "SERVING");
  const probes = site.record(t, "probe");
  const server = await site.health.listen(["127.0.0.1:0"]);
  const peer = new GrpcPeer(`http://127.0.0.1:${portOf(server)}`);
  t.after(() => peer.close());
  const watch = peer.watch("c");
  await eventually(() => watch.statuses.at(-1) === 1, "the watch says SERVING");
  site.proxy.faults = { reset: true };
  site.proxy.cut();
  await eventually(() => watch.statuses.at(-1) === 2, "the watch says NOT_SERVING");
  const failed = probes.filter(({ outcome }) => outcome === "fail");
  assert.ok(failed.length >= 3 && failed.every(({ reason }) => reason === "reset" || reason === "closed"));
  site.proxy.faults = {};
  await site.becomes("c", "SERVING");
  assert.deepEqual(site.changesOf("c"), ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVING"]);
});

test("a target that hangs is NOT_SERVING by timeouts, with at most one open socket [C3]", async (t) => {
  const site = await Site.start(t);
  site.health.check("c", site.url, QUICK);
  await site.becomes("c", "SERVING");
  const probes = site.record(t, "probe");
  site.proxy.faults = { silent: true };
  site.proxy.cut();
  await eventually(() => site.proxy.open === 0, "what was open is gone");
  site.proxy.mostOpen = 0;
  await site.becomes("c", "NOT_SERVING");
  await eventually(() => probes.length > 8, "it is asked on");
  assert.ok(site.proxy.mostOpen <= 1, `${site.proxy.mostOpen} sockets`);
  assert.ok(probes.filter(({ outcome }) => outcome === "fail").every(({ reason }) => reason !== "status"));
  assert.equal(site.health.status("c"), "NOT_SERVING");
});

test("a target that answers a byte at a time fails at the timeout, not later [C5]", async (t) => {
  const site = await Site.start(t);
  site.proxy.faults = { sliceBytes: 1, latencyMs: 1_000 };
  const probes = site.record(t, "probe");
  site.health.check("c", site.url, { ...QUICK, interval: 1_000, timeout: 300 });
  await site.becomes("c", "NOT_SERVING");
  assert.equal(probes[0]?.reason, "timeout");
  await eventually(() => probes.length >= 3, "it is asked on");
  assert.ok(site.proxy.mostOpen <= 1);
});

test("a target that changes with every probe changes nothing with the default thresholds, and is held with thresholds of 1 [C6]", async (t) => {
  const site = await Site.start(t);
  // a machine that stops this process for so long would add timeouts
  const flapping = { ...QUICK, interval: 250, timeout: 240, edgeInterval: 250 };
  site.health.check("usual", site.url, flapping);
  site.health.check("none", `${site.url}none`, { ...flapping, unhealthyThreshold: 1, healthyThreshold: 1 });
  for (const name of ["usual", "none"]) await site.becomes(name, "SERVING");
  site.alternates = true;
  const probes = site.record(t, "probe");
  await eventually(() => probes.length > 60, "sixty probes");
  assert.deepEqual(site.changesOf("usual"), ["UNKNOWN", "SERVING"]);
  assert.ok(site.changesOf("none").length > 3, "it has changed");
  assert.ok(site.changesOf("none").length <= 7, site.changesOf("none").join());
  assert.equal(site.health.status("none"), "NOT_SERVING");
});

test("with 5 % of the probes lost and 200 ms of delay, nothing is NOT_SERVING [C7]", async (t) => {
  const site = await Site.start(t);
  site.proxy.faults = { latencyMs: 200, lossShare: 0.05 };
  const options = { ...QUICK, interval: 1_500, timeout: 1_000, edgeInterval: 300, reuse: false, unhealthyThreshold: 5 };
  const names = Array.from({ length: 60 }, (_, index) => `c${index}`);
  for (const name of names) site.health.check(name, site.url, options);
  await eventually(() => names.every((name) => site.health.status(name) === "SERVING"), "all are up");
  const probes = site.record(t, "probe");
  site.transitions.length = 0;
  await eventually(() => probes.length > 600, "six hundred probes", 60_000);
  assert.ok(
    probes.some(({ outcome }) => outcome === "fail"),
    "some were lost",
  );
  assert.deepEqual(
    site.transitions.filter(({ to }) => to === "NOT_SERVING"),
    [],
  );
});

test("with all threads of the pool blocked, probes of addresses and all answers go on [C9]", async (t) => {
  const site = await Site.start(t);
  const server = await site.health.listen(["127.0.0.1:0"]);
  site.health.check("c", site.url, { ...QUICK, timeout: 290 });
  await site.becomes("c", "SERVING");
  const probes = site.record(t, "probe");
  const release = blockPool(t);
  await eventually(() => probes.length >= 5, "five probes");
  assert.ok(probes.every(({ outcome }) => outcome === "pass"));
  assert.equal((await fetch(`http://127.0.0.1:${portOf(server)}/healthcheck`)).status, 200);
  await release();
});

test("with the event loop blocked for 3 s no status changes, answers come at once afterwards, and the stall is reported [C13]", async (t) => {
  const site = await Site.start(t);
  const server = await site.health.listen(["127.0.0.1:0"]);
  site.proxy.faults = { latencyMs: 60 };
  for (let index = 0; index < 8; index += 1)
    site.health.check(`c${index}`, site.url, { ...QUICK, interval: 1_000, timeout: 900, unhealthyThreshold: 1 });
  await site.becomes("", "SERVING");
  const stalls = site.record(t, "stall");
  const dropped = site.record(t, "result-dropped");
  const probes = site.record(t, "probe");
  site.transitions.length = 0;
  const seen = site.asked;
  await eventually(() => site.asked > seen, "probes are in flight");
  const until = performance.now() + 3_000;
  while (performance.now() < until); // nothing runs
  assert.equal((await fetch(`http://127.0.0.1:${portOf(server)}/healthcheck`)).status, 200);
  await eventually(() => probes.length >= 16, "probes go on");
  assert.ok(stalls.length >= 1, "the stall is reported");
  assert.ok(dropped.length >= 1, "results were thrown away");
  assert.deepEqual(site.transitions, []);
});

test("a function that throws, rejects or never returns affects no other check and not the shutdown [C40]", async (t) => {
  const site = await Site.start(t);
  site.health.check("throws", () => {
    throw new Error("no");
  });
  site.health.check("rejects", async () => Promise.reject(new Error("no")));
  site.health.check("hangs", () => new Promise(() => {}), { ...QUICK });
  site.health.check("good", site.url, QUICK);
  await site.becomes("good", "SERVING");
  for (const name of ["throws", "rejects", "hangs"]) await site.becomes(name, "NOT_SERVING");
  await pause(50);
  await site.health.shutdown({ drainDelayMs: 0 });
});
