/**
 * The proof of the load-balancing policy for grpc-js: two backends, whose statuses flip 1,000 times under 500 calls a
 * second. No call may fail, no call may go to a backend that has not served for 100 ms, and no Watch may be left.
 */
import * as grpc from "@grpc/grpc-js";
import { registerHealthChecking } from "../../src/grpc-js.js";
import { GRACE_MS, runFlips } from "../client/policy/flips.js";
import type { Arguments } from "./arguments.js";

const CALLS_PER_SECOND = 500;

/** About two minutes. */
const FLIPS = 1_000;

export async function provePolicy({ seed = Date.now() % 1_000_000, json }: Arguments): Promise<boolean> {
  registerHealthChecking(grpc);
  const ends: (() => void)[] = [];
  const owner = { after: (action: () => void) => void ends.push(action) };
  const report = await runFlips(owner, { flips: FLIPS, callsPerSecond: CALLS_PER_SECOND, seed });
  for (const end of ends.reverse()) end();
  const { flips, calls, failed, stray, watches } = report;
  const late = stray.filter((ms) => ms > GRACE_MS);
  const longestMs = Math.max(0, ...stray);
  const ok = failed.length === 0 && late.length === 0 && watches[1] === 0;
  if (json) process.stdout.write(`${JSON.stringify({ seed, flips, calls, failed, stray, watches, ok })}\n`);
  else
    process.stdout.write(
      [
        `seed ${seed}: ${flips} flips, ${calls} calls`,
        `failed calls                                ${failed.length}${failed.length === 0 ? "" : ` (${failed[0]})`}`,
        `calls to a backend that was not serving     ${stray.length}, the last after ${longestMs.toFixed(1)} ms`,
        `  later than ${GRACE_MS} ms                         ${late.length}`,
        `Watches while the client was open, left     ${watches.join(", ")}`,
        ok ? "ok" : "FAILED",
        "",
      ].join("\n"),
    );
  return ok;
}
