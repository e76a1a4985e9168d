/** Medians and quantiles. */

/** The figures of one measurement, by name. */
export type Figures = Readonly<Record<string, number>>;

/** The median; NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The median of each figure, over the samples that have it. */
export function medians(samples: readonly Figures[]): Figures {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  const of = (name: string) => median(samples.map((sample) => sample[name]).filter((value) => value !== undefined));
  return Object.fromEntries([...names].map((name) => [name, of(name)]));
}

/** The smallest value that at least this share of all values does not exceed; 0 without values. Sorts in place. */
export function quantile(values: number[], share: number): number {
  values.sort((one, other) => one - other);
  return values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;
}

/** A number with three significant digits; a dash for NaN. */
export function rounded(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
