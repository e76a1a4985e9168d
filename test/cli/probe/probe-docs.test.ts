/** The commands of docs/probe.md for Docker and Kubernetes, run as they are. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { PROBE_FLAGS } from "../../../src/cli/probe/probe-settings.js";
import { Health } from "../../../src/index.js";
import { portOf } from "../../support/port-of.js";

const PAGE = readFileSync(new URL("../../../docs/probe.md", import.meta.url), "utf8");
const BUNDLE = fileURLToPath(new URL("../../../dist/cli/grpc-health-probe.cjs", import.meta.url));

/** The arrays of commands that the page has. */
const COMMANDS = [...PAGE.matchAll(/(?:CMD|command:) (\[.*\])/g)].map(([, json = ""]): string[] => JSON.parse(json));

test("the commands for Docker and Kubernetes have the exit code of the service", async () => {
  assert.equal(COMMANDS.length, 2);
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  chmodSync(BUNDLE, 0o755);
  symlinkSync(BUNDLE, join(folder, "grpc-health-probe"));
  const health = new Health();
  const port = portOf(await health.listen(["127.0.0.1:0"]));
  const exitCodeOf = ([program = "", ...args]: readonly string[]) =>
    new Promise((resolve) => {
      const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` };
      // the page has the usual port; a test takes a free one
      const all = [...args.map((arg) => arg.replace(":50051", `:${port}`)), "-connect-timeout=10s", "-rpc-timeout=10s"];
      execFile(program, all, { env }, (error) => resolve(error?.code ?? 0));
    });
  for (const command of COMMANDS) assert.equal(await exitCodeOf(command), 0, command.join(" "));
  await health.shutdown({ drainDelayMs: 0 });
  for (const command of COMMANDS) assert.equal(await exitCodeOf(command), 2, command.join(" "));
  rmSync(folder, { recursive: true });
});

test("the page has every flag", () => {
  const table = PAGE.slice(PAGE.indexOf("## Flags"), PAGE.indexOf("## Targets"));
  for (const { name } of PROBE_FLAGS) assert.match(table, new RegExp(`\`-${name}(?: [^\`]+)?\``), name);
});
