/** The Debian package: built, installed in a Debian of its own, asked by the smoke suite, upgraded, removed and purged. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { InstalledPrograms } from "../../support/smoke/installed-programs.js";
import { smokeRows } from "../../support/smoke/smoke.js";
import { debian } from "../install.js";
import { run } from "../peers.js";
import { debianPackage } from "./debian-package.js";
import { DebianRoot } from "./debian-root.js";

const FILE = "/etc/healthbridge/healthbridge.yaml";

/** Files that the package brings, beside its documentation. */
const FILES = [
  "/lib/systemd/system/healthbridge.service",
  "/lib/systemd/system/healthbridge.socket",
  "/usr/bin/grpc-health-probe",
  "/usr/bin/healthbridge",
  "/usr/lib/sysusers.d/healthbridge.conf",
  "/usr/share/bash-completion/completions/healthbridge",
];

describe("the Debian package", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-deb-"));
  let root: DebianRoot;
  const installation = new InstalledPrograms({
    name: "Debian package",
    command: (program) => [...root.chroot, program],
  });

  /** Runs dpkg in the root. Returns what it prints. */
  async function dpkg(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await root.run("dpkg", ...args);
    assert.equal(code, 0, `dpkg ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  const has = async (path: string) => (await root.run("test", "-e", path)).code === 0;

  before(async () => {
    root = await DebianRoot.open();
    await dpkg("--install", debianPackage({ folder }));
  });
  after(async () => {
    await root?.close();
    rmSync(folder, { recursive: true });
  });

  test("passes lintian: no error and no warning", async () => {
    // a small program: what is in the single executable is no matter of the package, and takes lintian half a minute
    const small = debianPackage({ folder: join(folder, "small"), executable: "/bin/true", compression: "gzip" });
    const { code, stdout, stderr } = await run(debian("lintian"), [
      "--fail-on=error,warning",
      "--profile=debian",
      small,
    ]);
    assert.equal(code, 0, stdout + stderr);
  });

  test("brings its files and its user, and a configuration that is valid", async () => {
    for (const path of FILES) assert.ok(await has(path), path);
    assert.match((await root.run("id", "healthbridge")).stdout, /^uid=\d+\(healthbridge\) gid=\d+\(healthbridge\)/);
    assert.equal((await root.run("healthbridge", "validate", FILE)).code, 0);
    assert.equal((await root.run("systemctl", "is-enabled", "healthbridge.service")).stdout, "enabled\n");
  });

  smokeRows(() => installation);

  test("an upgrade keeps a configuration that was changed, and a service that was disabled", async () => {
    writeFileSync(root.pathOf(FILE), 'listen: [":8081"]\n');
    await root.run("systemctl", "disable", "healthbridge.service");
    await dpkg("--install", debianPackage({ folder, version: "99.0.0" }));
    assert.match(await dpkg("--status", "healthbridge"), /^Version: 99\.0\.0$/m);
    assert.equal(readFileSync(root.pathOf(FILE), "utf8"), 'listen: [":8081"]\n');
    assert.equal((await root.run("systemctl", "is-enabled", "healthbridge.service")).stdout, "disabled\n");
  });

  test("a removal keeps the configuration and the state, a purge removes both", async () => {
    root.write("/var/lib/healthbridge/state.journal", "");
    await dpkg("--remove", "healthbridge");
    for (const path of FILES) assert.ok(!(await has(path)), path);
    assert.ok(await has(FILE));
    assert.ok(await has("/var/lib/healthbridge/state.journal"));
    await dpkg("--purge", "healthbridge");
    for (const path of [FILE, "/etc/healthbridge", "/var/lib/healthbridge"]) assert.ok(!(await has(path)), path);
    assert.ok(!existsSync(root.pathOf("/etc/systemd/system/multi-user.target.wants/healthbridge.service")));
  });
});
