/** Clients that ask for pages without end and do not read them: the daemon holds little for them, and not for long. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";

const CLIENTS = 6;
const REQUESTS = 450;
/** A page of some 250 KB: what is asked for is 2,700 times as much. */
const CHECKS = 100;
const MAX_GROWTH_MB = 20;
const MAX_SECONDS = 40;

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

test(`${CLIENTS} clients with ${REQUESTS} unread GET /metrics each cost at most 20 MB, and are gone within 40 s`, async (t) => {
  const checks = Array.from({ length: CHECKS }, (_, index) => ["--check", `check-${index}=tcp://127.0.0.1:1`]);
  const daemon = await DaemonProcess.serve("--listen", "127.0.0.1:0", "--log-level", "debug", ...checks.flat());
  t.after(() => daemon.kill());
  const pid = daemon.process.pid ?? 0;
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${daemon.port}${path}`)).text();
  await eventually(async () => (await get("/metrics")).length > 200_000, "every check has a result");
  for (let round = 0; round < 10; round += 1) {
    await get("/metrics");
    await pause(1_100); // each page is a new one
  }
  const idleMb = rssMb(pid);
  const since = performance.now();
  const clients = Array.from({ length: CLIENTS }, () => connect(daemon.port, "127.0.0.1").pause());
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients)
    client.on("error", () => {}).write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS));
  const ended = () => daemon.log.filter(({ event, rule }) => event === "connection-ended" && rule === "unread-answer");
  let mostMb = 0;
  let slowestMs = 0;
  await eventually(
    async () => {
      const before = performance.now();
      await get("/healthcheck");
      slowestMs = Math.max(slowestMs, performance.now() - before);
      mostMb = Math.max(mostMb, rssMb(pid) - idleMb);
      await pause(100);
      return ended().length === CLIENTS;
    },
    "all are ended",
    (MAX_SECONDS + 5) * 1_000,
  );
  const seconds = (performance.now() - since) / 1_000;
  t.diagnostic(`${mostMb.toFixed(1)} MB for ${seconds.toFixed(0)} s, the slowest answer in ${slowestMs.toFixed(0)} ms`);
  assert.ok(mostMb <= MAX_GROWTH_MB, `${mostMb} MB`);
  assert.ok(seconds >= 30 && seconds <= MAX_SECONDS, `${seconds} s`);
});
