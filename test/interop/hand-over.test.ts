/**
 * Clients of five gRPC libraries ask for health and for reflection on one channel: the health calls are our own engine's,
 * reflection is grpc-js', and no caller may notice.
 *
 * Each does this, in clear text and over TLS: health first, reflection first, 200 Checks and 20 reflections at once and
 * mixed at random, and a Watch that is open while reflection is asked for. That Watch lives on: a GOAWAY ends no stream
 * that it names as served (RFC 9113, 6.8), so none of the clients opens it again.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { fixture } from "../conformance/wire.rows.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { cppClient, debian, goClient, javaClient, pythonBin } from "./install.js";
import { Running } from "./peers.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** How the server is set beside its engine, and what a client needs to know of it. */
const DOORS = {
  "clear text": { options: {}, clientArgs: [] },
  TLS: {
    options: { tls: { cert: fixture("server.crt"), key: fixture("server.key") } },
    clientArgs: [here("../fixtures/tls/ca.crt")],
  },
} as const;

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
  // grpc-js says an IP address as the name of a TLS server, and Node warns of it
  "grpc-js": () => [process.execPath, "--no-deprecation", "--import", "tsx", here("grpc-js-client/hand-over.ts")],
  "Python's grpcio": () => [join(pythonBin(), "python"), here("python/hand_over.py")],
  "grpc-java": () => [debian("java", "default-jre-headless"), "-cp", javaClient(), "HandOver"],
  "gRPC C++": () => [cppClient()],
};

describeEngines("a client of both engines", (engine) => {
  for (const [door, { options, clientArgs }] of Object.entries(DOORS))
    for (const [name, start] of Object.entries(CLIENTS))
      for (const [part, lines] of Object.entries(PARTS))
        test(`${name} never notices: ${part}, ${door}`, async () => {
          // a server for each: it remembers clients that have asked for both
          const health = new Health();
          health.set("up", "SERVING");
          health.set("changing", "NOT_SERVING");
          const server = await health.listen(["127.0.0.1:0"], { engine, ...options });
          const [program, ...args] = start();
          const client = new Running(program, [...args, `127.0.0.1:${portOf(server)}`, part, ...clientArgs]);
          try {
            await eventually(
              () => client.lines.includes("watching") || client.ended,
              "it watches, or is done",
              120_000,
            );
            health.set("changing", "SERVING");
            await eventually(() => client.ended, "it is done");
            assert.deepEqual(client.lines, lines);
          } finally {
            await client.stop();
            await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
          }
        });
});
