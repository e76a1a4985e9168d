/** Drains and maintenance survive SIGKILL at any moment. `npm run proof -- control` is the long form. Needs the build. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killRounds } from "./kill-rounds.js";

test("what was answered is there after kill -9 and a restart, and nothing else is", async () => {
  const { problems, answered, rounds } = await killRounds(10, 7);
  assert.deepEqual(problems, []);
  assert.equal(rounds, 10);
  assert.ok(answered > 10, `${answered} calls were answered`);
});
