/**
 * Targets whose conversation is wrong by a few bytes: each scheme returns a verdict, and no byte ends the process. A client
 * library that throws in a listener of its socket would do that.
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { openTarget } from "../../src/probers/schemes.js";
import { SeededRandom } from "../support/seeded-random.js";
import { FAKE_SERVERS } from "./fake-servers.js";
import { probe } from "./probing.js";
import { Target } from "./targets.js";

const ROUNDS = 250;

/** The bytes with a few of them changed, cut out or repeated. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = () => Math.floor(random() * bytes.length);
  let mutated = Buffer.from(bytes);
  for (let times = Math.floor(random() * 4); times >= 0; times -= 1) {
    const index = at();
    const kind = random();
    if (kind < 0.6) mutated[index] = Math.floor(random() * 256);
    else if (kind < 0.7) mutated = Buffer.concat([mutated.subarray(0, index), mutated.subarray(index + 1)]);
    else if (kind < 0.8) mutated = Buffer.concat([mutated, mutated.subarray(index)]);
    else mutated[index] = random() < 0.5 ? 0 : 255;
  }
  return mutated;
}

/** A socket whose writes are mutated. */
function mutating(socket: Socket, random: () => number): Socket {
  const write = socket.write.bind(socket);
  socket.write = (bytes: string | Uint8Array) =>
    socket.writable && write(random() < 0.7 ? mutate(Buffer.from(bytes), random) : Buffer.from(bytes));
  return socket;
}

describe("a target whose answers are mutated", () => {
  for (const [scheme, serve] of Object.entries(FAKE_SERVERS))
    test(scheme, { timeout: 200_000 }, async (t) => {
      const printed = ["error", "warn", "log"].map((name) => t.mock.method(console, name as "error", () => {}));
      const thrown: unknown[] = [];
      const onThrown = (error: unknown) => thrown.push(error);
      process.on("uncaughtException", onThrown).on("unhandledRejection", onThrown);
      const random = new SeededRandom(20).next;
      const target = await Target.start(
        createServer((socket) => {
          const timer = setTimeout(() => socket.end(), 60); // a client that waits for more
          socket.on("error", () => {}).on("close", () => clearTimeout(timer));
          serve(mutating(socket, random), () => true);
        }),
      );
      const login = /postgres|mysql|amqp/.test(scheme) ? "me:secret@" : "";
      const verdicts = await Promise.all(
        Array.from({ length: 10 }, async () => {
          const outcomes: string[] = [];
          for (let round = 0; round < ROUNDS / 10; round += 1) {
            const prober = openTarget(`${scheme}://${login}127.0.0.1:${target.port}`);
            outcomes.push((await probe(prober, 2_000)).outcome);
            prober.close();
          }
          return outcomes;
        }),
      );
      await wait(50);
      process.off("uncaughtException", onThrown).off("unhandledRejection", onThrown);
      await target.stop();
      assert.deepEqual(thrown.map(String), []);
      assert.deepEqual(
        printed.flatMap(({ mock }) => mock.calls.map(({ arguments: words }) => words)),
        [],
        "a library prints nothing",
      );
      assert.equal(verdicts.flat().length, ROUNDS);
    });
});
