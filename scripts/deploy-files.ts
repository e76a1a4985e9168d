/**
 * Writes what operators deploy and what is made from another file: `npm run deploy-files`.
 *
 *     the table of metrics ---------------------> deploy/grafana/healthbridge.json
 *     deploy/prometheus/healthbridge.rules.yml -> deploy/kubernetes/components/monitoring/prometheus-rule.yaml
 *                                              -> deploy/helm/healthbridge/files/healthbridge.rules.yml
 *     the schema of the configuration ---------> deploy/helm/healthbridge/values.schema.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { dashboard } from "./dashboard.js";
import { valuesSchema } from "./helm-values-schema.js";

const DEPLOY = new URL("../deploy/", import.meta.url);

const RULE_HEAD = `# The rules of deploy/prometheus/healthbridge.rules.yml for the Prometheus operator, written by \`npm run deploy-files\`.
# Prometheus takes it up if the label matches its ruleSelector.
`;

/** The files, each with its text. */
export function deployFiles(): ReadonlyMap<string, string> {
  const rulesText = readFileSync(new URL("prometheus/healthbridge.rules.yml", DEPLOY), "utf8");
  const rule = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "healthbridge", labels: { "app.kubernetes.io/name": "healthbridge", release: "prometheus" } },
    spec: parse(rulesText),
  };
  return new Map([
    ["grafana/healthbridge.json", `${JSON.stringify(dashboard(), null, 2)}\n`],
    ["kubernetes/components/monitoring/prometheus-rule.yaml", RULE_HEAD + stringify(rule, { lineWidth: 120 })],
    // a chart reads files of its own folder only
    ["helm/healthbridge/files/healthbridge.rules.yml", rulesText],
    ["helm/healthbridge/values.schema.json", valuesSchema()],
  ]);
}

if (process.argv[1] === import.meta.filename)
  for (const [path, text] of deployFiles()) writeFileSync(new URL(path, DEPLOY), text);
