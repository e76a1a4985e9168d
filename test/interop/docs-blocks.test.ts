/**
 * The blocks of code in docs that need a program of others: Prometheus reads queries and rules, Celery runs the task, a
 * browser reads the stream of events, and the schemas of Kubernetes hold for probes.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { parse, stringify } from "yaml";
import { Health } from "../../src/index.js";
import { ALL_PAGES, type Block } from "../docs/markdown.js";
import { portOf } from "../support/port-of.js";
import { output } from "./deploy/manifests.js";
import { pythonTool } from "./deploy/tools.js";
import { debian, pythonBin } from "./install.js";
import { Browser } from "./page-browser.js";
import { run } from "./peers.js";

const BLOCKS = ALL_PAGES.flatMap(({ blocks }) => blocks);

const blocksIn = (language: string, page?: string): readonly Block[] =>
  BLOCKS.filter((block) => block.language === language && (page === undefined || block.page === page));

describe("the blocks of docs", () => {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-docs-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test("in promql, and rules in YAML, are read by Prometheus", () => {
    const queries = blocksIn("promql").flatMap(({ code }) => code.split("\n\n"));
    const records = queries.map((expr, index) => ({ record: `query_${index}`, expr }));
    const rules = blocksIn("yaml").flatMap(({ code }) => (/^- alert:/.test(code) ? parse(code) : []));
    assert.ok(queries.length >= 2 && rules.length >= 1);
    const groups = [{ name: "docs", rules: [...records, ...rules] }];
    output(debian("promtool", "prometheus"), ["check", "rules", file("rules.yml", stringify({ groups }))]);
  });

  test("with probes are valid in the pod of a Deployment", () => {
    const probes = blocksIn("yaml").filter(({ code }) => /^(?:readiness|liveness|startup)Probe:/.test(code));
    assert.ok(probes.length >= 4);
    const containers = probes.map(({ code }, index) => ({ name: `c${index}`, image: "a", ...parse(code) }));
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "docs" }, spec: { containers } };
    output(pythonTool("kubernetes-validate"), ["--strict", file("pod.yaml", stringify(pod))]);
  });

  test("in Python of docs/celery.md are a task of Celery that reports", async (t) => {
    const health = new Health();
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    health.heartbeat("tasks", { ttl: "1h", token: "0123456789abcdef" });
    const address = `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}`;
    const [{ code } = { code: "" }] = blocksIn("python", "docs/celery.md");
    const program = [
      "import celery",
      'app, TOKEN = celery.Celery("tasks"), "0123456789abcdef"',
      code.replace("healthbridge:8080", address),
      "report()",
      'assert app.conf.beat_schedule["report"]["task"].endswith(".report")',
    ];
    const { code: exit, stderr } = await run(join(pythonBin(), "python"), [file("tasks.py", program.join("\n"))]);
    assert.equal(exit, 0, stderr);
    assert.equal(health.status("tasks"), "SERVING");
  });

  test("in JavaScript of docs/events.md show a browser what there is, and what changes", async (t) => {
    const health = new Health({ history: true, page: true });
    t.after(() => health.shutdown({ drainDelayMs: 0 }));
    health.set("orders", "SERVING");
    const browser = await Browser.launch();
    t.after(() => browser.close());
    const page = await browser.page();
    await page.open(`http://127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"]))}/livez`);
    const [{ code } = { code: "" }] = blocksIn("js", "docs/events.md");
    await page.read(`{ let all = [], showAll = ({ services }) => { window.all = services.map(({ name }) => name); };
      const change = ({ name, to }) => { window.changed = name + " " + to; };
      ${code} }`);
    await page.becomes(`window.all?.includes("orders")`);
    health.set("orders", "NOT_SERVING");
    await page.becomes(`window.changed === "orders NOT_SERVING"`);
  });
});
