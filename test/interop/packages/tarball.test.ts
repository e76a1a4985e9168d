/** The npm tarball, installed with `npm install --global` in a root that has nothing but Node, npm and a shell. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { InstalledPrograms } from "../../support/smoke/installed-programs.js";
import { smokeRows } from "../../support/smoke/smoke.js";
import { CleanRoot } from "./clean-root.js";
import { assertBound, pageForm, pageLines, sizeBounds } from "./install-page.js";

const [BIN, NPM] = ["/usr/local/bin", "/usr/local/lib/npm"];

/** The file of a package, nested ones included. */
const PACKAGE = /\/node_modules\/(?:@[^/]+\/)?[^@/]+\/package\.json$/;

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

/** The settings of this machine with which npm reaches the registry, as the variables of npm. */
function registrySettings(): readonly string[] {
  const values = ["registry", "cafile"].map((name) => [name, output("npm", "config", "get", name)] as const);
  return values.filter(([, value]) => value !== "null").map(([name, value]) => `npm_config_${name}=${value}`);
}

const output = (program: string, ...args: readonly string[]) =>
  execFileSync(program, args, { cwd: CHECKOUT, encoding: "utf8", stdio: "pipe", timeout: 120_000 }).trim();

const folderOfNpm = () => dirname(dirname(realpathSync(output("which", "npm"))));

describe("the npm tarball", () => {
  let packedBytes = 0;
  const root = new CleanRoot("/etc"); // with what npm needs to reach the registry
  const installation = new InstalledPrograms({
    name: "npm tarball",
    command: (program, folder) => root.command([`${BIN}/${program}`], folder),
  });
  /** Runs a line of a shell in the root. */
  const shell = (line: string) => {
    const [program = "", ...args] = root.command(["/bin/sh", "-c", line]);
    const env = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...registrySettings()];
    return output("/usr/bin/env", "-i", ...env, `/usr/bin/${program}`, ...args);
  };
  before(() => {
    for (const path of ["/bin/sh", "/usr/bin/env"]) root.addProgram(path, path); // npm and the programs start by them
    root.addProgram(process.execPath, `${BIN}/node`);
    root.add(folderOfNpm(), NPM);
    symlinkSync(`${NPM}/bin/npm-cli.js`, join(root.path, BIN, "npm"));
    // without scripts: the build is there
    const name = output("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", root.path);
    packedBytes = statSync(join(root.path, name)).size;
    for (const line of pageLines("install-tarball", "npm install")) shell(line);
  });
  after(() => root.remove());

  test("is alone: the root has no checkout, and of packages those of docs/install.md", () => {
    const folder = "/usr/local/lib/node_modules/";
    const packages = root.files().filter((path) => path.startsWith(folder) && PACKAGE.test(path));
    const own = `${folder}healthbridge/`;
    assert.deepEqual(
      packages.filter((path) => !path.startsWith(own)),
      [],
    );
    const said = Number(/about (\d+) packages/.exec(pageForm("npm package").size)?.[1]);
    assert.ok(Math.abs(packages.length - 1 - said) <= 10, `${packages.length - 1} packages`); // their own dependencies change
    assert.throws(() => shell(`test -e ${CHECKOUT}`));
  });

  test("is as small as docs/install.md says", () => {
    assertBound(packedBytes, sizeBounds(pageForm("npm package").size).bytes, "the npm tarball");
  });

  test("prints its versions, as docs/install.md says", () => {
    const [own, probe] = ["healthbridge", "grpc-health-probe"].map((name) =>
      pageLines("install-tarball", name).map(shell),
    );
    const { version } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8"));
    assert.deepEqual([own, probe], [[`healthbridge ${version}`], [`v${version}; healthbridge probe`]]);
  });

  smokeRows(() => installation);
});
