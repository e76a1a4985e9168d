/**
 * The smoke suite on the other lines of Node that are supported, and the tests of what depends on Node's inner parts. With
 * PLATFORMS_PROOF=1 also on the newest Node and on Linux arm64 under QEMU. docs/platforms.md names all of them.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { InstalledPrograms } from "../support/smoke/installed-programs.js";
import { smokeRows } from "../support/smoke/smoke.js";
import { arm64Node, LTS, node } from "./install.js";

const isProof = process.env.PLATFORMS_PROOF === "1";

const NEWEST = "26.10.0";

const VERSIONS: readonly string[] = ["22.23.3", LTS, ...(isProof ? [NEWEST] : [])];

const FILES = { healthbridge: "main.cjs", "grpc-health-probe": "grpc-health-probe.cjs" } as const;

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

function buildOn(name: string, command: () => readonly string[]): InstalledPrograms {
  return new InstalledPrograms({ name, command: (program) => [...command(), path(`dist/cli/${FILES[program]}`)] });
}

describe("every supported Node", { concurrency: 2 }, () => {
  for (const version of VERSIONS) {
    const build = buildOn(`Node ${version}`, () => [node(version)]);
    describe(`the build on Node ${version}`, { concurrency: 3 }, () => {
      smokeRows(() => build);

      test("the client that a proxy names is known after a TLS handshake", async () => {
        const file = path("test/listener/proxy-protocol.test.ts");
        const { stdout } = await promisify(execFile)(node(version), ["--import", "tsx", "--test-reporter=tap", file], {
          cwd: path(""),
          env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        });
        assert.match(stdout, /^# fail 0$/m);
      });
    });
  }
});

if (isProof) {
  const build = buildOn("Linux arm64", () => arm64Node(LTS));
  describe("the build on Linux arm64", { concurrency: 2 }, () => smokeRows(() => build));
}

test("docs/platforms.md names these versions", () => {
  const page = readFileSync(path("docs/platforms.md"), "utf8");
  for (const version of [...VERSIONS, NEWEST]) assert.ok(page.includes(`Node ${version}`), version);
});
