/** Prometheus: promtool checks the rules, their tests and our page; a real server scrapes, and alerts fire and resolve. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { samplesOf } from "../support/exposition.js";
import { debian, pythonBin } from "./install.js";
import { Target } from "./peers.js";
import { DEPLOY, PrometheusServer, RULES } from "./prometheus-server.js";

const RULE_TESTS = "healthbridge.rules.test.yml";

const rules = readFileSync(join(DEPLOY, RULES), "utf8");
const alertNames = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? "");
const ruleCount = [...rules.matchAll(/- (?:alert|record): /g)].length;

/** An alert test of promtool: the fields that are used here. */
interface AlertTest {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}

/** Runs promtool. */
function promtool(args: readonly string[], input = ""): { readonly code: number | null; readonly text: string } {
  const program = debian("promtool", "prometheus");
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8", timeout: 60_000 });
  return { code: status, text: stdout + stderr };
}

describe("the alert rules", () => {
  test("are valid", () => {
    const { code, text } = promtool(["check", "rules", join(DEPLOY, RULES)]);
    assert.deepEqual([code, /(\d+) rules found/.exec(text)?.[1]], [0, String(ruleCount)], text);
  });

  test("pass their tests", () => {
    const { code, text } = promtool(["test", "rules", join(DEPLOY, RULE_TESTS)]);
    assert.equal(code, 0, text);
  });

  test("each have a case that fires and one that does not", () => {
    const { tests } = parse(readFileSync(join(DEPLOY, RULE_TESTS), "utf8"));
    const alertTests: readonly AlertTest[] = tests.flatMap(
      ({ alert_rule_test: tests }: { alert_rule_test: [] }) => tests,
    );
    for (const name of alertNames) {
      const expected = alertTests
        .filter(({ alertname }) => alertname === name)
        .map(({ exp_alerts }) => exp_alerts.length);
      assert.ok(expected.includes(0) && expected.some((count) => count > 0), name);
    }
  });

  test("are each needed by their tests", () => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
    copyFileSync(join(DEPLOY, RULE_TESTS), join(folder, RULE_TESTS));
    writeFileSync(join(folder, RULES), rules.replaceAll(/- alert: (\w+)/g, "- alert: $1Not"));
    const { code, text } = promtool(["test", "rules", join(folder, RULE_TESTS)]);
    assert.equal(code, 1);
    for (const name of alertNames) assert.match(text, new RegExp(`alertname: ${name},`));
    rmSync(folder, { recursive: true });
  });

  test("have a time, a severity and two texts each", () => {
    for (const { alert, for: time, labels, annotations } of parse(rules).groups[0].rules) {
      if (alert === undefined) continue;
      assert.match(time, /^\d+[smh]$/, alert);
      assert.match(labels.severity, /^(?:critical|warning)$/, alert);
      assert.match(
        `${annotations.summary}${annotations.description}`,
        /\$labels\.(?:service|check|instance|job|fleet)/,
        alert,
      );
    }
  });

  test("stand beside an example for Alertmanager that it reads", () => {
    const amtool = debian("amtool", "prometheus-alertmanager");
    const { status, stdout, stderr } = spawnSync(amtool, ["check-config", join(DEPLOY, "alertmanager.example.yml")], {
      encoding: "utf8",
    });
    assert.deepEqual([status, /SUCCESS/.test(stdout), /1 inhibit rules/.test(stdout)], [0, true, true], stderr);
  });
});

