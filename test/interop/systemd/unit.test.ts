/** The unit under a real systemd: start, status, reload, watchdog, restart, stop and socket activation. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually } from "../../support/eventually.js";
import { debianPackage } from "../packages/debian-package.js";
import { DebianRoot } from "../packages/debian-root.js";
import { run } from "../peers.js";
import { Machine } from "./machine.js";
import { block, runBlock } from "./page.js";

const UNIT = "healthbridge.service";
const FILE = "/etc/healthbridge/healthbridge.yaml";
const DROP_IN = `/etc/systemd/system/${UNIT}.d/test.conf`;

const CONFIG = `listen: ["127.0.0.1:50051"]
control: /run/healthbridge/healthbridge.sock
stateDir: /var/lib/healthbridge
drainDelay: 0s
`;

/** `systemd-analyze security` counts tenths of points: 13 is an exposure of 1.3. */
const MAX_EXPOSURE = "13";

/** Time for a machine that is busy. */
const PATIENT = ["-connect-timeout=20s", "-rpc-timeout=20s"];

let root: DebianRoot;
let machine: Machine;
const folder = mkdtempSync(join(tmpdir(), "healthbridge-unit-"));

before(async () => {
  root = await DebianRoot.open();
  machine = await Machine.boot(root);
  await machine.run("dpkg", "--install", await copied(debianPackage({ folder })));
});

after(async () => {
  await machine?.close();
  await root?.close();
  rmSync(folder, { recursive: true });
});

/** Puts a file into the machine. Returns its path there. */
async function copied(file: string): Promise<string> {
  const target = "/var/cache/healthbridge.deb";
  const { code, stderr } = await run("cp", [file, root.pathOf(target)]);
  assert.equal(code, 0, stderr);
  return target;
}

/** Starts the service anew, with a configuration and settings of the unit. */
async function restart(config: string, settings: readonly string[] = []): Promise<void> {
  root.write(FILE, config);
  root.write(DROP_IN, `[Service]\n${settings.join("\n")}\n`);
  await machine.run("systemctl", "daemon-reload");
  await machine.run("systemctl", "restart", UNIT);
}

const signal = (name: string) => machine.run("systemctl", "kill", "--kill-whom=main", `--signal=${name}`, UNIT);

const pid = () => machine.property(UNIT, "MainPID");

async function probe(address: string): Promise<string> {
  const { code, stderr } = await machine.try("healthbridge", "probe", `-addr=${address}`, ...PATIENT);
  return `${code} ${stderr.trim().split("\n").at(-1)}`;
}

test("the unit files are valid, and their exposure is at most 1.3", async () => {
  const verified = await machine.try("systemd-analyze", "verify", "--man=no", UNIT, "healthbridge.socket");
  assert.deepEqual(verified, { code: 0, stdout: "", stderr: "" });
  await machine.run("systemd-analyze", "security", "--no-pager", `--threshold=${MAX_EXPOSURE}`, UNIT);
});

test("systemctl start returns when every address answers, and the status names the services that are SERVING", async () => {
  await restart(
    `${CONFIG}checks: { self: "tcp://127.0.0.1:50051", down: { target: "tcp://127.0.0.1:9", interval: 1s } }\n`,
  );
  assert.deepEqual(await probe("127.0.0.1:50051").then((text) => text.slice(0, 2)), "4 ");
  await eventually(
    async () => (await machine.property(UNIT, "StatusText")) === "NOT_SERVING: 1 of 2 services are SERVING",
    "the status text",
  );
});

test("systemctl reload applies a valid file, and fails for an invalid one, which changes nothing", async () => {
  await restart(CONFIG);
  const before = await pid();
  root.write(FILE, `${CONFIG}checks: { self: "tcp://127.0.0.1:50051" }\n`);
  await machine.run("systemctl", "reload", UNIT);
  await eventually(async () => (await machine.property(UNIT, "ActiveState")) === "active", "the reload is over");
  await eventually(
    async () => (await machine.try("healthbridge", "status", "self")).code === 0,
    "the check of the new file is known",
  );
  root.write(FILE, `${CONFIG}lissen: []\n`);
  assert.equal((await machine.try("systemctl", "reload", UNIT)).code, 1);
  assert.match(await machine.journal(UNIT), /healthbridge\.yaml:5:1: lissen: unknown key; did you mean listen\?/);
  await machine.run("healthbridge", "status", "self");
  assert.deepEqual([await pid(), await machine.property(UNIT, "ActiveState")], [before, "active"]);
});

