/** The rows of the image about its first process: what it reads, its signals, its children, its health check. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually, inTime } from "../../support/eventually.js";
import { events } from "../../support/smoke/serving.js";
import { type ImageInstallation, serving, zombiesOf } from "./image-installation.js";

/** A network of its own: the default ports are free. */
const ALONE = "--network=none";

/** A folder with a configuration, which every user can read. */
function folderOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-volume-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "healthbridge.yaml"), text);
  return folder;
}

export function processRows(image: () => ImageInstallation): void {
  startRows(image);
  signalRows(image);
  childRows(image);
}

function startRows(image: () => ImageInstallation): void {
  test("without arguments it reports its own health on its default ports, and its health check passes", async (t) => {
    const container = await serving(t, image().container([ALONE]));
    assert.deepEqual(events(container, "serving")[0]?.addresses, ["[::]:50051", "[::]:8080"]);
    const health = await container.podman("healthcheck", "run", container.name);
    assert.deepEqual([health.code, health.stdout], [0, ""], health.stderr);
    const probe = await container.podman("exec", container.name, "/bin/grpc_health_probe", "-addr=:50051");
    assert.deepEqual([probe.code, probe.stderr], [0, "status: SERVING\n"]);
  });

  test("it reads the file in /etc/healthbridge, and its health check fails when nothing listens on its address", async (t) => {
    const folder = folderOf(t, `listen: ["127.0.0.1:9000"]\nchecks: { a: "tcp://127.0.0.1:1" }\n`);
    const options = [ALONE, `--volume=${folder}:/etc/healthbridge:ro`];
    const container = await serving(t, image().container(options));
    assert.deepEqual(events(container, "serving")[0]?.addresses, ["127.0.0.1:9000"]);
    assert.equal((await container.podman("healthcheck", "run", container.name)).code, 1);
    const moved = await serving(t, image().container([...options, "--env=HEALTHBRIDGE_PROBE_ADDR=:9000"]));
    assert.equal((await moved.podman("healthcheck", "run", moved.name)).code, 0);
  });

  test("a configuration that is missing, or that its user cannot read, is an error with exit code 2", async (t) => {
    const folder = folderOf(t, "checks: {}\n");
    const options = [ALONE, `--volume=${folder}:/etc/healthbridge:ro`];
    chmodSync(folder, 0o700);
    const refused = image().container(options);
    assert.equal(await refused.ended, 2);
    assert.match(refused.output(), /^\/etc\/healthbridge\/healthbridge\.yaml: .*permission denied/m);
    chmodSync(folder, 0o755);
    rmSync(join(folder, "healthbridge.yaml"));
    const missing = image().container(options);
    assert.equal(await missing.ended, 2);
    assert.match(missing.output(), /^\/etc\/healthbridge\/healthbridge\.yaml: cannot read this file: not found/m);
  });
}

/** The file of the commands takes for ever to load. */
const SLOW_COMMANDS = `const { Module } = require("node:module");
const load = Module._load;
Module._load = (name, ...rest) => {
  if (!name.endsWith("/commands.cjs")) return load(name, ...rest);
  console.log("loading");
  setInterval(() => {}, 60_000);
};
`;

function signalRows(image: () => ImageInstallation): void {
  test("SIGTERM ends it before its commands are loaded, although the kernel drops signals for process 1", async (t) => {
    const folder = folderOf(t, "checks: {}\n");
    writeFileSync(join(folder, "slow.cjs"), SLOW_COMMANDS);
    const options = [ALONE, `--volume=${folder}:/slow:ro`, "--env=NODE_OPTIONS=--require=/slow/slow.cjs"];
    const container = image().container(options);
    t.after(() => container.kill());
    await eventually(() => container.output().includes("loading"), "it loads its commands");
    container.signal("SIGTERM");
    assert.equal(await inTime(container.ended, "it ends"), 143);
  });

  test("a second SIGTERM ends it at once", async (t) => {
    const container = await serving(t, image().container([ALONE], ["serve", "--drain-delay=10m"]));
    container.signal("SIGTERM");
    await eventually(() => events(container, "draining").length > 0, "it drains");
    container.signal("SIGTERM");
    assert.equal(await inTime(container.ended, "it ends"), 143);
  });
}

/** A program that leaves a process behind, in its own process group. The image has no shell: Node runs it. */
const LEAVES_PROCESS = `allowExec: true
checks:
  leaves:
    interval: 1s
    exec:
      - node
      - -e
      - |
        const sleep = require("node:child_process").spawn("node", ["-e", "setTimeout(() => {}, 1e6)"], { stdio: "ignore" });
        sleep.unref();
`;

function childRows(image: () => ImageInstallation): void {
  test("health checks leave no process behind", async (t) => {
    const container = await serving(t, image().container([ALONE, "--no-healthcheck"]));
    const pid = await container.pid();
    for (let round = 0; round < 6; round += 1) {
      const probes = Array.from({ length: 4 }, () =>
        container.execQuickly(["healthbridge", "probe", "-service=liveness"]),
      );
      for (const { code, stderr } of await Promise.all(probes)) assert.equal(code, 0, stderr);
    }
    assert.equal(zombiesOf(pid), 0);
  });

  test("a program that leaves a process behind makes a zombie, and none with --init", async (t) => {
    const folder = folderOf(t, LEAVES_PROCESS);
    const [alone, withInit] = await Promise.all(
      [[], ["--init"]].map((options) => {
        const volume = `--volume=${folder}:/etc/healthbridge:ro`;
        return serving(t, image().container([ALONE, volume, "--user=0", ...options]));
      }),
    );
    assert.ok(alone !== undefined && withInit !== undefined);
    const pid = await alone.pid();
    await eventually(() => zombiesOf(pid) >= 2, "two programs have left a zombie each");
    const init = await withInit.pid();
    const passes = async () => (await withInit.exec("grpc-health-probe", ["-service=leaves"])).code === 0;
    await eventually(passes, "a program has ended");
    assert.equal(zombiesOf(init), 0);
  });
}