describe("Prometheus", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const file = (name: string) => join(directory, name);
  let target: Target;
  let daemon: DaemonProcess;
  let prometheus: PrometheusServer;

  const query = async (expression: string) => (await prometheus.query(expression)).map(({ value: [, text] }) => text);
  /** The summaries of the alerts of a name that are firing. */
  const firing = async (name: string) =>
    (await prometheus.firing())
      .filter(({ labels }) => labels.alertname === name)
      .map(({ annotations }) => annotations.summary);
  const fires = (name: string, summary: string) =>
    eventually(async () => (await firing(name)).includes(summary), `${name} fires: ${summary}`, 60_000);
  const resolves = (name: string) =>
    eventually(async () => (await firing(name)).length === 0, `${name} resolves`, 60_000);
  const configure = (interval: string) => {
    const check = `{ target: "${target.url}", interval: ${interval}, timeout: 900ms, unhealthyThreshold: 1, healthyThreshold: 1 }`;
    writeFileSync(file("healthbridge.yaml"), `listen: ["127.0.0.1:0"]\ndrainDelay: 0s\nchecks:\n  backend: ${check}\n`);
  };

  before(async () => {
    target = await Target.start();
    configure("1s");
    daemon = await DaemonProcess.serve("-c", file("healthbridge.yaml"));
    prometheus = await PrometheusServer.start(`127.0.0.1:${daemon.port}`);
  });
  after(async () => {
    await prometheus?.stop();
    await daemon?.kill();
    target?.stop();
    rmSync(directory, { recursive: true });
  });

  test("promtool accepts the page of a running daemon", async () => {
    const page = await (await fetch(`http://127.0.0.1:${daemon.port}/metrics`)).text();
    assert.ok(samplesOf(page).some(({ labels }) => labels.check === "backend"));
    const { code, text } = promtool(["check", "metrics"], page);
    assert.deepEqual([code, text], [0, ""]);
  });

  test("the parser of OpenMetrics that Prometheus' own client for Python has reads the page as we mean it", async () => {
    const headers = { accept: "application/openmetrics-text; version=1.0.0" };
    const answer = await fetch(`http://127.0.0.1:${daemon.port}/metrics`, { headers });
    assert.match(String(answer.headers.get("content-type")), /^application\/openmetrics-text; version=1\.0\.0;/);
    const page = await answer.text();
    const program = [
      "import json, sys",
      "from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse",
      "families = list(parse(sys.stdin.read()))",
      "print(json.dumps([[f.name, f.type, f.unit, len(f.samples)] for f in families]))",
    ].join("\n");
    const python = join(pythonBin(), "python");
    const { status, stdout, stderr } = spawnSync(python, ["-c", program], { input: page, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const families: readonly (readonly [string, string, string, number])[] = JSON.parse(stdout);
    const of = (wanted: string) => families.find(([name]) => name === wanted)?.slice(1, 3);
    assert.deepEqual(of("grpc_health_transitions"), ["counter", ""]);
    assert.deepEqual(of("healthbridge_check_duration_seconds"), ["histogram", "seconds"]);
    assert.deepEqual(of("process_cpu_seconds"), ["counter", "seconds"]);
    assert.deepEqual(of("process_resident_memory_bytes"), ["gauge", "bytes"]);
    assert.deepEqual(of("healthbridge_build"), ["info", ""]);
    assert.equal(
      families.reduce((total, [, , , count]) => total + count, 0),
      page.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length,
    );
    // it is strict: a page without its last line is refused
    const torn = spawnSync(python, ["-c", program], { input: page.replace("# EOF\n", ""), encoding: "utf8" });
    assert.equal(torn.status, 1);
  });

  test("scrapes healthbridge and stores its metrics", async () => {
    const serving = 'grpc_health_service_status{job="healthbridge",service="backend",status="SERVING"}';
    await eventually(async () => (await query(serving)).includes("1"), "the status is scraped", 60_000);
    assert.deepEqual(await query('up{job="healthbridge"}'), ["1"]);
    assert.deepEqual(await query('grpc_health_service_status{service="",status="SERVING"}'), ["1"]);
    assert.ok(Number((await query("histogram_quantile(0.5, healthbridge_check_duration_seconds_bucket)"))[0]) < 10);
    // it asks for OpenMetrics by itself
    assert.equal((await query('healthbridge_check_duration_seconds_bucket{check="backend",le="1.0"}')).length, 1);
    for (const name of alertNames) await resolves(name);
  });

  test("fires when the target dies, and resolves when it is back", async () => {
    target.healthy = false;
    await fires("HealthbridgeServiceDown", "Service backend is NOT_SERVING");
    assert.deepEqual(await firing("HealthbridgeServiceDown"), ["Service backend is NOT_SERVING"]);
    target.healthy = true;
    await resolves("HealthbridgeServiceDown");
  });

  test("fires when a changed configuration is rejected, and resolves when it is corrected", async () => {
    writeFileSync(file("healthbridge.yaml"), "checks: { backend: 5 }\n");
    await fires(
      "HealthbridgeConfigReloadFailed",
      `healthbridge at 127.0.0.1:${daemon.port} rejected its changed configuration`,
    );
    configure("2s");
    await resolves("HealthbridgeConfigReloadFailed");
  });

  test("fires when healthbridge itself is gone", async () => {
    const { port } = daemon;
    await daemon.kill();
    await fires("HealthbridgeGone", `healthbridge at 127.0.0.1:${port} is gone`);
  });
});
