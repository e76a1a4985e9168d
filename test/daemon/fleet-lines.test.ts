/** What the log says of a fleet. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { logConfigs, logFleet } from "../../src/daemon/fleet-lines.js";
import type { FleetEvent } from "../../src/fleet/fleet-deps.js";
import { StoreError } from "../../src/fleet/store/store.js";
import type { FleetMemberState } from "../../src/registry/ports.js";
import type { Log } from "../../src/telemetry/log.js";

it("a store that fails is one line for each kind of failure: what follows from it is no news, until the store answers", () => {
  const lines: string[] = [];
  const texts: string[] = [];
  const write: Log["write"] = (_, event, message) => {
    lines.push(event);
    texts.push(message);
  };
  const tell = logFleet({ write, close() {} }, { name: "prod" });
  const failed = (code: StoreError["code"]): FleetEvent => ({
    kind: "store-failed",
    error: new StoreError(code, "it failed"),
  });
  const resync: FleetEvent = { kind: "resync", run: "r", cause: "log-lost" };
  for (const event of [resync, failed("refused"), resync, failed("refused"), failed("timeout"), resync]) tell(event);
  assert.deepEqual(lines, ["fleet-resync", "fleet-store-failed", "fleet-store-failed"]);
  for (const event of [{ kind: "store-answers" }, { kind: "store-answers" }, resync] as const) tell(event);
  assert.deepEqual(lines.slice(3), ["fleet-store-answers", "fleet-resync"]);
  assert.equal(texts.at(-1), "read all votes of the process r (log-lost)", "without its fields, a text names it too");
});

it("an order that was lost is a warning with the name of its member", () => {
  const lines: unknown[] = [];
  const tell = logFleet({ write: (...line) => void lines.push(line), close() {} }, { name: "prod" });
  for (const isDraining of [true, false]) tell({ kind: "order-lost", member: "b", isDraining });
  const lost = (order: string) => `b has not read the order to ${order}: it is given up`;
  assert.deepEqual(lines, [
    ["warn", "fleet-order-lost", lost("hand its checks over"), { fleet: "prod", member: "b", drained: true }],
    ["warn", "fleet-order-lost", lost("take its share again"), { fleet: "prod", member: "b", drained: false }],
  ]);
});

const member = (name: string, sameConfig: boolean | undefined): FleetMemberState => ({
  ...{ member: name, zone: "", state: "alive", checks: 1, sameConfig },
});

it("the log names the members with another configuration, once for each change, and tells when there is none", () => {
  const lines: unknown[] = [];
  const write = (level: string, event: string, _message: string, fields?: object) =>
    void lines.push([level, event, Object(fields).members]);
  const tell = logConfigs({ write } as Pick<Log, "write"> as Log, "prod"); // it writes, and does nothing else
  tell([member("a", true), member("b", undefined)]);
  assert.deepEqual(lines, [], "a member that starts has no configuration yet");
  for (let beat = 0; beat < 2; beat += 1) tell([member("a", true), member("b", false)]);
  tell([member("a", true), member("b", false), member("c", false)]);
  for (let beat = 0; beat < 2; beat += 1) tell([member("a", true), member("b", true)]);
  assert.deepEqual(lines, [
    ["warn", "fleet-config-differs", ["b"]],
    ["warn", "fleet-config-differs", ["b", "c"]],
    ["info", "fleet-config-differs", []],
  ]);
});
