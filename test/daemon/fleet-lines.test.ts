/** What the log says of a fleet. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { logFleet } from "../../src/daemon/fleet-lines.js";
import type { FleetEvent } from "../../src/fleet/fleet-deps.js";
import { StoreError } from "../../src/fleet/store/store.js";

it("a store that fails is one line for each kind of failure: what follows from it is no news, until the store answers", () => {
  const lines: string[] = [];
  const tell = logFleet({ write: (_, event) => void lines.push(event), close() {} }, { name: "prod" });
  const failed = (code: StoreError["code"]): FleetEvent => ({
    kind: "store-failed",
    error: new StoreError(code, "it failed"),
  });
  const resync: FleetEvent = { kind: "resync", run: "r", cause: "log-lost" };
  for (const event of [resync, failed("refused"), resync, failed("refused"), failed("timeout"), resync]) tell(event);
  assert.deepEqual(lines, ["fleet-resync", "fleet-store-failed", "fleet-store-failed"]);
  for (const event of [{ kind: "store-answers" }, { kind: "store-answers" }, resync] as const) tell(event);
  assert.deepEqual(lines.slice(3), ["fleet-store-answers", "fleet-resync"]);
});
