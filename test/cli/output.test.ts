/** A command whose output cannot be written: no stack trace, and the right exit code. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Health } from "../../src/index.js";
import { portOf } from "../support/port-of.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));

const COMMANDS: readonly (readonly string[])[] = [
  ["schema"],
  ["--help"],
  ["version"],
  ["help", "drain"],
  ["completion", "bash"],
];

/** Runs a command, and closes the end of its reader at once. */
async function withoutReader(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  return endOf(child, child.stderr);
}

async function onFullDisk(args: readonly string[]) {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  return endOf(child, child.stderr);
}

async function endOf(child: ReturnType<typeof spawn>, output: NodeJS.ReadableStream | null) {
  let stderr = "";
  output?.on("data", (text) => {
    stderr += text;
  });
  const [code] = await once(child, "close");
  return { code, stderr };
}

describe("the output of a command", { concurrency: 2 }, () => {
  for (const args of COMMANDS) {
    test(`healthbridge ${args.join(" ")}: a reader that is gone changes no exit code`, async () => {
      assert.deepEqual(await withoutReader(args), { code: 0, stderr: "" });
    });

    test(`healthbridge ${args.join(" ")}: a full disk is one line and exit code 1`, async () => {
      const { code, stderr } = await onFullDisk(args);
      assert.equal(code, 1);
      assert.match(stderr, /^healthbridge: the output could not be written \(ENOSPC: .*\)\n$/);
    });
  }

  test("watch ends on a full disk: one line and exit code 1", async () => {
    const health = new Health();
    const address = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
    const { code, stderr } = await onFullDisk(["watch", address]);
    await health.shutdown({ drainDelayMs: 0 });
    assert.equal(code, 1);
    assert.match(stderr, /^healthbridge: the output could not be written \(ENOSPC: .*\)\n$/);
  });

  test("conformance keeps its exit code without a reader", async () => {
    const health = new Health();
    const address = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
    assert.deepEqual(await withoutReader(["conformance", address, "--only", "ping"]), { code: 0, stderr: "" });
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 0 });
  });
});
