/** `healthbridge serve` with `listenThread: true`, as it is built. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { readValue } from "../support/exposition.js";
import { GrpcPeer } from "../support/grpc-peer.js";

const BLOCK = fileURLToPath(new URL("../support/block-at-signal.cjs", import.meta.url));

/** A daemon with a file, whose event loop is blocked for two seconds at SIGUSR2. */
async function serve(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "hb-"));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, text);
  const daemon = new DaemonProcess(["serve", "-c", file], ["-r", BLOCK]);
  t.after(async () => {
    await daemon.kill();
    rmSync(folder, { recursive: true });
  });
  await eventually(() => daemon.addresses.length > 0, `the daemon serves: ${daemon.stderr}`);
  return { daemon, file };
}

async function get(daemon: DaemonProcess, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${daemon.port}${path}`);
  return `${response.status} ${await response.text()}`;
}

async function target(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => response.end("fine"));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${Object(server.address()).port}/`;
}

test("answers while its own event loop is blocked, and reloads, drains and ends as without a thread", async (t) => {
  const text = (more = "") =>
    `listen: ["127.0.0.1:0"]\nlistenThread: true\ndrainDelay: 300ms\nchecks:\n  web: { target: "${url}", interval: 200ms, timeout: 150ms }\n${more}`;
  const url = await target(t);
  const { daemon, file } = await serve(t, text());
  await eventually(async () => (await get(daemon, "/healthcheck/web")) === "200 OK", "the check passes");
  const page = (await get(daemon, "/metrics")).slice("200 ".length);
  assert.ok(Number(readValue(page, "healthbridge_main_thread_silence_seconds")) < 10);

  daemon.process.kill("SIGUSR2");
  await pause(200);
  for (let count = 0; count < 10; count += 1) {
    const startedAt = performance.now();
    assert.equal(await get(daemon, "/healthcheck/web"), "200 OK");
    const ms = performance.now() - startedAt;
    assert.ok(ms < 1_000, `answered after ${ms} ms`);
    await pause(50);
  }

  writeFileSync(file, text(`  other: { target: "${url}", interval: 200ms, timeout: 150ms }\n`));
  await eventually(async () => (await get(daemon, "/healthcheck/other")) === "200 OK", "the new check is served");
  const peer = new GrpcPeer(daemon.port);
  t.after(() => peer.close());
  const watch = peer.watch("web");
  await watch.saw(1);
  daemon.process.kill("SIGTERM");
  await watch.saw(1, 2);
  assert.equal((await watch.ended()).code, 14);
  assert.deepEqual(await daemon.ended(), { code: 0, signal: null });
});

test("a stall is logged when it begins, also if the process never comes back from it", {
  timeout: 90_000,
}, async (t) => {
  process.env.BLOCK_MS = "11500";
  t.after(() => void delete process.env.BLOCK_MS);
  const text = `listen: ["127.0.0.1:0"]\nlistenThread: true\n`;
  const [back, killed] = [await serve(t, text), await serve(t, text)];
  const lineOf = ({ daemon }: typeof back, event: string) => daemon.log.find((line) => line.event === event);
  for (const { daemon } of [back, killed]) daemon.process.kill("SIGUSR2");
  const begun = (each: typeof back) => lineOf(each, "main-thread-stalled") !== undefined;
  await eventually(() => begun(back) && begun(killed), "both have a line", 20_000);
  for (const each of [back, killed]) {
    const { level, silenceMs, msg, time } = lineOf(each, "main-thread-stalled") ?? {};
    assert.equal(level, "error");
    assert.ok(Number(silenceMs) >= 10_000 && Number(silenceMs) < 11_000, `after ${silenceMs} ms`);
    assert.match(String(msg), /^the event loop has been blocked for 10\.\d s: all services report NOT_SERVING/);
    assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < 2_000, "in time");
    assert.equal(lineOf(each, "main-thread-resumed"), undefined, "the loop is still blocked");
  }
  killed.daemon.process.kill("SIGKILL");
  await eventually(() => lineOf(back, "main-thread-resumed") !== undefined, "the loop runs again", 10_000);
  const { level, silenceMs } = lineOf(back, "main-thread-resumed") ?? {};
  assert.equal(level, "info");
  assert.ok(Number(silenceMs) >= 11_000 && Number(silenceMs) < 12_500, `${silenceMs} ms`);
  assert.equal(back.daemon.log.filter(({ event }) => event === "main-thread-stalled").length, 1, "once");
});

test("an address in use ends it with exit code 2, as without a thread", async (t) => {
  const url = new URL(await target(t));
  const { daemon: first } = await serve(t, `listen: ["127.0.0.1:0"]\n`);
  for (const listenThread of [true, false]) {
    const folder = mkdtempSync(join(tmpdir(), "hb-"));
    const file = join(folder, "healthbridge.yaml");
    writeFileSync(file, `listen: ["127.0.0.1:${url.port}"]\nlistenThread: ${listenThread}\n`);
    const daemon = new DaemonProcess(["serve", "-c", file]);
    assert.deepEqual(await daemon.ended(), { code: 2, signal: null });
    assert.match(daemon.stderr, /the address is already in use \(EADDRINUSE\); choose other addresses/);
    rmSync(folder, { recursive: true });
  }
  assert.equal(await get(first, "/livez"), "200 OK");
});
