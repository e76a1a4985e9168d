/** Certificates that are renewed and names that move, for 15 s. `npm run proof -- rotation` runs it for longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rotation } from "../rotation/rotation.js";

test("renewed certificates and moved names are seen within maxConnectionAge, expired ones fail, and no probe fails before", async (t) => {
  const { problems, ...figures } = await rotation({
    targets: 30,
    durationMs: 15_000,
    renewMs: 5_000,
    maxConnectionAgeMs: 3_000,
  });
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(problems, []);
  assert.ok(figures.probes > 200 && figures.renewals === 3, JSON.stringify(figures));
});
