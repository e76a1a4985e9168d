/**
 * The dashboard as Grafana imports it: the panels of `dashboard-panels` in a grid, with variables for the data source, the
 * job and the instance.
 *
 * Grafana's own format: grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model. The panels
 * are of Grafana 10 and later.
 */
import { METRICS } from "../src/telemetry/metric-table.js";
import { BAD, COLUMNS, GOOD, PANELS, type Panel } from "./dashboard-panels.js";

const DATASOURCE = { type: "prometheus", uid: "$" + "{DS_PROMETHEUS}" };

/** The dashboard as Grafana imports it. */
export function dashboard(): object {
  let [x, y, rowHeight] = [0, 0, 0];
  const panels = PANELS.map((panel, index) => {
    if (x + panel.width > COLUMNS) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const gridPos = { x, y, w: panel.width, h: panel.height };
    [x, rowHeight] = [x + panel.width, Math.max(rowHeight, panel.height)];
    return panelJson(panel, index + 1, gridPos);
  });
  return {
    title: "healthbridge",
    uid: "healthbridge",
    description: "Health of services and checks, as healthbridge reports it.",
    tags: ["healthbridge", "health", "grpc"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    templating: { list: [datasourceVariable(), labelVariable("job", ""), labelVariable("instance", 'job=~"$job"')] },
    annotations: { list: [alertAnnotation()] },
    panels,
  };
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const { title, type, description, queries } = panel;
  const instant = type === "table" || type === "bargauge" || type === "stat";
  const targets = queries.map(([expr, legendFormat], index) => ({
    refId: String.fromCharCode("A".charCodeAt(0) + index),
    datasource: DATASOURCE,
    expr,
    ...(instant ? { instant: true, range: false } : { range: true }),
    ...(type === "table" ? { format: "table" } : { legendFormat }),
  }));
  const defaults = {
    ...fieldDefaults(panel),
    color: { mode: (panel.words ?? panel.thresholds) ? "thresholds" : "palette-classic" },
  };
  const hidden = { Time: true, ...(panel.hidesValue ? { Value: true } : {}) };
  const transformations = type === "table" ? [{ id: "organize", options: { excludeByName: hidden } }] : [];
  const fieldConfig = { defaults, overrides: [] };
  return {
    id,
    title,
    type,
    description,
    gridPos,
    datasource: DATASOURCE,
    targets,
    fieldConfig,
    options: optionsOf(type),
    transformations,
  };
}

function fieldDefaults({ unit, words, thresholds = [[null, GOOD]] }: Panel): object {
  const mapped = Object.entries(words ?? {}).map(([value, [text, color]], index) => [value, { text, color, index }]);
  return {
    ...(unit === undefined ? {} : { unit }),
    mappings: mapped.length === 0 ? [] : [{ type: "value", options: Object.fromEntries(mapped) }],
    thresholds: { mode: "absolute", steps: thresholds.map(([value, color]) => ({ value, color })) },
  };
}

function optionsOf(type: Panel["type"]): object {
  const reduceOptions = { calcs: ["lastNotNull"], fields: "", values: false };
  switch (type) {
    case "stat":
      return { reduceOptions, colorMode: "background", graphMode: "none", textMode: "auto" };
    case "bargauge":
      return { reduceOptions, orientation: "horizontal", displayMode: "gradient" };
    case "state-timeline":
      return {
        mergeValues: true,
        showValue: "never",
        rowHeight: 0.8,
        legend: { displayMode: "list", placement: "bottom" },
      };
    case "timeseries":
      return { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } };
    case "table":
      return { showHeader: true };
    default:
      return type satisfies never;
  }
}

function datasourceVariable(): object {
  return { name: "DS_PROMETHEUS", label: "Data source", type: "datasource", query: "prometheus", hide: 0 };
}

function labelVariable(label: string, matchers: string): object {
  const query = `label_values(${METRICS.draining.name}${matchers === "" ? "" : `{${matchers}}`}, ${label})`;
  const all = { includeAll: true, allValue: ".*", multi: true, current: { text: "All", value: "$__all" } };
  return {
    name: label,
    label,
    type: "query",
    datasource: DATASOURCE,
    query,
    definition: query,
    refresh: 2,
    sort: 1,
    ...all,
  };
}

/** Firing alerts of the rules in deploy/prometheus, over all panels. */
function alertAnnotation(): object {
  return {
    name: "Alerts",
    datasource: DATASOURCE,
    enable: true,
    iconColor: BAD,
    expr: 'ALERTS{alertname=~"Healthbridge.*",alertstate="firing",job=~"$job",instance=~"$instance"}',
    titleFormat: "{{alertname}}",
    textFormat: "{{service}}{{check}} ({{instance}})",
  };
}
