/** The history survives SIGKILL at any moment. `npm run proof -- history` is the long form. Needs the build. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killRounds } from "./kill-rounds.js";

test("after kill -9, the history has no time that was not, and lost at most the stated seconds", async (t) => {
  const { problems, ...figures } = await killRounds(10, 7, 1_500);
  t.diagnostic(JSON.stringify(figures));
  assert.deepEqual(problems, []);
  assert.ok(figures.rounds === 10 && figures.reports > 50, JSON.stringify(figures));
});
