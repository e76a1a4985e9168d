/**
 * Broken conversations in every area against both engines: the process lives, serves honest clients after each batch, tells
 * no fault and keeps nothing. `npm run proof -- fuzz --minutes 60` runs the same for longer.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { node } from "../../interop/install.js";
import { fuzz } from "../budget.js";
import { AREAS } from "./areas.js";
import { ServerFuzzer } from "./fuzzer.js";

/** The newest LTS, whose nghttp2 is patched. */
const LTS = "24.21.0";

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

describe("broken conversations in every area leave the server as it was", { concurrency: 1 }, () => {
  for (const { engine, version, share } of RUNS) {
    test(`engine ${engine}, Node ${version}`, async (t) => {
      const program = version === process.version ? process.execPath : node(LTS);
      const hasOldNghttp2 = engine === "grpc-js" && isOld && program === process.execPath;
      const fuzzer = await ServerFuzzer.start({ engine, node: program, hasOldNghttp2 });
      try {
        await fuzz(share, async (seed) => {
          if (fuzzer.coverage.rounds === 0) await fuzzer.verify(seed, 3);
          await fuzzer.round(seed);
        });
        await fuzzer.end();
      } finally {
        await fuzzer.stop();
      }
      const { rounds, aborts, broken, answered } = fuzzer.coverage;
      t.diagnostic(`${rounds} rounds, ${aborts} native aborts, ${JSON.stringify({ broken, answered })}`);
      const areas = Object.entries(AREAS).filter(([, { listener }]) => engine === "grpc-js" || listener !== "added");
      for (const [name] of areas) assert.ok((broken[name] ?? 0) > 0, `no broken conversation of ${name}`);
      for (const what of [...REACHED, ...REACHED_PAGES]) assert.ok((answered[what] ?? 0) > 0, `${what} not reached`);
    });
  }
});
