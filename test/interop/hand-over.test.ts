/**
 * Clients of five gRPC libraries ask for health and for reflection on one channel: the health calls are our own engine's,
 * reflection is grpc-js', and no caller may notice. (grpc-js as a client: `test/transports/h2/hand-over.test.ts`.)
 *
 * Each does this: health first, reflection first, 200 Checks and 20 reflections mixed at random, and a Watch that is open
 * while reflection is asked for.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { cppClient, debian, goClient, javaClient, pythonBin } from "./install.js";
import { Running } from "./peers.js";

/** What a client does, and what it says when all went well. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  "health-first": ["ok"],
  "reflection-first": ["ok"],
  mixed: ["ok"],
  watch: ["watching", "ok"],
};

/** How each client is started, its address left out. */
const CLIENTS: Readonly<Record<string, () => readonly [program: string, ...args: readonly string[]]>> = {
  "grpc-go": () => [goClient(), "hand-over"],
  "Python's grpcio": () => [
    join(pythonBin(), "python"),
    fileURLToPath(new URL("python/hand_over.py", import.meta.url)),
  ],
  "grpc-java": () => [debian("java", "default-jre-headless"), "-cp", javaClient(), "HandOver"],
  "gRPC C++": () => [cppClient()],
};

describeEngines("a client of both engines", (engine) => {
  for (const [name, start] of Object.entries(CLIENTS))
    for (const [part, lines] of Object.entries(PARTS))
      test(`${name} never notices: ${part}`, async () => {
        // a server for each: it remembers clients that have asked for both
        const health = new Health();
        health.set("up", "SERVING");
        health.set("changing", "NOT_SERVING");
        const server = await health.listen(["127.0.0.1:0"], { engine });
        const [program, ...args] = start();
        const client = new Running(program, [...args, `127.0.0.1:${portOf(server)}`, part]);
        try {
          await eventually(() => client.lines.includes("watching") || client.ended, "it watches, or is done", 120_000);
          health.set("changing", "SERVING");
          await eventually(() => client.ended, "it is done");
          assert.deepEqual(client.lines, lines);
        } finally {
          await client.stop();
          await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
        }
      });
});
