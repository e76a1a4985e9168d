/**
 * One daemon that answers Checks while statuses change, streams of events are open, and its history is written to a disk.
 *
 *     h2load --Checks--> daemon <--heartbeats-- changes, so many a second: each makes three transitions
 *                          '--/events--> listeners, which read all of it
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Running } from "../../test/interop/peers.js";
import { eventually, pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { BUILDS, mainOf } from "../measuring/builds.js";
import { runMeasured } from "../measuring/cores.js";
import { cpuMs } from "../measuring/cpu.js";
import type { Figures } from "../measuring/figures.js";
import { serving } from "../measuring/serving.js";
import type { LoadTool } from "../serving/load.js";
import { SERVICE } from "../serving/server.js";

export interface Contender {
  readonly name: string;
  readonly changesPerSecond: number;
  readonly listeners: number;
  readonly hasJournal: boolean;
}

const SHAPE = { connections: 50, atOnce: 1 };
const WARM_UP_SECONDS = 1;
const LOAD_SECONDS = 2;
const REST_MS = 4_000;

function configOf(port: number, stateDir: string | undefined): string {
  const heartbeat = "heartbeat: { ttl: 1h, token: t }, initialState: passing";
  const state = stateDir === undefined ? "" : `stateDir: ${stateDir}\n`;
  return `listen: ["127.0.0.1:${port}"]\n${state}checks:\n  ${SERVICE}: { ${heartbeat} }\n  flips: { ${heartbeat} }\n`;
}

export async function measureHistory(contender: Contender, tool: LoadTool): Promise<Figures> {
  const [folder, port] = [mkdtempSync(join(tmpdir(), "healthbridge-bench-")), await freePort()];
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, configOf(port, contender.hasJournal ? join(folder, "state") : undefined));
  const [build] = BUILDS;
  if (build === undefined) throw new Error("there is a build of this checkout");
  const program = runMeasured(process.execPath, [mainOf(build), "serve", "-c", file]);
  const [abort, sockets] = [new AbortController(), [] as Socket[]];
  try {
    await serving(program, port);
    await openStreams(port, contender.listeners, sockets);
    const changes = change(port, contender.changesPerSecond, abort.signal);
    await tool.load({ program, port }, SHAPE, WARM_UP_SECONDS);
    const { perSecond, cpuMicros, rssMb } = await tool.load({ program, port }, SHAPE, LOAD_SECONDS);
    const restCpuMs = await cpuOfRest(program);
    abort.abort();
    const changed = await changes;
    return { perSecond, cpuMicros, rssMb, restCpuMs, changesPerSecond: changed, eventKb: bytesOf(sockets) / 1024 };
  } finally {
    abort.abort();
    for (const socket of sockets) socket.destroy();
    await program.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of CPU a second without Checks: what changes, streams and the disk take from them. */
async function cpuOfRest(program: Running): Promise<number> {
  await pause(REST_MS / 4);
  const [startedAt, before] = [performance.now(), cpuMs(program)];
  await pause(REST_MS);
  return ((cpuMs(program) - before) * 1_000) / (performance.now() - startedAt);
}

/** Resolves when each stream has its snapshot. */
async function openStreams(port: number, count: number, sockets: Socket[]): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.resume();
    sockets.push(socket);
    if (index % 100 === 99) await pause(20);
  }
  await eventually(() => sockets.every(({ bytesRead }) => bytesRead > 300), "all streams are open");
}

function bytesOf(sockets: readonly Socket[]): number {
  return sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
}

/** Changes a status so often, until it is aborted. Returns the rate that it reached. */
async function change(port: number, perSecond: number, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  let changes = 0;
  for (; !signal.aborted; changes += 1) {
    const url = `http://127.0.0.1:${port}/heartbeat/flips?status=${changes % 2 === 0 ? "fail" : "pass"}`;
    await fetch(url, { method: "POST", headers: { authorization: "Bearer t" } });
    const dueAt = startedAt + ((changes + 1) * 1_000) / perSecond;
    await pause(Math.max(0, dueAt - performance.now()));
  }
  return (changes * 1_000) / (performance.now() - startedAt);
}