test("a daemon whose event loop is blocked is killed by the watchdog and started again, another one is not", async () => {
  await restart(CONFIG, ["WatchdogSec=2s"]);
  const before = await pid();
  const startedAt = performance.now();
  await eventually(async () => performance.now() - startedAt > 5_000, "two and a half periods of the watchdog");
  assert.deepEqual([await pid(), await machine.property(UNIT, "NRestarts")], [before, "0"]);
  await signal("STOP");
  await eventually(async () => (await machine.property(UNIT, "NRestarts")) === "1", "systemd starts it again");
  assert.match(await machine.journal(UNIT), /Failed with result 'watchdog'/);
  await eventually(async () => (await machine.property(UNIT, "ActiveState")) === "active", "it is ready again");
  assert.equal(await probe("127.0.0.1:50051"), "0 status: SERVING");
});

test("a daemon that is killed is started again", async () => {
  await restart(CONFIG);
  await signal("KILL");
  await eventually(async () => (await machine.property(UNIT, "NRestarts")) === "1", "systemd starts it again");
  await eventually(async () => (await machine.property(UNIT, "ActiveState")) === "active", "it is ready again");
});

test("systemctl stop drains first, also for longer than TimeoutStopSec", async () => {
  await restart(CONFIG.replace("drainDelay: 0s", "drainDelay: 3s"), ["TimeoutStopSec=1s"]);
  assert.equal(await probe("127.0.0.1:50051"), "0 status: SERVING");
  const stopped = machine.run("systemctl", "stop", UNIT);
  await eventually(async () => (await probe("127.0.0.1:50051")).startsWith("4 "), "it reports NOT_SERVING");
  assert.equal(await machine.property(UNIT, "ActiveState"), "deactivating");
  await stopped;
  assert.equal(await machine.property(UNIT, "Result"), "success");
});

test("a secret that only root can read reaches healthbridge as a credential", async () => {
  await runBlock(machine, "secret");
  const file = "/etc/healthbridge/secret/token";
  assert.equal(await machine.run("stat", "--format=%a %U", file), "600 root\n");
  const token = (await machine.run("cat", file)).trim();
  assert.ok(token.length > 40);
  const [section = "", setting = ""] = block("credentials", "ini").split("\n").slice(1);
  assert.equal(section, "[Service]");
  await restart(CONFIG + block("credentials", "yaml"), [setting]);
  const list = await machine.try("healthbridge", "list", "127.0.0.1:50051");
  assert.match(list.stderr, /token|Unauthenticated|UNAUTHENTICATED/i);
  const known = ["--rpc-header", `authorization:Bearer ${token}`];
  assert.equal((await machine.try("healthbridge", "list", "127.0.0.1:50051", ...known)).code, 0);
});

test("with healthbridge.socket, connections that arrive after a crash wait for the new process", async () => {
  root.write(FILE, block("activation", "yaml").replace('"fd://4"', '"fd://4", "fd://5"'));
  root.write("/etc/systemd/system/healthbridge.socket.d/unix.conf", "[Socket]\nListenStream=/run/health.sock\n");
  await machine.run("systemctl", "daemon-reload");
  await runBlock(machine, "activation");
  for (const address of ["127.0.0.1:50051", "127.0.0.1:8080", "unix:/run/health.sock"])
    assert.equal(await probe(address), "0 status: SERVING", address);
  assert.match(
    await machine.journal(UNIT),
    /serving own health .* on \[::\]:50051, \[::\]:8080, unix:\/run\/health\.sock/,
  );
  await signal("KILL"); // RestartSec is 2 s
  assert.equal(await probe("127.0.0.1:50051"), "0 status: SERVING");
  assert.equal(await machine.property(UNIT, "NRestarts"), "1");
});

test("the commands of the page work", async () => {
  assert.match(await runBlock(machine, "service"), /Status: "SERVING: no services"/);
  const service = await machine.run("cat", `/lib/systemd/system/${UNIT}`);
  root.write("/deploy/systemd/healthbridge.service", service);
  root.write(
    "/deploy/systemd/healthbridge.sysusers",
    await machine.run("cat", "/usr/lib/sysusers.d/healthbridge.conf"),
  );
  await machine.run("sh", "-e", "-c", `cd /; ${block("copy", "sh").replaceAll("sudo ", "")}`);
  assert.equal(await machine.run("cat", `/etc/systemd/system/${UNIT}`), service);
});
