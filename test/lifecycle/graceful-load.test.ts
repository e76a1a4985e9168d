/** SIGTERM while clients call an application without a pause: no call fails before the drain delay is over. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, inTime, pause } from "../support/eventually.js";
import { GrpcPeer } from "../support/grpc-peer.js";
import { notOutlive } from "../support/not-outlive.js";

/** Less than the delay of the program: its timer starts after the signal was sent. */
const DELAY_MS = 1_450;
const CLIENTS = 4;

/** What clients have seen. */
interface Seen {
  calls: number;
  /** Milliseconds after the signal, and what failed. */
  readonly failures: [number, unknown][];
  signalAt: number;
}

/** Calls until the time is over; then each client ends. */
async function callOn(seen: Seen, call: () => Promise<unknown>): Promise<void> {
  while (performance.now() < seen.signalAt + DELAY_MS) {
    try {
      await call();
      seen.calls += 1;
    } catch (error) {
      const afterMs = performance.now() - seen.signalAt;
      if (afterMs < DELAY_MS) seen.failures.push([afterMs, error]);
      return;
    }
    await pause(4);
  }
}

function request(port: number, path: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent, host: "127.0.0.1" }, (response) => {
      response
        .resume()
        .once("end", () => resolve(response.statusCode))
        .once("error", reject);
    }).once("error", reject);
  });
}

test("a SIGTERM under load fails no call before the drain delay is over", async (t) => {
  const file = fileURLToPath(new URL("loaded-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "pipe", "inherit"] });
  notOutlive(child, () => child.kill("SIGKILL"));
  t.after(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  await eventually(() => output.includes("ports "), "it listens");
  const [, httpPort = 0, grpcPort = 0] = /ports (\d+) (\d+)/.exec(output)?.map(Number) ?? [];
  const agent = new Agent({ keepAlive: true });
  const peers = Array.from({ length: CLIENTS }, () => new GrpcPeer(grpcPort));
  t.after(() => {
    agent.destroy();
    for (const peer of peers) peer.close();
  });
  const seen: Seen = { calls: 0, failures: [], signalAt: Number.POSITIVE_INFINITY };
  const statuses = new Set<number>();
  const check = async (peer: GrpcPeer) => {
    const { code, status } = await peer.check("");
    if (code !== 0) throw new Error(`Check ended with ${code}`);
    statuses.add(status);
  };
  const clients = peers.flatMap((peer) => [
    callOn(seen, () => check(peer)),
    callOn(seen, () => request(httpPort, "/orders", agent)),
    callOn(seen, () => request(httpPort, "/healthcheck", agent)),
  ]);
  await eventually(() => seen.calls > 500, "calls");
  child.kill("SIGTERM");
  seen.signalAt = performance.now();
  const callsBefore = seen.calls;
  await inTime(Promise.all(clients), "the clients end");
  assert.deepEqual(seen.failures, []);
  assert.deepEqual(statuses, new Set([1, 2]), "clients learn of it");
  assert(seen.calls > callsBefore + 100, `${seen.calls - callsBefore} calls after the signal`);
  const [, signal] =
    child.exitCode === null && child.signalCode === null ? await once(child, "exit") : [0, child.signalCode];
  assert.equal(signal, "SIGTERM");
  assert.doesNotMatch(output, /given up|failed/);
});
