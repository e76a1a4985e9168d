/**
 * Automatic recovery under a real systemd, with the files of deploy/systemd/examples.
 *
 *     app.service: its health fails --+--> healthbridge.service, a rule of `recovery` --> healthbridge-recover@app.path --+--> restart
 *                                     '--> healthbridge-watch@app.timer --> healthbridge-restart@app.service ------------'
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.js";
import { debianPackage } from "../packages/debian-package.js";
import { DebianRoot } from "../packages/debian-root.js";
import { Machine } from "./machine.js";
import { block, runBlock } from "./page.js";

const EXAMPLES = fileURLToPath(new URL("../../../deploy/systemd/examples/", import.meta.url));

/** The application is healthy until there is a file /run/broken. Its start repairs it, unless it is broken for good. */
const APP = `[Service]
Type=notify
NotifyAccess=all
ExecStartPre=/bin/sh -c 'test -e /run/broken-for-good || rm -f /run/broken'
ExecStart=/usr/bin/healthbridge serve -c /etc/app.yaml
`;

const APP_CONFIG = `listen: ["127.0.0.1:9000"]
allowExec: true
drainDelay: 0s
checks:
  disk: { exec: [test, "!", -e, /run/broken], interval: 1s, timeout: 900ms, unhealthyThreshold: 1, healthyThreshold: 1 }
`;

/**
 * The rule of the page, with times that are as short as possible on a busy machine: one probe that is late must not start a run,
 * and with the cool-down, neither must a result of the middle of a restart.
 */
const CONFIG = `listen: ["127.0.0.1:50051"]
drainDelay: 0s
${block("recover", "yaml")
  .replace(
    "grpc://localhost:9000",
    '{ target: "grpc://127.0.0.1:9000", interval: 1s, timeout: 900ms, healthyThreshold: 1 }',
  )
  .replace("restart-app] }", "restart-app], after: 3s, cooldown: 8s, maxRuns: 2 }")}`;

/** Time for a machine that is busy. */
const PATIENT = ["-connect-timeout=20s", "-rpc-timeout=20s"];

let root: DebianRoot;
let machine: Machine;
const folder = mkdtempSync(join(tmpdir(), "healthbridge-recovery-"));

before(async () => {
  root = await DebianRoot.open();
  const installed = await root.run("dpkg", "--install", debianPackage({ folder }));
  if (installed.code !== 0) throw new Error(installed.stderr);
  for (const name of readdirSync(EXAMPLES))
    root.write(`/etc/systemd/system/${name}`, readFileSync(join(EXAMPLES, name)));
  root.write("/etc/systemd/system/app.service", APP);
  root.write("/etc/app.yaml", APP_CONFIG);
  root.write("/etc/healthbridge/healthbridge.yaml", CONFIG);
  machine = await Machine.boot(root);
});

after(async () => {
  await machine?.close();
  await root?.close();
  rmSync(folder, { recursive: true });
});

const starts = async () => (await machine.journal("app.service")).split("Started app.service").length - 1;

async function isServing(address: string, service = ""): Promise<boolean> {
  const flags = [`-addr=${address}`, `-service=${service}`, ...PATIENT];
  return (await machine.try("healthbridge", "probe", ...flags)).code === 0;
}

/** What has happened, for a test that fails. */
const report = () => machine.run("journalctl", "--no-pager", "--lines=80");

async function eventuallyTrue(condition: () => Promise<boolean>, what: string): Promise<void> {
  await eventually(condition, what, 60_000).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await report()}`);
  });
}

test("the examples are valid units", async () => {
  const units = ["path", "timer", "service"].flatMap((kind) =>
    readdirSync(EXAMPLES)
      .filter((name) => name.endsWith(`@.${kind}`))
      .map((name) => name.replace("@", "@app")),
  );
  assert.equal(units.length, 5);
  const verified = await machine.try("systemd-analyze", "verify", "--man=no", ...units);
  assert.deepEqual(verified, { code: 0, stdout: "", stderr: "" });
});

test("a rule of healthbridge restarts a unit that fails or hangs, without rights, and not more often than maxRuns", async () => {
  await machine.run("systemctl", "start", "app.service");
  await runBlock(machine, "recover");
  await eventuallyTrue(() => isServing("127.0.0.1:50051", "app"), "healthbridge reports the app as SERVING");
  assert.equal(await starts(), 1);
  await machine.run("touch", "/run/broken");
  await eventuallyTrue(async () => (await starts()) === 2, "the app is restarted because its health fails");
  await eventuallyTrue(() => isServing("127.0.0.1:50051", "app"), "it is SERVING again");
  await machine.run("systemctl", "kill", "--signal=STOP", "app.service");
  await eventuallyTrue(async () => (await starts()) === 3, "the app is restarted because it hangs");
  await eventuallyTrue(() => isServing("127.0.0.1:50051", "app"), "it is SERVING again");
  await machine.run("touch", "/run/broken");
  const gaveUp = async () => /"recovery-gave-up"/.test(await machine.journal("healthbridge.service"));
  await eventuallyTrue(gaveUp, "healthbridge gives it up");
  assert.equal(await starts(), 3);
  assert.equal(await machine.property("app.service", "ActiveState"), "active", "its process runs, but is not healthy");
});

test("a timer without a daemon restarts a unit whose probe fails, and not more often than StartLimitBurst", async () => {
  await machine.run("systemctl", "stop", "healthbridge.service", "healthbridge-recover@app.path", "app.service");
  root.write(
    "/etc/systemd/system/healthbridge-watch@.timer.d/test.conf",
    "[Timer]\nOnActiveSec=1s\nOnUnitInactiveSec=1s\n",
  );
  root.write("/etc/systemd/system/healthbridge-restart@.service.d/test.conf", "[Unit]\nStartLimitBurst=2\n");
  await machine.run("systemctl", "daemon-reload");
  await machine.run("systemctl", "start", "app.service");
  await runBlock(machine, "watch");
  const before = await starts();
  await machine.run("touch", "/run/broken");
  await eventuallyTrue(async () => (await starts()) === before + 1, "the app is restarted");
  await eventuallyTrue(() => isServing("127.0.0.1:9000"), "it is SERVING again");
  await machine.run("touch", "/run/broken-for-good");
  await machine.run("touch", "/run/broken");
  const isRefused = async () =>
    (await machine.property("healthbridge-restart@app.service", "Result")) === "start-limit-hit";
  await eventuallyTrue(isRefused, "systemd refuses a third restart");
  assert.equal(await starts(), before + 2);
  await machine.run("systemctl", "stop", "app.service");
  const skipped = async () => (await machine.property("healthbridge-watch@app.service", "Result")) === "exec-condition";
  await eventuallyTrue(skipped, "a unit that was stopped on purpose is left alone");
  assert.equal(await machine.property("app.service", "ActiveState"), "inactive");
});
