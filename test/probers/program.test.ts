/** The end of a program that is aborted: what of it is killed. That a process that ignores SIGTERM is: hooks/recovery. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunningProgram } from "../../src/probers/program.js";
import { VirtualClock } from "../support/virtual-clock.js";

/** Runs a script without `groups`, as recovery does, and aborts it. Resolves when the program itself has ended. */
async function aborted(script: string): Promise<VirtualClock> {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const program = new RunningProgram(["sh", "-c", script], {
    ...{ clock, signal: abort.signal, env: { PATH: process.env.PATH ?? "" }, groups: undefined, killAfterMs: 5_000 },
  });
  abort.abort();
  const { killedBy } = await program.ended;
  assert.equal(killedBy, "SIGTERM");
  return clock;
}

test("no signal is sent later to a group that is empty: its number may be that of another one by then", async () => {
  const clock = await aborted("exec sleep 60");
  assert.equal(clock.pendingTimers, 0);
});
