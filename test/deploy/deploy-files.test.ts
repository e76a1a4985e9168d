/** What operators deploy: made from its sources, and of the form that Grafana and the Prometheus operator read. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { deployFiles } from "../../scripts/deploy-files.js";
import { METRICS } from "../../src/telemetry/metric-table.js";

const read = (path: string) => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), "utf8");

/** The part of a dashboard that is looked at here. */
interface Dashboard {
  readonly schemaVersion: number;
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly type: string;
    readonly description: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly datasource: { readonly type: string; readonly uid: string };
    readonly targets: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

const dashboard: Dashboard = JSON.parse(read("grafana/healthbridge.json"));

/** The names that the page has: a histogram has three. */
const NAMES: ReadonlySet<string> = new Set(
  Object.values(METRICS).flatMap(({ name, type }) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => name + part) : [name],
  ),
);

/** The metrics of an expression that the page does not have. */
const unknownMetrics = (expr: string, known: ReadonlySet<string> = NAMES) =>
  [...expr.matchAll(/\b(?:grpc_health|healthbridge|process|nodejs)[_:]\w+/g)]
    .map(([name]) => name)
    .filter((name) => !known.has(name));

describe("the files in deploy", () => {
  for (const [path, text] of deployFiles())
    test(`${path} is what its sources make (npm run deploy-files)`, () =>
      assert.deepEqual(parse(read(path)), parse(text)));
});

describe("the dashboard", () => {
  test("has a title, an id, a version that Grafana 10 reads, and the data source as a variable", () => {
    assert.ok(dashboard.schemaVersion >= 36);
    assert.match(dashboard.uid, /^[\w-]{1,40}$/);
    const variables = dashboard.templating.list.map(({ name, type }) => [name, type]);
    assert.deepEqual(variables, [
      ["DS_PROMETHEUS", "datasource"],
      ["job", "query"],
      ["instance", "query"],
    ]);
  });

  test("has panels with a text for each, all on the chosen data source", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const { title, type, description, datasource, targets } of dashboard.panels) {
      assert.match(type, /^(?:stat|table|state-timeline|timeseries|bargauge)$/, title);
      assert.ok(title.length > 3 && description.length > 20, title);
      assert.deepEqual(datasource, { type: "prometheus", uid: ["$", "{DS_PROMETHEUS}"].join("") }, title);
      assert.ok(targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    }
  });

  test("has panels within 24 columns, and none over another", () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.equal(taken.get(`${x} ${y}`), undefined, title);
          taken.set(`${x} ${y}`, title);
        }
    }
  });

  test("asks for metrics of the page only, of the chosen job and instances", () => {
    for (const { title, targets } of dashboard.panels)
      for (const { expr } of targets) {
        assert.deepEqual(unknownMetrics(expr), [], title);
        assert.ok(expr.includes('job=~"$job",instance=~"$instance"'), title);
      }
  });

  test("shows what an operator looks for", () => {
    const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join("\n");
    for (const { name } of [
      METRICS.serviceStatus,
      METRICS.checkDuration,
      METRICS.proberErrors,
      METRICS.certificateDaysLeft,
    ])
      assert.ok(asked.includes(name), name);
    for (const { name } of [METRICS.watchers, METRICS.buildInfo, METRICS.drained, METRICS.checkResults])
      assert.ok(asked.includes(name), name);
  });
});

describe("the rules", () => {
  const { groups } = parse(read("prometheus/healthbridge.rules.yml"));
  const rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[] =
    groups[0].rules;

  test("use metrics of the page and records that stand above them", () => {
    const known = new Set(NAMES);
    for (const { record, alert, expr } of rules) {
      const names = expr.replaceAll(/(?:\bon|without|by|group_left) \([^)]*\)/g, "");
      assert.deepEqual(unknownMetrics(names, known), [], record ?? alert);
      if (record !== undefined) known.add(record);
    }
  });

  test("alert under names and severities that the page of metrics has", () => {
    const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const written = [...docs.matchAll(/^\| `(Healthbridge\w+)` \| (\w+) \|/gm)].map(([, name, severity]) => [
      name,
      severity,
    ]);
    const alerts = groups[0].rules.filter(({ alert }: { alert?: string }) => alert !== undefined);
    assert.deepEqual(
      written,
      alerts.map(({ alert, labels }: { alert: string; labels: { severity: string } }) => [alert, labels.severity]),
    );
  });
});

test("the ServiceMonitor selects the Service of the base, and scrapes a port that it has", () => {
  const service = parse(read("kubernetes/base/service.yaml"));
  const monitor = parse(read("kubernetes/components/monitoring/service-monitor.yaml"));
  for (const [label, value] of Object.entries(monitor.spec.selector.matchLabels))
    assert.equal(service.metadata.labels[label], value);
  // the rules ask for up{job="healthbridge"}
  assert.equal(service.metadata.labels[monitor.spec.jobLabel], "healthbridge");
  const ports = service.spec.ports.map(({ name }: { name: string }) => name);
  for (const { port, path } of monitor.spec.endpoints) {
    assert.ok(ports.includes(port));
    assert.equal(path, "/metrics");
  }
});
