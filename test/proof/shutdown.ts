/**
 * The proof of a shutdown under load: SIGTERM under 1,000 Checks a second, and calls of the application over HTTP and gRPC.
 * No call may fail before the drain delay is over. Then 1,000 starts and ends: nothing may be left.
 */
import { spawnSync } from "node:child_process";
import { LOADED_SERVERS, runGracefulLoad } from "../lifecycle/graceful-load.js";
import type { Arguments } from "./arguments.js";

const CHECKS_PER_SECOND = 1_000;
const DRAIN_DELAY_MS = 5_000;

export async function proveShutdown({ json }: Arguments): Promise<boolean> {
  let ok = true;
  for (const server of LOADED_SERVERS) {
    const load = { server, checksPerSecond: CHECKS_PER_SECOND, drainDelayMs: DRAIN_DELAY_MS };
    const { calls, failures, statuses, signal, output } = await runGracefulLoad(load);
    const isOk = failures.length === 0 && statuses.has(2) && signal === "SIGTERM" && !/given up|failed/.test(output);
    ok &&= isOk;
    const result = {
      server,
      before: calls[0],
      duringDrain: calls[1],
      failed: failures.length,
      first: failures[0],
      ok: isOk,
    };
    const text = `${server}: ${calls.join(" + ")} calls before and after SIGTERM, ${failures.length} failed`;
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text} ${failures[0] ?? ""}\n`);
  }
  const cycles = ["--import", "tsx", "test/run.ts", "hermetic", "lifecycle/start-stop"];
  return spawnSync(process.execPath, cycles, { stdio: json ? "ignore" : "inherit" }).status === 0 && ok;
}
