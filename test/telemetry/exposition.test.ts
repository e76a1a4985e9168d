/** Prometheus' text format: what is written, read back by a strict parser of its own. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Durations } from "../../src/telemetry/counts.js";
import { type Series, writeMetric } from "../../src/telemetry/exposition.js";
import type { MetricRow } from "../../src/telemetry/metric-table.js";
import { familiesOf, samplesOf } from "../support/exposition.js";

const row = (more: Partial<MetricRow> = {}): MetricRow => ({
  name: "test_value",
  type: "gauge",
  labels: [],
  help: "Help.",
  ...more,
});

const write = (metric: MetricRow, series: readonly Series[]) => [...writeMetric(metric, series)].join("");

describe("a metric", () => {
  test("has its head before its series, also without one", () => {
    assert.equal(write(row(), []), "# HELP test_value Help.\n# TYPE test_value gauge\n");
    assert.equal(
      write(row({ labels: ["a", "b"] }), [{ labels: ["x", ""], value: 1 }]),
      '# HELP test_value Help.\n# TYPE test_value gauge\ntest_value{a="x",b=""} 1\n',
    );
  });

  test("may have any words: they are read as they were", () => {
    const words = ["", '"', "\\", "\n", '\\n"', "\\\\", "ü 日本 😀", "a,b", "}", "{", "=", "#", "\t", '\\\n"\\'];
    const help = 'a \\ b \n c " d \\n';
    const page = write(
      row({ labels: ["word"], help }),
      words.map((word, value) => ({ labels: [word], value })),
    );
    const [family] = familiesOf(page);
    assert.equal(family?.help, help);
    assert.deepEqual(
      family.samples.map(({ labels, value }) => [labels.word, value]),
      words.map((word, value) => [word, value]),
    );
  });

  test("may have any value", () => {
    const values = [0, 1, -1, 0.1, 1e21, 1e-7, -1.5e300, 2 ** 53, NaN, Infinity, -Infinity];
    const page = write(
      row({ labels: ["index"] }),
      values.map((value, index) => ({ labels: [String(index)], value })),
    );
    assert.deepEqual(
      samplesOf(page).map(({ value }) => value),
      values,
    );
    assert.match(page, /\{index="8"\} NaN\n.*\{index="9"\} \+Inf\n.*\{index="10"\} -Inf\n/);
  });

  test("of durations has cumulative buckets, the last of all, their sum and their count", () => {
    const durations = new Durations();
    for (const ms of [0, 1, 1.1, 250, 10_000, 10_001]) durations.observe(ms);
    for (const labels of [[], ["db"]]) {
      const page = write(row({ type: "histogram", labels: labels.map(() => "check") }), [{ labels, value: durations }]);
      const [family] = familiesOf(page);
      const at = (le: string) => family?.samples.find((sample) => sample.labels.le === le)?.value;
      assert.deepEqual([at("0.001"), at("0.0025"), at("0.25"), at("5"), at("10"), at("+Inf")], [2, 3, 4, 4, 5, 6]);
      const rest = family?.samples.slice(-2).map(({ name, value }) => [name, value]);
      assert.deepEqual(rest, [
        ["test_value_sum", 20.2531],
        ["test_value_count", 6],
      ]);
    }
  });
});

describe("the parser of the tests refuses", () => {
  const head = "# HELP a Help.\n# TYPE a gauge\n";
  const histogram = "# HELP a Help.\n# TYPE a histogram\n";
  const buckets = (text: string) => `${histogram}${text}a_sum 1\na_count 2\n`;
  const bad: Readonly<Record<string, string>> = {
    "no line feed at the end": `${head}a 1`,
    "a sample without a head": "a 1\n",
    "a sample of another metric": `${head}b 1\n`,
    "a head twice": head + head,
    "a type without help": "# TYPE a gauge\n",
    "an empty line": `${head}\na 1\n`,
    "a value that is none": `${head}a x\n`,
    "JavaScript's infinity": `${head}a Infinity\n`,
    "a quote in a label": `${head}a{b="""} 1\n`,
    "a backslash in a label": `${head}a{b="\\x"} 1\n`,
    "a comma too many": `${head}a{b="1",} 1\n`,
    "a label twice": `${head}a{b="1",b="2"} 1\n`,
    "a series twice": `${head}a{b="1",c="2"} 1\na{c="2",b="1"} 1\n`,
    "a backslash in help": "# HELP a \\x\n# TYPE a gauge\na 1\n",
    "a counter below zero": "# HELP a Help.\n# TYPE a counter\na -1\n",
    "buckets that fall": buckets('a_bucket{le="1"} 2\na_bucket{le="2"} 1\na_bucket{le="+Inf"} 2\n'),
    "buckets out of order": buckets('a_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\n'),
    "buckets without the last": buckets('a_bucket{le="2"} 2\n'),
    "a last bucket that is not the count": buckets('a_bucket{le="+Inf"} 1\n'),
  };
  for (const [what, page] of Object.entries(bad)) test(what, () => assert.throws(() => familiesOf(page)));

  test("and takes what is right", () => {
    assert.equal(samplesOf(buckets('a_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\n')).length, 4);
  });
});

describe("OpenMetrics", () => {
  const open = (metric: MetricRow, series: readonly Series[]) =>
    [...writeMetric(metric, series, "openmetrics")].join("");

  test("names a counter without its suffix in the head, and with it in the series", () => {
    const page = open(row({ name: "hits_total", type: "counter" }), [{ labels: [], value: 2 }]);
    assert.equal(page, "# HELP hits Help.\n# TYPE hits counter\nhits_total 2\n");
  });

  test("names the unit of seconds and bytes, also of a counter, and of nothing else", () => {
    const unitOf = (name: string, type: MetricRow["type"] = "gauge") =>
      /# UNIT (.*)/.exec(open(row({ name, type }), []))?.[1];
    assert.equal(unitOf("age_seconds"), "age_seconds seconds");
    assert.equal(unitOf("heap_bytes"), "heap_bytes bytes");
    assert.equal(unitOf("cpu_seconds_total", "counter"), "cpu_seconds seconds");
    assert.equal(unitOf("days_left"), undefined);
  });

  test("has a type of its own for what never changes", () => {
    const page = open(row({ name: "build_info", labels: ["version"] }), [{ labels: ["1"], value: 1 }]);
    assert.equal(page, '# HELP build Help.\n# TYPE build info\nbuild_info{version="1"} 1\n');
  });

  test("has a decimal point in each bound of a histogram", () => {
    const bounds = [
      ...open(row({ type: "histogram" }), [{ labels: [], value: new Durations() }]).matchAll(/le="(.*?)"/g),
    ];
    assert.ok(bounds.length > 10);
    for (const [, bound = ""] of bounds) assert.match(bound, /\.|^\+Inf$/);
  });

  test("escapes quotes in its help texts", () => {
    assert.equal(open(row({ help: 'a "b" \\ c\nd' }), []).split("\n")[0], '# HELP test_value a \\"b\\" \\\\ c\\nd');
  });
});
