/** What a release needs: workflows that are valid, a package that npm takes as it is, and signatures of what we install. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { actionlint } from "../install.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const WORKFLOWS = join(ROOT, ".github/workflows");

const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

const textOf = (workflow: string) => readFileSync(join(WORKFLOWS, workflow), "utf8");

/** Runs a program to its end. */
function run(program: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8", timeout: 180_000 });
  return { status, stdout, stderr };
}

describe("the workflows", () => {
  const names = readdirSync(WORKFLOWS);

  test("have no fault that actionlint finds", () => {
    const program = actionlint();
    const { status, stdout } = run(program, ...names.map((name) => join(WORKFLOWS, name)));
    assert.deepEqual([status, stdout], [0, ""]);
    const faulty = textOf("release.yml").replace("needs: [build, npm]", "needs: [build, nmp]");
    const linted = spawnSync(program, ["-"], { input: faulty, encoding: "utf8" });
    assert.match(linted.stdout, /job "release" needs job "nmp" which does not exist/);
  });

  test("run commands that exist, and actions of a fixed commit", () => {
    for (const name of names) {
      for (const [, script = ""] of textOf(name).matchAll(/npm run ([\w:-]+)/g))
        assert.ok(script in MANIFEST.scripts, `${name}: npm run ${script}`);
      for (const [, action = ""] of textOf(name).matchAll(/uses: (.*)/g))
        assert.match(action, /^(?:\.\/\.github\/workflows\/[\w.]+|[\w-]+\/[\w-]+@[\da-f]{40} # v[\d.]+)$/, name);
    }
  });

  test("run .ci/run, and publish with provenance after it", () => {
    assert.match(textOf("ci.yml"), /bash \.ci\/run$/m);
    const release = textOf("release.yml");
    assert.match(release, /uses: \.\/\.github\/workflows\/ci\.yml/);
    // in a container, root does not own the checkout, and git refuses to read it: see actions/checkout#1048
    assert.match(release, /container: [\s\S]*safe\.directory "\$GITHUB_WORKSPACE"[\s\S]*npm run deb/);
    assert.match(release, /gzip .*build\/image\.tar /, "the file of the image that has the health check");
    assert.match(release, /npm:\n {4}needs: ci\n[\s\S]*id-token: write[\s\S]*npm publish --provenance --access public/);
  });
});

test("npm publish takes the package as it is", () => {
  // without scripts: the build is there, and other tests use it
  const { status, stdout, stderr } = run("npm", "publish", "--dry-run", "--ignore-scripts", "--json");
  assert.equal(status, 0, stderr);
  const { [MANIFEST.name]: published = JSON.parse(stdout) } = JSON.parse(stdout);
  assert.equal(published.id, `${MANIFEST.name}@${MANIFEST.version}`);
  const complaints = stderr.split("\n").filter((line) => /^npm (?:warn|error)/.test(line));
  // a publisher logs in first; nothing else is wrong
  assert.deepEqual(
    complaints.filter((line) => !/requires you to be logged in/.test(line)),
    [],
  );
});

test("the version is semantic", () => {
  assert.match(MANIFEST.version, /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[\da-z.-]+)?$/);
});

describe("npm audit signatures", () => {
  /** Errors that say that nothing was asked: npm's keys are at a host that this machine may not reach. */
  const UNREACHABLE = ["EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT"];

  /** What an answer of npm means. */
  function verdictOf(status: number | null, stdout: string): "verified" | "not asked" | "failed" {
    const { error, invalid = [], missing = [] } = JSON.parse(stdout);
    if (status === 0 && invalid.length === 0 && missing.length === 0) return "verified";
    return UNREACHABLE.includes(error?.code) ? "not asked" : "failed";
  }

  test("a signature that is wrong or missing is a failure, and so is an error other than of the network", () => {
    assert.equal(verdictOf(0, '{"invalid":[],"missing":[]}'), "verified");
    assert.equal(verdictOf(1, '{"error":{"code":"ENOTFOUND"}}'), "not asked");
    for (const answer of ['{"invalid":[{"name":"a"}],"missing":[]}', '{"invalid":[],"missing":[{}]}'])
      for (const status of [0, 1]) assert.equal(verdictOf(status, answer), "failed", answer);
    for (const code of ["EUSAGE", "E404", "EEXPIREDSIGNATUREKEY"])
      assert.equal(verdictOf(1, `{"error":{"code":"${code}"}}`), "failed", code);
  });

  test("finds nothing wrong in what is installed here", (t) => {
    const { status, stdout, stderr } = run("npm", "audit", "signatures", "--json", "--fetch-retries=0");
    const verdict = verdictOf(status, stdout);
    t.diagnostic(verdict === "not asked" ? `not asked: ${JSON.parse(stdout).error.summary}` : verdict);
    assert.notEqual(verdict, "failed", stdout + stderr);
  });
});
