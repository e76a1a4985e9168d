/**
 * Hostile targets of every scheme: the probers' process lives, every probe ends by its deadline, and nothing is kept.
 * `npm run proof -- fuzz --minutes 60` runs the same for longer.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../budget.js";
import { ClientFuzzer } from "./fuzzer.js";
import { SCHEME_NAMES } from "./hostile-target.js";
import { HOSTILITY_NAMES } from "./hostility.js";

test("hostile targets of every scheme end their own probe only", async (t) => {
  const fuzzer = await ClientFuzzer.start();
  try {
    await fuzzer.verify();
    await fuzz(0.2, (seed) => fuzzer.round(seed));
    await fuzzer.end();
  } finally {
    await fuzzer.stop();
  }
  const { rounds, probes, hostilities } = fuzzer.coverage;
  t.diagnostic(`${rounds} rounds, ${JSON.stringify({ probes, hostilities })}`);
  for (const scheme of SCHEME_NAMES) {
    assert.ok((probes[`${scheme} pass`] ?? 0) > 0, `no pass of ${scheme}`);
    if (scheme !== "tcp") assert.ok((probes[`${scheme} fail`] ?? 0) > 0, `no fail of ${scheme}`);
  }
  for (const hostility of HOSTILITY_NAMES) assert.ok((hostilities[hostility] ?? 0) > 0, `no target with ${hostility}`);
});
