/** A promise of the library that a caller awaits keeps the process alive; its timers do not. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("ending-process.ts", import.meta.url));

/** Far above the time that each program needs. */
const LIMIT_MS = 30_000;

/** Runs one of the programs. The code of a killed process is null. */
function run(name: string): Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, ["--import", "tsx", PROGRAM, name], { timeout: LIMIT_MS }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    ),
  );
}

describe("a process whose last promise is the library's", { concurrency: 2 }, () => {
  const awaited: readonly (readonly [string, string])[] = [
    ["the drain delay without a server of its own", "done\n"],
    ["the drain delay after its server was closed", "done\n"],
    ["await using", "used\ndone\n"],
    ["a shutdown that is awaited twice", "done\n"],
    ["the close timeout of a client that never goes", "done\n"],
    ["server.close()", "done\n"],
    ["a listen whose host name resolves slowly", "listening\ndone\n"],
    ["an application's own server, closed before the shutdown", "done\n"],
  ];
  for (const [name, stdout] of awaited) {
    test(`goes on until it is settled: ${name}`, async () => {
      assert.deepEqual(await run(name), { code: 0, stdout, stderr: "" });
    });
  }

  test("is not ended by an error of the application's functions and listeners", async () => {
    const stdout = "NOT_SERVING,NOT_SERVING,NOT_SERVING,NOT_SERVING\ndone\n";
    assert.deepEqual(await run("code of the application that throws"), { code: 0, stdout, stderr: "" });
  });

  for (const name of ["checks that wait for their next probe", "a health that is left alone"]) {
    test(`ends when nothing is awaited: ${name}`, async () => {
      assert.deepEqual(await run(name), { code: 0, stdout: "done\n", stderr: "" });
    });
  }
});
