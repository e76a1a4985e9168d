/** Figures made from figures. */

/** What was measured at once: figures by name. */
export type Figures = Readonly<Record<string, number>>;

/** The middle one; of an even number, the mean of the two in the middle. NaN of none. */
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

/** The value that a share of all values doesn't exceed; 0 of none. Sorts `values` in place. */
export function quantile(values: number[], share: number): number {
  values.sort((one, other) => one - other);
  return values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? 0;
}

/** A number for people, with three digits that count; a dash for one that there isn't. */
export function rounded(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
