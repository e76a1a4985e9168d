/**
 * Clients of five gRPC libraries ask for health and for reflection on one channel. No call fails, and the server ends no
 * connection.
 *
 * Each client does this, in clear text and over TLS: health first; reflection first; 200 Checks and 20 reflection calls at
 * once, mixed at random; and a Watch that stays open while reflection is asked for.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { subscribe } from "../../src/core/channels.js";
import { Health } from "../../src/index.js";
import { fixture } from "../conformance/wire.rows.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { cppClient, debian, goClient, javaClient, pythonBin } from "./install.js";
import { Running } from "./peers.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** How the server listens, and what a client needs for it. */
const DOORS = {
  "clear text": { options: {}, clientArgs: [] },
  TLS: {
    options: { tls: { cert: fixture("server.crt"), key: fixture("server.key") } },
    clientArgs: [here("../fixtures/tls/ca.crt")],
  },
} as const;

/** What a client does, and the lines that it prints when every call succeeded. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  "health-first": ["ok"],
  "reflection-first": ["ok"],
  mixed: ["ok"],
  watch: ["watching", "ok"],
};

/** The command line of each client, without the address. */
const CLIENTS: Readonly<Record<string, () => readonly [program: string, ...args: readonly string[]]>> = {
  "grpc-go": () => [goClient(), "mixed-channel"],
  // grpc-js says an IP address as the name of a TLS server, and Node warns of it
  "grpc-js": () => [process.execPath, "--no-deprecation", "--import", "tsx", here("grpc-js-client/mixed-channel.ts")],
  "Python's grpcio": () => [join(pythonBin(), "python"), here("python/mixed_channel.py")],
  "grpc-java": () => [debian("java", "default-jre-headless"), "-cp", javaClient(), "MixedChannel"],
  "gRPC C++": () => [cppClient()],
};

/** Counts the connections that a server has accepted, and what it says of those that it ended. */
function observe(t: TestContext) {
  const ended: string[] = [];
  t.after(subscribe("connection-ended", ({ rule }) => ended.push(rule)));
  return ended;
}

describeEngines("a client of health and reflection", (engine) => {
  for (const [door, { options, clientArgs }] of Object.entries(DOORS))
    for (const [name, start] of Object.entries(CLIENTS))
      for (const [part, lines] of Object.entries(PARTS))
        test(`${name}, ${door}: ${part}`, async (t) => {
          const ended = observe(t);
          const health = new Health();
          health.set("up", "SERVING");
          health.set("changing", "NOT_SERVING");
          const server = await health.listen(["127.0.0.1:0"], { engine, ...options });
          const [program, ...args] = start();
          const client = new Running(program, [...args, `127.0.0.1:${portOf(server)}`, part, ...clientArgs]);
          try {
            await eventually(
              () => client.lines.includes("watching") || client.ended,
              "it watches, or it ends",
              120_000,
            );
            health.set("changing", "SERVING");
            await eventually(() => client.ended, "it ends");
            assert.deepEqual(client.lines, lines);
            assert.deepEqual(ended, []);
          } finally {
            await client.stop();
            await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
          }
        });
});
