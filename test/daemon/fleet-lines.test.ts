/** What the log says of other configurations in a fleet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logConfigs } from "../../src/daemon/fleet-lines.js";
import type { FleetMemberState } from "../../src/registry/ports.js";
import type { Log } from "../../src/telemetry/log.js";

const member = (name: string, sameConfig: boolean | undefined): FleetMemberState => ({
  ...{ member: name, zone: "", state: "alive", checks: 1, sameConfig },
});

test("the log names the members with another configuration, once for each change, and tells when there is none", () => {
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
