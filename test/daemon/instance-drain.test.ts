/** A drain of an instance outlives a restart at which its source does not answer, and ends with its address. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { callControl } from "../../src/client/control-client.js";
import { readConfigText } from "../../src/config/load.js";
import { validateConfig } from "../../src/config/validate.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { eventually } from "../support/eventually.js";

const folderOf = (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-drain-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
};

test("A drain of an instance outlives a restart without its source, and ends when its address is removed.", async (t) => {
  const folder = folderOf(t);
  const at = (name: string) => join(folder, name);
  const write = (...targets: readonly string[]) => writeFileSync(at("t.json"), JSON.stringify([{ targets }]));
  const socket = at("control");
  const text = `
listen: ["127.0.0.1:0"]
control: ${socket}
stateDir: ${at("state")}
checks:
  orders: { target: "tcp://{address}", startup: false, instances: { file: "${at("t.json")}", refresh: 1s } }`;
  const events: string[] = [];
  const log = { write: (_: string, event: string) => void events.push(event), close() {} };
  const start = () =>
    startDaemon(validateConfig(readConfigText("f.yaml", text, {})), { instance: t.name, log, environment: {} });
  const call = { path: socket, timeoutMs: 10_000 };
  const reports = async () => {
    const found = new Map<string, boolean>();
    for (const { services } of await callControl("Status", {}, call))
      for (const { name, drain } of services) if (name.startsWith("orders/")) found.set(name, drain !== undefined);
    return found;
  };
  write("127.0.0.1:9", "127.0.0.2:9");
  let daemon = await start();
  const [name = ""] = (await reports()).keys();
  assert.match(name, /^orders\/[0-9a-f]{12}$/);
  await callControl("Drain", { service: name }, call);
  await daemon.stop({ drainDelayMs: 0 });
  rmSync(at("t.json"));
  daemon = await start();
  t.after(() => daemon.stop({ drainDelayMs: 0 }));
  assert.ok(!events.includes("drain-ended"), "its source has not answered");
  write("127.0.0.1:9", "127.0.0.2:9");
  await eventually(async () => (await reports()).get(name) === true, "it is found, and drained");
  assert.equal([...(await reports()).values()].filter(Boolean).length, 1);
  writeFileSync(at("t.json"), "[]");
  await eventually(() => events.includes("drain-ended"), "its address is removed");
  assert.ok(readdirSync(folder).includes("state"));
});

test("A configuration with a template that is not valid starts nothing.", async () => {
  const text = `listen: ["127.0.0.1:0"]\nchecks: { orders: { target: "grpc://{host}", instances: { srv: h } } }`;
  const loaded = validateConfig(readConfigText("f.yaml", text, {}));
  const log = { write() {}, close() {} };
  await assert.rejects(
    startDaemon(loaded, { instance: "i", log, environment: {} }),
    /orders\.target: .*a port is missing/,
  );
});
