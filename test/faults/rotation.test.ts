/** Certificates that are renewed and names that move, for 26 s. `npm run proof -- rotation` runs it for longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rotation } from "../rotation/rotation.js";

test("renewed certificates and moved names are seen within maxConnectionAge, expired ones fail, and no probe fails before", async (t) => {
  const { problems, ...figures } = await rotation({
    targets: 30,
    durationMs: 26_000,
    renewMs: 13_000,
    maxConnectionAgeMs: 8_000,
  });
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(problems, []);
  assert.ok(figures.probes > 200 && figures.renewals === 2, JSON.stringify(figures));
});
