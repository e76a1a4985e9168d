/**
 * Prometheus' text format 0.0.4, read strictly: anything that a scraper could take amiss throws.
 *
 * Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
 */

/** One line of a page: a value under its name and labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HELP_LINE = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\\\\\|\\\\n)*)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE_LINE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/y;
const FLOAT = /^(?:NaN|[+-]Inf|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)$/;

/** Every metric of a page, in its order. */
export function familiesOf(page: string): readonly Family[] {
  if (!page.endsWith("\n")) throw new Error("the last line has no line feed");
  const families: { name: string; help: string; type: Family["type"]; samples: Sample[] }[] = [];
  let help: readonly [name: string, text: string] | undefined;
  for (const line of page.slice(0, -1).split("\n")) {
    const [, helpName, helpText = ""] = HELP_LINE.exec(line) ?? [];
    const [, typeName, type] = TYPE_LINE.exec(line) ?? [];
    if (helpName !== undefined) {
      help = [helpName, unescaped(helpText)];
    } else if (typeName !== undefined) {
      if (help?.[0] !== typeName) throw new Error(`TYPE does not follow the HELP of its metric: ${line}`);
      if (families.some(({ name }) => name === typeName)) throw new Error(`a metric stands there twice: ${line}`);
      families.push({ name: typeName, help: help[1], type: type as Family["type"], samples: [] }); // the pattern's words
    } else {
      const family = families.at(-1);
      const sample = readSample(line);
      if (family === undefined || !namesOf(family).includes(sample.name)) throw new Error(`under no TYPE: ${line}`);
      family.samples.push(sample);
    }
  }
  for (const family of families) checkFamily(family);
  return families;
}

/** Every sample of a page. */
export function samplesOf(page: string): readonly Sample[] {
  return familiesOf(page).flatMap(({ samples }) => samples);
}

/** The value of one series, whose labels are exactly these; `undefined` when there is none. */
export function readValue(
  page: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  return samplesOf(page).find(
    (sample) =>
      sample.name === name &&
      Object.keys(sample.labels).length === wanted.length &&
      wanted.every(([key, text]) => sample.labels[key] === text),
  )?.value;
}

function readSample(line: string): Sample {
  const [, name = "", labels, value = ""] = SAMPLE_LINE.exec(line) ?? [];
  if (!FLOAT.test(value)) throw new Error(`no sample: ${line}`);
  return { name, labels: readLabels(labels, line), value: Number(value.replace("Inf", "Infinity")) };
}

function readLabels(text: string | undefined, line: string): Readonly<Record<string, string>> {
  const labels = new Map<string, string>();
  if (text === undefined) return {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value = "", separator] = LABEL.exec(text) ?? [];
    if (name === undefined || labels.has(name)) throw new Error(`bad labels: ${line}`);
    if (separator === "," && LABEL.lastIndex === text.length) throw new Error(`a comma too many: ${line}`);
    labels.set(name, unescaped(value));
  }
  return Object.fromEntries(labels);
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
}

function namesOf({ name, type }: Family): readonly string[] {
  return type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

function checkFamily(family: Family): void {
  const { name, type, samples } = family;
  const series = samples.map((sample) => seriesOf(sample));
  if (new Set(series).size !== series.length) throw new Error(`${name} has a series twice`);
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} is below zero`);
  if (type === "histogram") for (const group of groupsOf(samples)) checkHistogram(name, group);
}

function seriesOf({ name, labels }: Sample): string {
  return name + JSON.stringify(Object.entries(labels).sort());
}

/** The samples of each series of a histogram. */
function groupsOf(samples: readonly Sample[]): Iterable<readonly Sample[]> {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = seriesOf({ ...sample, name: "", labels });
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return groups.values();
}

/** Buckets in order and cumulative, the last one +Inf and equal to the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => Number(labels.le?.replace("Inf", "Infinity")));
  const counts = buckets.map(({ value }) => value);
  const [count, sum] = ["count", "sum"].map((part) => samples.find((sample) => sample.name === `${name}_${part}`));
  const isAscending = bounds.every((bound, index) => index === 0 || bound > (bounds[index - 1] ?? bound));
  const isCumulative = counts.every((each, index) => index === 0 || each >= (counts[index - 1] ?? each));
  const isWhole = bounds.at(-1) === Infinity && counts.at(-1) === count?.value && sum !== undefined;
  if (!isAscending || !isCumulative || !isWhole) throw new Error(`${name} is no histogram`);
}
