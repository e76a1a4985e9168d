/**
 * A valid conversation of a server, changed by chance: whatever comes, the probe has a result, no error escapes, and no
 * socket is left.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTarget } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { FLAG, h2frame, TYPE } from "../support/raw-http2.js";
import { SeededRandom } from "../support/seeded-random.js";
import { data, goAway, head, rawServer, serving, settings, trailers, windowUpdate } from "./raw-server.js";

const CASES = 400;
const SEED = 20_261_126;

/** Probes at once, so that those that wait for their deadline wait together. */
const CONCURRENCY = 20;
const TIMEOUT_MS = 150;

/** What a server says to the first request, in parts. */
const CONVERSATIONS: readonly [readonly Buffer[], ...(readonly Buffer[])[]] = [
  [settings([3, 100], [4, 65_535]), h2frame(TYPE.SETTINGS, FLAG.ACK, 0), serving(1)],
  [settings(), windowUpdate(0, 1_000), head(1), data(1), h2frame(TYPE.PING, 0, 0, Buffer.alloc(8)), trailers(1)],
  [settings([1, 0]), head(1), data(1), trailers(1), goAway(1, 0)],
];

/** One change by chance to some bytes. */
function mutate(bytes: Buffer, random: SeededRandom): Buffer {
  const at = Math.floor(random.next() * bytes.length);
  const length = Math.floor(random.next() ** 3 * 20) + 1;
  const part = bytes.subarray(at, at + length);
  const noise = Buffer.from(Array.from({ length }, () => Math.floor(random.next() * 256)));
  switch (random.pick(["flip", "drop", "repeat", "insert", "cut", "number"])) {
    case "flip": {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      return copy;
    }
    case "drop":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case "repeat":
      return Buffer.concat([bytes.subarray(0, at), part, part, bytes.subarray(at + length)]);
    case "insert":
      return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
    case "cut":
      return bytes.subarray(0, at);
    default: {
      const copy = Buffer.from(bytes);
      copy[at] = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 127, 128, 255]);
      return copy;
    }
  }
}

/** The parts in any order, changed once or a few times, and how the server goes on after them. */
function drawCase(random: SeededRandom) {
  const parts = [...random.pick(CONVERSATIONS)];
  if (random.next() < 0.2) parts.splice(Math.floor(random.next() * parts.length), 1);
  if (random.next() < 0.2) parts.push(random.pick(CONVERSATIONS)[0] ?? settings());
  let bytes = Buffer.concat(parts);
  const changes = 1 + Math.floor(random.next() ** 2 * 4);
  for (let change = 0; change < changes && bytes.length > 0; change += 1) bytes = Buffer.from(mutate(bytes, random));
  return { bytes, sliceBytes: random.pick([1, 3, 9, 50, 100_000]), end: random.pick(["stay", "close", "reset"]) };
}

async function runCase({ bytes, sliceBytes, end }: ReturnType<typeof drawCase>): Promise<string> {
  const { target } = await rawServer({
    greeting: [],
    onRequest: () => {},
    onConnection: async ({ socket }) => {
      for (let at = 0; at < bytes.length && socket.writable; at += sliceBytes) {
        socket.write(bytes.subarray(at, at + sliceBytes));
        if (sliceBytes < 10) await new Promise((resolve) => setImmediate(resolve));
      }
      if (end === "close") socket.end();
      if (end === "reset") setTimeout(() => socket.resetAndDestroy(), 5);
    },
  });
  const prober = openTarget(`grpc://127.0.0.1:${target.port}/`);
  prober.onChange?.(() => {}); // a Watch is opened too
  try {
    const first = await probe(prober, TIMEOUT_MS);
    const second = await probe(prober, TIMEOUT_MS);
    return `${first.outcome} ${first.reason}, ${second.outcome}`;
  } finally {
    prober.close();
    await target.disconnected();
    await target.stop();
  }
}

test(`${CASES} conversations changed by chance have a result each, and leave no socket`, async () => {
  const random = new SeededRandom(SEED);
  const cases = Array.from({ length: CASES }, () => drawCase(random));
  const results = new Map<string, number>();
  for (let at = 0; at < cases.length; at += CONCURRENCY) {
    const batch = cases.slice(at, at + CONCURRENCY);
    for (const result of await Promise.all(batch.map(runCase))) results.set(result, (results.get(result) ?? 0) + 1);
  }
  // the changes must reach more than one door
  const firsts = new Set([...results.keys()].map((result) => result.split(",")[0]));
  for (const reason of ["pass undefined", "fail protocol", "fail timeout", "fail closed"])
    assert.ok(firsts.has(reason), `${reason} among ${[...firsts].join("; ")}`);
});
