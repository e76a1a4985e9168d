/**
 * Broken conversations in every area against both engines: the process lives, serves honest clients after each batch,
 * publishes no fault and keeps nothing. `npm run proof -- fuzz --minutes 60` runs the same for longer.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EngineName } from "../../../src/core/engine-name.js";
import { LTS, node } from "../../interop/install.js";
import { fuzz } from "../budget.js";
import { AREAS } from "./areas.js";
import { type Coverage, ServerFuzzer } from "./fuzzer.js";

/** Calls and routes that a run must have reached, as the process counts them. */
const REACHED = ["Check", "Watch", "List", "Reflection", "status-code", "healthcheck", "livez", "readyz", "healthz"];
const REACHED_PAGES = ["startupz", "call", "heartbeat", "metrics", "none", "bad-request"];

const isOld = Number(process.versions.node.split(".")[0]) < 22;

const RUNS = [
  { engine: "native", version: process.version, share: 0.15 },
  { engine: "native", version: `v${LTS}`, share: 0.15 },
  { engine: "grpc-js", version: process.version, share: 0.1 },
  { engine: "grpc-js", version: `v${LTS}`, share: 0.1 },
] as const;

/** A slow machine has few rounds in its time: it gets so many more, until everything was reached. */
const MAX_MORE_ROUNDS = 40;

/** Areas without a broken conversation so far, and what the process has not answered. */
function missing(engine: EngineName, { broken, answered }: Coverage): readonly string[] {
  const areas = Object.entries(AREAS).filter(([, { listener }]) => engine === "grpc-js" || listener !== "added");
  return [
    ...areas.flatMap(([name]) => (broken[name] === undefined ? [name] : [])),
    ...[...REACHED, ...REACHED_PAGES].filter((what) => answered[what] === undefined),
  ];
}

describe("broken conversations in every area leave the server as it was", { concurrency: 1 }, () => {
  for (const { engine, version, share } of RUNS) {
    test(`engine ${engine}, Node ${version}`, async (t) => {
      const program = version === process.version ? process.execPath : node(LTS);
      const hasOldNghttp2 = engine === "grpc-js" && isOld && program === process.execPath;
      const fuzzer = await ServerFuzzer.start({ engine, node: program, hasOldNghttp2 });
      const { coverage } = fuzzer;
      try {
        await fuzz(share, async (seed) => {
          if (coverage.rounds === 0) await fuzzer.verify(seed, 3);
          await fuzzer.round(seed);
        });
        for (let seed = 0; missing(engine, coverage).length > 0 && seed < MAX_MORE_ROUNDS; seed += 1)
          await fuzzer.round(seed);
        await fuzzer.end();
      } finally {
        await fuzzer.stop();
      }
      t.diagnostic(JSON.stringify(coverage));
      assert.deepEqual(missing(engine, coverage), []);
    });
  }
});
