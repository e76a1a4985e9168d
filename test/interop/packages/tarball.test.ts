/** The npm tarball, installed with `npm install --global` in a root that has nothing but Node, npm and a shell. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { InstalledPrograms } from "../../support/smoke/installed-programs.js";
import { smokeRows } from "../../support/smoke/smoke.js";
import { CleanRoot } from "./clean-root.js";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** Where `npm install --global` finds the registry. */
const NETWORK = "/etc";

const [NODE, NPM] = ["/usr/local/bin/node", "/usr/local/lib/npm"];

const output = (program: string, ...args: readonly string[]) =>
  execFileSync(program, args, { cwd: CHECKOUT, encoding: "utf8", timeout: 120_000 }).trim();

/** The folder of npm itself. */
function npmFolder(): string {
  return dirname(dirname(realpathSync(output("which", "npm"))));
}

/** Packs the checkout without its scripts: the build is there. */
function pack(folder: string): string {
  return join(folder, output("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", folder));
}

/** The settings of npm with which this machine reaches the registry. */
function settings(): readonly string[] {
  const values = ["registry", "cafile"].map((name) => [name, output("npm", "config", "get", name)] as const);
  return values
    .filter(([, value]) => !["null", "undefined"].includes(value))
    .map(([name, value]) => `--${name}=${value}`);
}

describe("the npm tarball", () => {
  const root = new CleanRoot(NETWORK);
  const installation = new InstalledPrograms({
    name: "npm tarball",
    command: (program, folder) => root.command([`/usr/local/bin/${program}`], folder),
  });
  before(() => {
    root.addProgram(process.execPath, NODE);
    root.addProgram("/usr/bin/env", "/usr/bin/env"); // the first line of a program names it
    root.addProgram("/bin/sh", "/bin/sh"); // npm runs the install script of a dependency (protobufjs) by it
    root.add(npmFolder(), NPM);
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-tarball-"));
    try {
      root.add(pack(folder), "/tmp/healthbridge.tgz");
    } finally {
      rmSync(folder, { recursive: true });
    }
    const install = ["install", "--global", "--no-audit", "--no-fund", "--silent", ...settings()];
    const npm = [NODE, join(NPM, "bin/npm-cli.js"), ...install, "/tmp/healthbridge.tgz"];
    const [program = "", ...args] = root.command(npm);
    execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
  });
  after(() => root.remove());

  test("is alone: the root has no checkout, and no packages but its own and npm's", () => {
    const packages = root.files().filter((path) => path.includes("/node_modules/") && !path.startsWith(NPM));
    const folder = "/usr/local/lib/node_modules/healthbridge/";
    assert.deepEqual(
      packages.filter((path) => !path.startsWith(folder)),
      [],
    );
    const code = "process.stdout.write(String(require('node:fs').existsSync(process.argv[1])))";
    const [program = "", ...args] = root.command([NODE, "--eval", code, CHECKOUT]);
    assert.equal(execFileSync(program, args, { encoding: "utf8" }), "false");
  });

  smokeRows(() => installation);
});
