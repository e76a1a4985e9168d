/**
 * A probe never takes what a client needs: a daemon with 64 file descriptors and 100 checks answers its clients, reports no
 * healthy target as failing, and logs no error for what it expects.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { LogLine } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

/** Starts a daemon with a limit on open files. */
async function serve(t: TestContext, openFiles: number, checks: Readonly<Record<string, object>>) {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-descriptors-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, JSON.stringify({ listen: ["127.0.0.1:0"], allowExec: true, drainDelay: "0s", checks }));
  const command = `ulimit -n ${openFiles}; exec "$0" "$@"`;
  const args = ["-c", command, process.execPath, MAIN, "serve", "-c", file];
  const child = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "inherit"] });
  notOutlive(child, () => child.kill("SIGKILL"));
  t.after(() => child.kill("SIGKILL"));
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => log.push(JSON.parse(line)));
  await eventually(() => child.exitCode !== null || log.some(({ event }) => event === "serving"), "the daemon serves");
  const addresses = log.find(({ event }) => event === "serving")?.addresses;
  return { url: `http://${String(addresses)}`, log };
}

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}));
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  // a server that listens on TCP has such an address
  return (server.address() as AddressInfo).port;
}

const answering = (t: TestContext, answer: RequestListener) => listen(t, createHttp(answer));

function checksOf(count: number, entryOf: (index: number) => object): Record<string, object> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, entryOf(index)]));
}

/** Asks as a new client, and expects an answer within 2 s. */
const ask = async (url: string) =>
  (await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(2_000) })).text();

const failures = (log: readonly LogLine[]) =>
  log.filter(({ event, to }) => event === "prober-failed" || event === "fault" || to === "failing");

test("with 64 descriptors and 100 checks that keep connections, every client is answered and every check passes", async (t) => {
  const port = await answering(t, (_, response) => void setTimeout(() => response.end("OK"), 20));
  const { url, log } = await serve(
    t,
    64,
    checksOf(100, () => ({ target: `http://127.0.0.1:${port}/`, interval: "1000ms", timeout: "900ms" })),
  );
  const until = performance.now() + 8_000;
  while (performance.now() < until) await ask(`${url}/livez`);
  await eventually(async () => (await ask(`${url}/readyz`)) === "OK", "all of them pass");
  assert.deepEqual(failures(log), []);
});

test("with 64 descriptors, 50 targets that never answer starve neither the clients nor the healthy targets", async (t) => {
  const silent = await listen(
    t,
    createServer((socket) => void socket.resume()),
  );
  const port = await answering(t, (_, response) => void response.end("OK"));
  const entryOf = (index: number) => ({
    target: index % 2 === 0 ? `http://127.0.0.1:${port}/` : `tcp://127.0.0.1:${port}`,
    interval: "2000ms",
    timeout: "1000ms",
  });
  const hung = Object.fromEntries(
    Array.from({ length: 50 }, (_, index) => [
      `hung${index}`,
      { target: `redis://127.0.0.1:${silent}`, interval: "2000ms", timeout: "1500ms", critical: false },
    ]),
  );
  const { url, log } = await serve(t, 64, { ...checksOf(50, entryOf), ...hung });
  const until = performance.now() + 10_000;
  while (performance.now() < until) {
    await ask(`${url}/livez`);
    await pause(5);
  }
  await eventually(async () => (await ask(`${url}/readyz`)) === "OK", "the healthy ones pass");
  const wrong = failures(log).filter(({ name }) => !String(name).startsWith("hung"));
  assert.deepEqual(wrong, []);
});

test("with 64 descriptors, programs, names and connections share them, and no error of this machine is a failure", async (t) => {
  const port = await answering(t, (_, response) => void setTimeout(() => response.end("OK"), 1_000));
  const kinds = [
    { exec: ["/bin/true"] },
    { target: `tcp://localhost:${port}` },
    ...Array(3).fill({ target: `http://localhost:${port}/`, reuse: false }),
    ...Array(3).fill({ target: `http://127.0.0.1:${port}/` }),
  ];
  const { url, log } = await serve(
    t,
    64,
    checksOf(160, (index) => ({ ...kinds[index % kinds.length], interval: "2s", timeout: "1900ms" })),
  );
  const until = performance.now() + 8_000;
  while (performance.now() < until) {
    await ask(`${url}/livez`);
    await pause(5);
  }
  await eventually(async () => (await ask(`${url}/readyz`)) === "OK", "all of them pass");
  assert.deepEqual(failures(log), []);
});
