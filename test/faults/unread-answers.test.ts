/** Clients that ask for pages without end and do not read them: the daemon holds little for them, and not for long. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { FLAG, h2frame, headerBlock, RawPeer, TYPE, uint32 } from "../support/raw-http2.js";

const CLIENTS = 6;
const REQUESTS = 450;
/** A page of some 250 KB: what is asked for is 2,700 times as much. */
const CHECKS = 100;
const MAX_GROWTH_MB = 20;
const MAX_SECONDS = 40;

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

/** A daemon with a page of some 250 KB, and its memory before the test. */
async function serving(t: TestContext) {
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
  return { daemon, pid, get, idleMb: rssMb(pid) };
}

/** A client over HTTP/2 that asks for pages and allows no DATA. It counts the streams that the server resets. */
class StalledPeer {
  readonly #peer: RawPeer;

  constructor(port: number) {
    this.#peer = new RawPeer(port);
  }

  async ask(): Promise<void> {
    const noWindow = h2frame(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)]));
    const fields = [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/metrics"],
      [":authority", "a"],
    ] as const;
    const block = headerBlock(fields);
    const requests = Array.from({ length: REQUESTS }, (_, index) =>
      h2frame(TYPE.HEADERS, FLAG.END_HEADERS | FLAG.END_STREAM, 2 * index + 1, block),
    );
    await this.#peer.greet();
    this.#peer.write(noWindow, ...requests);
  }

  get resets(): number {
    return this.#peer.frames().filter(({ type }) => type === TYPE.RST_STREAM).length;
  }

  close(): void {
    this.#peer.close();
  }
}

// each has a daemon of its own, and mostly waits
describe("answers that clients do not read", { concurrency: 2 }, () => {
  test(`${CLIENTS} clients with ${REQUESTS} unread GET /metrics each cost at most 20 MB, and are gone within 40 s`, async (t) => {
    const { daemon, pid, get, idleMb } = await serving(t);
    const since = performance.now();
    const clients = Array.from({ length: CLIENTS }, () => connect(daemon.port, "127.0.0.1").pause());
    t.after(() => {
      for (const client of clients) client.destroy();
    });
    for (const client of clients)
      client.on("error", () => {}).write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS));
    const ended = () =>
      daemon.log.filter(({ event, rule }) => event === "connection-ended" && rule === "unread-answer");
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
    t.diagnostic(
      `${mostMb.toFixed(1)} MB for ${seconds.toFixed(0)} s, the slowest answer in ${slowestMs.toFixed(0)} ms`,
    );
    assert.ok(mostMb <= MAX_GROWTH_MB, `${mostMb} MB`);
    assert.ok(seconds >= 30 && seconds <= MAX_SECONDS, `${seconds} s`);
  });

  test(`${CLIENTS} clients over HTTP/2 with window 0 and ${REQUESTS} GET /metrics each cost at most 20 MB for 40 s`, async (t) => {
    const { pid, get, idleMb, daemon } = await serving(t);
    const since = performance.now();
    const peers = Array.from({ length: CLIENTS }, () => new StalledPeer(daemon.port));
    t.after(() => {
      for (const peer of peers) peer.close();
    });
    for (const peer of peers) await peer.ask();
    let mostMb = 0;
    await eventually(
      async () => {
        await get("/healthcheck");
        mostMb = Math.max(mostMb, rssMb(pid) - idleMb);
        await pause(250);
        return peers.every(({ resets }) => resets === REQUESTS);
      },
      "every stream is reset",
      (MAX_SECONDS + 5) * 1_000,
    );
    const seconds = (performance.now() - since) / 1_000;
    t.diagnostic(`${mostMb.toFixed(1)} MB for ${seconds.toFixed(0)} s`);
    assert.ok(mostMb <= MAX_GROWTH_MB, `${mostMb} MB`);
    assert.ok(seconds >= 30 && seconds <= MAX_SECONDS, `${seconds} s`);
  });
});
