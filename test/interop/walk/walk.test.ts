/**
 * The walk of a new user, docs/first-steps.md, with its own commands: from nothing to one alert about a Celery cluster.
 *
 * Ports are free ones, packages are those of the other tests, checks run each second, and the alert fires after a second.
 * `npm run proof -- walk` runs the page as it is, with a clone and every installation.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { path } from "../../docs/snippets.js";
import { inTime } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { notOutlive } from "../../support/not-outlive.js";
import { installDebian, pythonBin } from "../install.js";
import { blockNames, debianPackages, FILES, INSTALLING, STEPS, walkScript } from "./walk.js";

const WITHIN_MS = 120_000;

/** The page waits for a minute and has an interval of ten seconds. */
const FASTER: Readonly<Record<string, readonly (readonly [RegExp | string, string])[]>> = {
  alerts: [
    [
      /^cp .*$/m,
      `sed 's/for: .*/for: 1s/' ${path("deploy/prometheus/healthbridge.rules.yml")} > healthbridge.rules.yml`,
    ],
  ],
  "healthbridge.yaml": [["checks:", "defaults: { interval: 1s, timeout: 900ms }\nchecks:"]],
  "prometheus.yml": [[/5s/g, "1s"]],
  "alertmanager.yml": [["receiver: page", "receiver: page, group_wait: 0s"]],
};

describe("docs/first-steps.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-walk-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("has the steps and the files of the walk", () => {
    assert.deepEqual([...blockNames()].sort(), [...STEPS, ...FILES].sort());
  });

  test("leads to a cluster that is SERVING, and to one alert when its worker ends", async (t) => {
    installDebian(debianPackages().filter((name) => name !== "python3-venv"));
    const bin = join(folder, "bin");
    mkdirSync(bin);
    symlinkSync(path("dist/cli/main.cjs"), join(bin, "healthbridge"));
    symlinkSync(dirname(pythonBin()), join(folder, "venv"));
    const ports = new Map<string, string>();
    for (const port of ["6390", "5555", "8080", "9094", "9095"]) ports.set(port, String(await freePort()));
    ports.set("50051", ports.get("8080") ?? ""); // both protocols on one port
    const change = (code: string, name: string): string => {
      if (name === "install") return "";
      let text = code.replaceAll(INSTALLING, "").replaceAll(/^(?:python3 -m venv|venv\/bin\/pip) .*$/gm, "");
      for (const [from, to] of FASTER[name] ?? []) text = text.replace(from, to);
      for (const [from, to] of ports) text = text.replaceAll(new RegExp(`\\b${from}\\b`, "g"), to);
      return text;
    };
    writeFileSync(join(folder, "walk.sh"), walkScript(change));
    const env = {
      ...process.env,
      HEALTHBRIDGE_LISTEN: `127.0.0.1:${ports.get("8080")}`,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
    };
    const child = spawn("bash", ["walk.sh"], { cwd: folder, env, detached: true });
    const end = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL");
    notOutlive(child, end);
    t.after(end);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
      });
    const code = await inTime(new Promise((resolve) => child.once("exit", resolve)), `the walk: ${output}`, WITHIN_MS);
    assert.equal(code, 0, output);
    assert.match(output, /^celery +SERVING /m, "before the outage");
    assert.match(output, /^celery +NOT_SERVING /m, "after it");
    assert.equal(output.match(/^HealthbridgeServiceDown/gm)?.length, 1, output);
  });
});
