/**
 * Writes what operators deploy and what is made from another file: `npm run deploy-files`.
 *
 *     the table of metrics ---------------------> deploy/grafana/healthbridge.json
 *     deploy/prometheus/healthbridge.rules.yml -> deploy/kubernetes/prometheus-rule.yaml
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { dashboard } from "./dashboard.js";

const DEPLOY = new URL("../deploy/", import.meta.url);

const RULE_HEAD = `# The rules of ../prometheus/healthbridge.rules.yml for the Prometheus operator, written by \`npm run deploy-files\`.
# Prometheus takes it up if the label matches its ruleSelector.
`;

/** The files, each with its text. */
export function deployFiles(): ReadonlyMap<string, string> {
  const rules = parse(readFileSync(new URL("prometheus/healthbridge.rules.yml", DEPLOY), "utf8"));
  const rule = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "healthbridge", labels: { "app.kubernetes.io/name": "healthbridge", release: "prometheus" } },
    spec: rules,
  };
  return new Map([
    ["grafana/healthbridge.json", `${JSON.stringify(dashboard(), null, 2)}\n`],
    ["kubernetes/prometheus-rule.yaml", RULE_HEAD + stringify(rule, { lineWidth: 120 })],
  ]);
}

if (process.argv[1] === import.meta.filename)
  for (const [path, text] of deployFiles()) writeFileSync(new URL(path, DEPLOY), text);
