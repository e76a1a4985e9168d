/** Row C14: a prober that gets a tenth of a core is late, and calls nothing down. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, pause } from "../support/eventually.js";
import { notOutlive } from "../support/not-outlive.js";

const PROBER = fileURLToPath(new URL("prober.ts", import.meta.url));

/** Stops the process for most of the time, again and again. */
interface Starved {
  readonly what: string;
  readonly stoppedMs: number;
  readonly runsMs: number;
  readonly rounds: number;
  readonly settings: object;
}

const STARVED: readonly Starved[] = [
  {
    ...{ what: "180 ms of every 200 ms", stoppedMs: 180, runsMs: 20, rounds: 50 },
    settings: { interval: 1_000, timeout: 900, edgeInterval: 300 },
  },
  {
    // no stop is a stall, but a new connection and its answer take two or three of them
    ...{
      what: "380 ms of every 400 ms, with new connections and a timeout of 800 ms,",
      stoppedMs: 380,
      runsMs: 20,
      rounds: 40,
    },
    settings: { interval: 1_000, timeout: 800, edgeInterval: 300, unhealthyThreshold: 1, reuse: false },
  },
];

for (const { what, stoppedMs, runsMs, rounds, settings } of STARVED)
  test(`a process that is stopped for ${what} keeps probing, and nothing is NOT_SERVING [C14]`, async (t) => {
    let asked = 0;
    const target = createServer((_, response) => {
      asked += 1;
      response.end();
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      target.close();
      target.closeAllConnections();
    });
    // a server that listens on TCP has such an address
    const { port } = target.address() as AddressInfo;
    const names = Array.from({ length: 20 }, (_, index) => `c${index}`);
    const checks = Object.fromEntries(names.map((name) => [name, [`http://127.0.0.1:${port}/${name}`, settings]]));
    const prober = spawn(process.execPath, ["--import", "tsx", PROBER, JSON.stringify({ checks })], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    notOutlive(prober, () => prober.kill("SIGKILL"));
    t.after(() => prober.kill("SIGKILL"));
    const changes: { kind: string; name: string; to: string }[] = [];
    createInterface({ input: prober.stdout }).on("line", (line) => changes.push(JSON.parse(line)));
    await eventually(() => changes.some(({ name, to }) => name === "" && to === "SERVING"), "everything is up");
    changes.length = 0;
    const before = asked;
    for (let round = 0; round < rounds; round += 1) {
      prober.kill("SIGSTOP");
      await pause(stoppedMs);
      prober.kill("SIGCONT");
      await pause(runsMs);
    }
    assert.ok(asked - before > 50, `${asked - before} probes`);
    assert.deepEqual(
      changes.filter(({ to }) => to === "NOT_SERVING" || to === "failing"),
      [],
    );
  });
