/** `healthbridge instances` against a daemon without discovery. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { run } from "./program.js";

const MANY = 1_050;

const folder = mkdtempSync(join(tmpdir(), "hb-instances-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "healthbridge.yaml");
const socket = join(folder, "hb.sock");
const addresses = Array.from({ length: MANY }, (_, at) => `127.0.${at >> 8}.${at & 255}:9`);
writeFileSync(join(folder, "many.json"), JSON.stringify([{ targets: addresses }]));
writeFileSync(
  file,
  `listen: ["127.0.0.1:0"]
control: ${socket}
drainDelay: 0s
checks:
  a: { target: "tcp://127.0.0.1:9", advertise: "gateway.example:443", tags: [blue, eu], weight: 3, interval: 1s }
  b: { target: "tcp://[::1]:9", interval: 1s }
  beat: { heartbeat: { ttl: 1h, token: t } }
  many: { target: "tcp://{address}", instances: { file: ${folder}/many.json }, interval: 1h }
services: { orders: { any: [a, b, beat] } }
`,
);

describe("healthbridge instances", () => {
  let daemon: DaemonProcess;
  const ask = (...args: readonly string[]) => run("instances", ...args, "--control", socket);

  before(async () => {
    daemon = await DaemonProcess.serve("-c", file);
    const isProbed = async () => (await ask("orders")).stdout.split("\n").filter((line) => /refused/.test(line)).length;
    await eventually(async () => (await isProbed()) === 2, "both are probed");
  });
  after(() => daemon.kill());

  test("prints a table of one service: where traffic goes, the state and its cause", async () => {
    const { stdout, code } = await ask("orders");
    assert.equal(code, 0);
    const [head = "", first = "", second = "", ...rest] = stdout.trimEnd().split("\n");
    assert.match(head, /^SERVICE +INSTANCE +ADDRESS +STATE +REASON +WEIGHT +TAGS +SINCE$/);
    assert.match(first, /^orders +a +gateway\.example:443 +unhealthy +refused +3 +blue,eu +20\S+Z$/);
    assert.match(second, /^orders +b +\[::1\]:9 +unhealthy +refused +1 +20\S+Z$/);
    assert.deepEqual(rest, [], "a heartbeat is no instance");
  });

  test("prints JSON on one line", async () => {
    const { stdout } = await ask("orders", "--json");
    assert.equal(stdout.split("\n").length, 2);
    const { services } = JSON.parse(stdout);
    assert.deepEqual(
      services.map(({ name, known }: { name: string; known: boolean }) => [name, known]),
      [["orders", true]],
    );
    const [{ check, host, port, state, drained, weight, tags }] = services[0].instances;
    assert.deepEqual(
      [check, host, port, state, drained, weight, tags],
      ["a", "gateway.example", 443, "unhealthy", false, 3, ["blue", "eu"]],
    );
  });

  test("prints all services, and each of many instances once", async () => {
    const { stdout } = await ask("--json");
    const services: readonly { readonly name: string; readonly instances: readonly { readonly check: string }[] }[] =
      JSON.parse(stdout).services;
    assert.deepEqual(
      services.map(({ name, instances }) => [name, instances.length]),
      [
        ["a", 1],
        ["b", 1],
        ["many", MANY],
        ["orders", 2],
      ],
    );
    assert.equal(new Set(services[2]?.instances.map(({ check }) => check)).size, MANY);
    const lines = (await ask("many")).stdout.split("\n");
    assert.equal(lines.filter((line) => /^many +many\/[0-9a-f]{12} +127\.0\.\d+\.\d+:9 /.test(line)).length, MANY);
  });

  test("shows what an operator has drained", async () => {
    await run("drain", "a", "--control", socket);
    assert.match((await ask("orders")).stdout, /unhealthy drained/);
    await run("resume", "a", "--control", socket);
    assert.doesNotMatch((await ask("orders")).stdout, /drained/);
  });

  test("refuses an unknown service with the nearest name, and a check without instances", async () => {
    const wrong = await ask("ordres");
    assert.deepEqual([wrong.code, wrong.stdout], [3, ""]);
    assert.match(wrong.stderr, /there is no service "ordres" with instances; did you mean orders\?/);
    assert.equal((await ask("beat")).code, 3);
  });

  test("has a help with examples", async () => {
    const { stdout, code } = await run("instances", "--help");
    assert.equal(code, 0);
    assert.match(stdout, /Usage: healthbridge instances \[SERVICE\] \[FLAGS\]/);
    assert.match(stdout, /healthbridge instances orders --json/);
  });
});
