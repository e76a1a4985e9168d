/**
 * Hostile targets of every scheme: the probers' process lives, every probe ends by its deadline, and nothing is kept.
 * `npm run proof -- fuzz --minutes 60` runs the same for longer.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LTS, node } from "../../interop/install.js";
import { fuzz } from "../budget.js";
import { type ClientCoverage, ClientFuzzer } from "./fuzzer.js";
import { SCHEME_NAMES } from "./hostile-target.js";
import { HOSTILITY_NAMES } from "./hostility.js";

/** A slow machine has few rounds in its time: it gets so many more, until everything was reached. */
const MAX_MORE_ROUNDS = 40;

/** What no probe or target has done so far. */
function missing({ probes, hostilities }: ClientCoverage): readonly string[] {
  const outcomes = SCHEME_NAMES.flatMap((scheme) => [
    `${scheme} pass`,
    ...(scheme === "tcp" ? [] : [`${scheme} fail`]),
  ]);
  return [
    ...outcomes.filter((outcome) => probes[outcome] === undefined),
    ...HOSTILITY_NAMES.filter((hostility) => hostilities[hostility] === undefined),
  ];
}

const RUNS = [
  { version: process.version, share: 0.1 },
  { version: `v${LTS}`, share: 0.1 },
] as const;

describe("hostile targets of every scheme end their own probe only", { concurrency: 1 }, () => {
  for (const { version, share } of RUNS) {
    test(`Node ${version}`, async (t) => {
      const fuzzer = await ClientFuzzer.start({ node: version === process.version ? process.execPath : node(LTS) });
      const { coverage } = fuzzer;
      try {
        await fuzzer.verify();
        await fuzz(share, (seed) => fuzzer.round(seed));
        for (let seed = 0; missing(coverage).length > 0 && seed < MAX_MORE_ROUNDS; seed += 1) await fuzzer.round(seed);
        await fuzzer.end();
      } finally {
        await fuzzer.stop();
      }
      t.diagnostic(JSON.stringify(coverage));
      assert.deepEqual(missing(coverage), []);
    });
  }
});
