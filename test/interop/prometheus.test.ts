/** Prometheus: promtool checks the rules, their tests and our page; a real server scrapes, and alerts fire and resolve. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually, pause } from "../support/eventually.js";
import { samplesOf } from "../support/exposition.js";
import { debian } from "./install.js";
import { freePort, Running, Target } from "./peers.js";

const DEPLOY = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
const RULES = "healthbridge.rules.yml";
const RULE_TESTS = "healthbridge.rules.test.yml";

const rules = readFileSync(join(DEPLOY, RULES), "utf8");
const alertNames = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? "");

/** One question of the rules' tests, as much of it as is used here. */
interface Question {
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
    assert.deepEqual([code, /(\d+) rules found/.exec(text)?.[1]], [0, String(alertNames.length)], text);
  });

  test("pass their tests", () => {
    const { code, text } = promtool(["test", "rules", join(DEPLOY, RULE_TESTS)]);
    assert.equal(code, 0, text);
  });

  test("each have a case that fires and one that does not", () => {
    const { tests } = parse(readFileSync(join(DEPLOY, RULE_TESTS), "utf8"));
    const questions: readonly Question[] = tests.flatMap(
      ({ alert_rule_test: asked }: { alert_rule_test: [] }) => asked,
    );
    for (const name of alertNames) {
      const expected = questions
        .filter(({ alertname }) => alertname === name)
        .map(({ exp_alerts }) => exp_alerts.length);
      assert.ok(expected.includes(0) && expected.some((count) => count > 0), name);
    }
  });

  test("are each needed by their tests", () => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
    copyFileSync(join(DEPLOY, RULE_TESTS), join(folder, RULE_TESTS));
    for (const name of alertNames) {
      writeFileSync(join(folder, RULES), rules.replace(`- alert: ${name}\n`, `- alert: ${name}Not\n`));
      assert.equal(promtool(["test", "rules", join(folder, RULE_TESTS)]).code, 1, name);
    }
    rmSync(folder, { recursive: true });
  });

  test("name existing metrics only, and each has a time, a severity and two texts", async () => {
    const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    for (const { alert, expr, for: time, labels, annotations } of parse(rules).groups[0].rules) {
      for (const [metric] of expr.matchAll(/\b(?:grpc_health|healthbridge)_\w+/g))
        assert.ok(docs.includes(`\`${metric}\``), `${alert}: ${metric}`);
      assert.match(time, /^\d+[smh]$/, alert);
      assert.match(labels.severity, /^(?:critical|warning)$/, alert);
      assert.match(`${annotations.summary}${annotations.description}`, /\$labels\.(?:service|check|instance)/, alert);
    }
  });
});

describe("Prometheus", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const file = (name: string) => join(directory, name);
  let target: Target;
  let daemon: DaemonProcess;
  let running: Running;
  let prometheus = "";

  const ask = async (path: string): Promise<{ readonly data: Record<string, never[]> }> => {
    await pause(100); // it evaluates twice a second: asking more often would only cost
    return JSON.parse(await (await fetch(`${prometheus}/api/v1/${path}`)).text());
  };
  const query = async (expression: string): Promise<readonly string[]> => {
    const { result = [] } = (await ask(`query?query=${encodeURIComponent(expression)}`)).data;
    return result.map(({ value: [, text] }: { value: [number, string] }) => text);
  };
  /** The summaries of the alerts of a name that are firing. */
  const firing = async (name: string): Promise<readonly string[]> => {
    const { alerts = [] } = (await ask("alerts")).data;
    const ours = alerts.filter(({ state, labels }: { state: string; labels: { alertname: string } }) => {
      return state === "firing" && labels.alertname === name;
    });
    return ours.map(({ annotations }: { annotations: { summary: string } }) => annotations.summary);
  };
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
    writeFileSync(file(RULES), rules.replaceAll(/for: \d+\w/g, "for: 1s"));
    const scrape = `{ job_name: healthbridge, static_configs: [{ targets: ["127.0.0.1:${daemon.port}"] }] }`;
    const global = "{ scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }";
    const config = `global: ${global}\nrule_files: [${RULES}]\nscrape_configs: [${scrape}]\n`;
    writeFileSync(file("prometheus.yml"), config);
    const address = `127.0.0.1:${await freePort()}`;
    prometheus = `http://${address}`;
    const flags = [`--config.file=${file("prometheus.yml")}`, `--storage.tsdb.path=${file("data")}`];
    running = new Running(debian("prometheus"), [...flags, `--web.listen-address=${address}`]);
    const ready = () =>
      fetch(`${prometheus}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually(ready, "Prometheus is ready", 60_000);
  });
  after(async () => {
    await running?.stop();
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

  test("scrapes healthbridge and stores its metrics", async () => {
    const serving = 'grpc_health_service_status{job="healthbridge",service="backend",status="SERVING"}';
    await eventually(async () => (await query(serving)).includes("1"), "the status is scraped", 60_000);
    assert.deepEqual(await query('up{job="healthbridge"}'), ["1"]);
    assert.deepEqual(await query('grpc_health_service_status{service="",status="SERVING"}'), ["1"]);
    assert.ok(Number((await query("histogram_quantile(0.5, healthbridge_check_duration_seconds_bucket)"))[0]) < 10);
    for (const name of alertNames) await resolves(name);
  });

  test("fires when the target dies, and resolves when it is back", async () => {
    target.healthy = false;
    await fires("HealthbridgeServiceDown", "Service backend is NOT_SERVING");
    await fires("HealthbridgeServiceDown", "The server as a whole is NOT_SERVING");
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
